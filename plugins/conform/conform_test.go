//go:build unix

package conform

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// options are those of the test program as one of its plugins.
func options(t *testing.T, which string) Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Command: self,
		// The race detector keeps a program for a second that wants to end.
		Env:     map[string]string{whichKey: which, "GORACE": "atexit_sleep_ms=0"},
		Timeout: 30 * time.Second, StartTimeout: 30 * time.Second, Calls: 5000, Clients: 300,
	}
}

// TestGood: a plugin that does as it should passes all checks, and has nothing
// skipped that it has.
func TestGood(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		which   string
		tls     TLS
		skipped []string
	}{
		{"good", Both, nil},
		{"good", With, []string{"without TLS"}},
		{"good", Without, []string{"without TLS"}},
		{"small", Both, []string{"unknown client", "clients that go", "events", "state"}},
		{"remembers", With, []string{"without TLS"}},
	} {
		t.Run(tt.which+strconv.Itoa(int(tt.tls)), func(t *testing.T) {
			t.Parallel()
			o := options(t, tt.which)
			o.TLS = tt.tls
			if runtime.GOOS != "linux" {
				tt.skipped = append(tt.skipped, "processes left")
			}
			told := 0
			o.Done = func(Check) { told++ }
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if told != len(checks) || len(r) != len(checks) {
				t.Errorf("%d checks are told of, %d in the report, of %d", told, len(r), len(checks))
			}
			for _, c := range r {
				if c.Result == Failed || (c.Result == Skipped) != slices.Contains(tt.skipped, c.Name) {
					t.Errorf("%s: %s: %s", c.Name, c.Result, c.Detail)
				}
			}
			if n := r.Count(OK) + r.Count(Failed) + r.Count(Skipped); n != len(checks) {
				t.Errorf("%d checks have a result, of %d", n, len(checks))
			}
		})
	}
}

// TestEnemies: for each check there is a plugin that fails it, and is told why.
func TestEnemies(t *testing.T) {
	t.Parallel()
	var failed []string
	for _, tt := range []struct{ which, check, want string }{
		{"dead", "start", `it ended before its handshake: exit status 7; its last words are "no such database"`},
		{"talkative", "start", `its first line is "Welcome!"`},
		{"refuses", "configure", "the plugin refuses its configuration: no url"},
		{"wishes", "configure", `"a..b"`},
		{"not well", "health", "its health is NOT_SERVING"},
		{"TLS only", "without TLS", `its last words are "no certificate"`},
		{"wrong verdict", "answers", "registration 0 (publish): bad_reply: drop is no answer at publish"},
		{"silent", "answers", "registration 0 (publish): there is no answer within 200ms: answer each request once, by its id, and in time"},
		{"late", "answers", "registration 0 (publish): there is no answer within 200ms"},
		{"mangles subjects", "bytes", `registration 0 (rewrite): the bytes "\xff\xfe\x80" of the subject come back as U+FFFD: keep them as bytes, they are not always text`},
		{"mangles payloads", "bytes", `registration 0 (inspect): the bytes "\xff\xfe\x80" of the payload come back as U+FFFD`},
		{"cuts off", "large message", "registration 1 (inspect): of a payload of 1048576 bytes the first 65536 come back: take and send frames of any size"},
		{"UTF-8 only", "bytes", "Aborted: I give up"},
		{"small messages only", "large message", "Aborted: I give up"},
		{"twice", "replies by id", "id 2 is answered twice, id 4 is answered twice, id 6 is answered twice, and 99 more: answer each request once, by its id"},
		{"other ids", "replies by id", "was never asked"},
		{"one a frame", "replies by id", "198 of 201 requests have no answer within 200ms: answer each request once, by its id"},
		{"mixes up", "unknown point", "the answers of a frame have the ids of each other: an answer has the id of its own request"},
		{"all points", "unknown point", "the unknown point 99 is answered by VERDICT_PASS"},
		{"everybody", "unknown client", "a client that was not introduced is answered by VERDICT_PASS"},
		{"hasty", "clients that go", "a request in the frame with which its client goes has no answer: who is it?"},
		{"loyal", "clients that go", "a client that has gone is answered by VERDICT_PASS"},
		{"no patience", "deadlines", "requests had a timeout of 1 ms: "},
		{"tires", "load", "a call among many at publish: there is no answer within 200ms"},
		{"drops one", "load", "a call among many at publish: there is no answer within 1s"},
		{"no events", "events", "Notify: Unimplemented: no events"},
		{"no state", "state", "by Handover: Unknown: it is a mess"},
		{"strange state", "state", "does not take the state of 4 bytes: the plugin refuses its configuration: what is this?"},
		{"forgets", "state", "the process that got a state of 2 bytes hands over what one hands over that got none: take over what Configure brings in state"},
		{"fickle", "kill and restart", "registers something else than before"},
		{"silent", "kill and restart", "after the restart: registration 0 (publish): there is no answer within 200ms"},
		{"stays", "shutdown", "it does not end within 1s of Shutdown: signal: killed: end the process when plugin.GRPCController is called, and whatever it waits for"},
		{"not well", "shutdown", "it does not end within 1s of Shutdown"},
		{"loud", "standard output", "the plugin writes to its standard output"},
		{"loud when asked", "standard output", "the plugin writes to its standard output"},
		{"says goodbye", "standard output", "the plugin writes to its standard output"},
	} {
		failed = append(failed, tt.check)
		t.Run(tt.check+"/"+tt.which, func(t *testing.T) {
			t.Parallel()
			o := options(t, tt.which)
			switch tt.which {
			case "not well":
				o.TLS = Without
			case "silent", "late", "one a frame", "tires":
				o.Timeout = 200 * time.Millisecond
			case "drops one":
				o.Timeout = time.Second
			}
			c := look(t, o, tt.check)
			if c.Result != Failed || !strings.Contains(c.Detail, tt.want) || strings.Contains(c.Detail, "\n") {
				t.Errorf("%s: %q, want FAIL: %q in one line", c.Result, c.Detail, tt.want)
			}
		})
	}
	for _, c := range checks {
		if c.name != "processes left" && !slices.Contains(failed, c.name) { // which has a test of its own
			t.Errorf("nothing fails %q", c.name)
		}
	}
}

// look makes one check, and those that it needs, and returns what came of it.
func look(t *testing.T, o Options, name string) Check {
	t.Helper()
	list := slices.Clone(checks[:needed])
	for _, c := range checks[needed:] {
		if c.name == name || name == "standard output" && c.name == "replies by id" { // of a plugin that is asked
			list = append(list, c)
		}
	}
	r, err := run(t.Context(), o, list)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(r, func(c Check) bool { return c.Name == name })
	for _, c := range r[i+1:] {
		if c.Result != Skipped {
			t.Errorf("after %s failed, %s is %s", name, c.Name, c.Result)
		}
	}
	return r[i]
}

// TestLeft: a process that has left its group is found.
func TestLeft(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		if c := look(t, options(t, "has child"), "processes left"); c.Result != Skipped {
			t.Errorf("got %s", c.Result)
		}
		return
	}
	c := look(t, options(t, "has child"), "processes left")
	_, list, _ := strings.Cut(c.Detail, "[")
	list, _, _ = strings.Cut(list, "]")
	for pid := range strings.FieldsSeq(list) {
		n, err := strconv.Atoi(pid)
		if err == nil {
			err = syscall.Kill(n, syscall.SIGKILL)
		}
		if err != nil {
			t.Error(err)
		}
	}
	if c.Result != Failed || list == "" {
		t.Errorf("%s: %q", c.Result, c.Detail)
	}
}

// TestOptions: what is wrong is told before anything runs.
func TestOptions(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), Options{Calls: -1}); err == nil || !strings.Contains(err.Error(), "no program\n") || !strings.Contains(err.Error(), "negative") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := Run(ctx, options(t, "good"))
	if !errors.Is(err, context.Canceled) || len(r) != 0 {
		t.Errorf("got %v, %v", r, err)
	}
}
