package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/hooks"
)

// The registrations of the test program.
const (
	atConnect = iota
	atPublish
	atSubscribe
	atRewrite
	atInspect
	atEvent
)

// control is a server's control that notes what is asked of it.
type control struct{ asked chan string }

func (c *control) Disconnect(of hooks.Selector, reason string) (int, error) {
	c.asked <- fmt.Sprintf("disconnect %s: %s", of.User, reason)
	return 1, nil
}

func (c *control) SetPermissions(of hooks.Selector, p *hooks.Permissions) (int, error) {
	c.asked <- fmt.Sprintf("permissions %d: %v", of.ID, p.Publish.Deny)
	return 1, nil
}

// open starts the test program.
func open(t testing.TB, change func(*Options), old hooks.Engine) (*Plugin, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	p, err := Open(t.Context(), options(t, core, change), old)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return p, logs
}

// options are those of the test program: the test binary itself.
func options(t testing.TB, core zapcore.Core, change func(*Options)) Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Name: "policy", Command: self, Log: zap.New(core), RestartMin: time.Millisecond, StartTimeout: 30 * time.Second}
	if change != nil {
		change(&o)
	}
	return o
}

// call returns a question of a client.
func call(t testing.TB, c *hooks.Client, subject string) *hooks.Call {
	t.Helper()
	q := hooks.NewCall()
	t.Cleanup(q.Done)
	q.Client, q.Subject, q.MaxPayload = c, []byte(subject), 1<<20
	return q
}

// ask asks one question, for at most a while.
func ask(t testing.TB, p *Plugin, registration int, c *hooks.Call, d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	err := p.Do(ctx, registration, []*hooks.Call{c})
	if err == nil {
		err = c.Err
	}
	return err
}

// patience is for what has to come.
const patience = 30 * time.Second

func bob() *hooks.Client {
	return &hooks.Client{ID: 7, User: "bob", Account: "A", Name: "n", Host: "h", Kind: "STANDARD", Tags: map[string]string{"a": "b"}}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	p, _ := open(t, nil, nil)
	if v, sum := p.Version(); v != "test-1" || len(sum) != 64 {
		t.Errorf("version %q, sum %q", v, sum)
	}
	for _, tt := range []struct {
		name         string
		registration int
		fill         func(*hooks.Call)
		subject      string
		want         hooks.Result
		err          string
	}{
		{"connect", atConnect, func(c *hooks.Call) {
			c.Client = &hooks.Client{ID: 9, Host: "h"}
			c.Connect = &hooks.ConnectInfo{User: "ann", Password: "A"}
		}, "", hooks.Result{Verdict: hooks.Allow, Identity: &hooks.Identity{User: "ann", Account: "A", Tags: map[string]string{"host": "h"}}}, ""},
		{"connect denied", atConnect, func(c *hooks.Call) { c.Connect = &hooks.ConnectInfo{User: "deny"} }, "", hooks.Result{Verdict: hooks.Deny, Reason: "no deny"}, ""},
		{"publish", atPublish, nil, "p.x", hooks.Result{Verdict: hooks.Allow}, ""},
		{"publish denied", atPublish, nil, "p.deny", hooks.Result{Verdict: hooks.Deny, Reason: "by bob"}, ""},
		{"odd bytes", atPublish, nil, "p.\xff\xfe", hooks.Result{Verdict: hooks.Allow}, ""},
		{"failed", atPublish, nil, "p.fail", hooks.Result{}, "runtime: the plugin says: on purpose"},
		{"panic", atPublish, nil, "p.panic", hooks.Result{}, "runtime: the plugin says: the plugin panicked: by order"},
		{"a subject, which the chain refuses", atPublish, nil, "p.to", hooks.Result{Verdict: hooks.Replace}, ""},
		{"subscribe", atSubscribe, nil, "s", hooks.Result{}, ""},
		{"subscribe denied", atSubscribe, func(c *hooks.Call) { c.Queue = []byte("no") }, "s", hooks.Result{Verdict: hooks.Deny, Reason: "s"}, ""},
		{"rewrite", atRewrite, nil, "r.x", hooks.Result{Verdict: hooks.Replace, Subject: []byte("t.A.r.x")}, ""},
		{"inspect", atInspect, func(c *hooks.Call) {
			c.Header, c.Payload, c.Size = []byte("NATS/1.0\r\nseen: a\r\nX: y\r\n\r\n"), []byte("pay"), 30
		}, "i.x", hooks.Result{Verdict: hooks.Replace, Header: []byte("NATS/1.0\r\nX: y\r\nSeen: a30\r\n\r\n"), Payload: []byte("PAY")}, ""},
		{"inspect drops", atInspect, nil, "i.x", hooks.Result{Verdict: hooks.Drop, Reason: "empty"}, ""},
	} {
		c := call(t, bob(), tt.subject)
		if tt.fill != nil {
			tt.fill(c)
		}
		err := ask(t, p, tt.registration, c, patience)
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%s: got %v, want %s", tt.name, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, c.Out); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestMalformedHeaders: a plugin is not shown headers that receivers may take for
// others: the message is denied, and the rest of its batch is asked about. Who asks
// for no headers may decide about such messages.
func TestMalformedHeaders(t *testing.T) {
	t.Parallel()
	p, _ := open(t, nil, nil)
	const smuggled = "NATS/1.0\r\nA: 1\nRole: admin\r\n\r\n"
	denied := hooks.Result{Verdict: hooks.Deny, Reason: hooks.MalformedHeader}
	passed := hooks.Result{Verdict: hooks.Replace, Header: []byte("NATS/1.0\r\nSeen: 5\r\n\r\n"), Payload: []byte("PAY")}
	for _, tt := range []struct {
		registration int
		headers      []string
		want         []hooks.Result
	}{
		{atInspect, []string{smuggled}, []hooks.Result{denied}},
		{atInspect, []string{"", smuggled, "NATS/1.0\r\n\r\n", smuggled}, []hooks.Result{passed, denied, passed, denied}},
		{atPublish, []string{smuggled}, []hooks.Result{denied}}, // without a word about fields it gets all
		{atRewrite, []string{smuggled}, []hooks.Result{{Verdict: hooks.Replace, Subject: []byte("t.A.p.x")}}},
	} {
		var calls []*hooks.Call
		for _, h := range tt.headers {
			c := call(t, bob(), "p.x")
			c.Header, c.Payload, c.Size, c.MaxPayload = []byte(h), []byte("pay"), 5, 1000
			calls = append(calls, c)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := p.Do(ctx, tt.registration, calls)
		cancel()
		for i, c := range calls {
			if diff := cmp.Diff(tt.want[i], c.Out); diff != "" || c.Err != nil || err != nil {
				t.Errorf("registration %d, %q: %v, %v\n%s", tt.registration, tt.headers[i], c.Err, err, diff)
			}
		}
	}
}

// TestBatch: many connections ask batches at once; each gets its own answers, in
// the frames of a narrow window.
func TestBatch(t *testing.T) {
	t.Parallel()
	p, _ := open(t, func(o *Options) { o.BatchMax, o.BatchBytes = 7, 4096 }, nil)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			c := &hooks.Client{ID: uint64(i + 1), User: fmt.Sprint("u", i)}
			for round := range 20 {
				var calls []*hooks.Call
				for n := range 1 + (i+round)%11 {
					subject := "p.x"
					if n%3 == 0 {
						subject = "p.deny"
					}
					calls = append(calls, call(t, c, subject))
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				err := p.Do(ctx, atPublish, calls)
				cancel()
				if err != nil {
					t.Error(err)
					return
				}
				for n, q := range calls {
					want := hooks.Result{Verdict: hooks.Allow}
					if n%3 == 0 {
						want = hooks.Result{Verdict: hooks.Deny, Reason: "by " + c.User}
					}
					if diff := cmp.Diff(want, q.Out); diff != "" || q.Err != nil {
						t.Errorf("client %d, call %d: %v\n%s", i, n, q.Err, diff)
					}
				}
			}
		})
	}
	wg.Wait()
	if l := p.now.Load().link; l.late.Load() != 0 {
		t.Errorf("%d answers that nobody waited for", l.late.Load())
	}
}

// TestTimeout: an answer that does not come in time is a timeout, one that comes
// afterwards is dropped, and the window is free again.
func TestTimeout(t *testing.T) {
	t.Parallel()
	p, _ := open(t, nil, nil)
	for range 5 {
		if err := ask(t, p, atPublish, call(t, bob(), "p.late"), 10*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	}
	l := p.now.Load().link
	if n := l.late.Load(); n != 0 {
		t.Errorf("%d answers came late before there were any", n)
	}
	c := call(t, bob(), "p.release")
	if err := ask(t, p, atPublish, c, patience); err != nil || c.Out.Verdict != hooks.Allow {
		t.Errorf("got %v, %v", c.Out, err)
	}
	eventually(t, func() bool { return l.late.Load() == 5 }, "all five late answers are counted")
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.mu.waiting.list) != 0 || l.mu.out != 0 {
		t.Errorf("%d batches and %d frames are left", len(l.mu.waiting.list), l.mu.out)
	}
}

// eventually waits until something is so.
func eventually(t testing.TB, is func() bool, what string) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it does not come about that %s", what)
		}
	}
}

// TestDeath: a call that kills two processes fails; whatever comes then waits for
// the next one.
func TestDeath(t *testing.T) {
	t.Parallel()
	p, logs := open(t, nil, nil)
	var e *hooks.Error
	if err := ask(t, p, atPublish, call(t, bob(), "p.die"), patience); !errors.As(err, &e) || e.Kind != hooks.KindTransport {
		t.Fatalf("got %v", err)
	}
	c := call(t, &hooks.Client{ID: 1}, "")
	c.Connect = &hooks.ConnectInfo{User: "ann"}
	if err := ask(t, p, atConnect, c, patience); err != nil || c.Out.Verdict != hooks.Allow {
		t.Fatalf("connect: got %v, %v", c.Out, err)
	}
	if !p.Up() || p.Restarts() != 2 {
		t.Errorf("up %v, %d restarts", p.Up(), p.Restarts())
	}
	c = call(t, bob(), "p.deny") // the new process knows the client as well
	if err := ask(t, p, atPublish, c, patience); err != nil || c.Out.Reason != "by bob" {
		t.Errorf("got %v, %v", c.Out, err)
	}
	for _, line := range []string{"the plugin has ended and is restarted", "the plugin is back"} {
		if logs.FilterMessage(line).Len() != 2 {
			t.Errorf("the line %q is there %d times", line, logs.FilterMessage(line).Len())
		}
	}
}

// TestHung: a process that stands still is replaced when somebody has waited in
// vain.
func TestHung(t *testing.T) {
	t.Parallel()
	p, _ := open(t, func(o *Options) { o.HealthEvery = patience }, nil)
	stopProcess(t, p.now.Load().process.program.pid())
	eventually(t, func() bool { // it may take a moment until the last thread stands
		err := ask(t, p, atPublish, call(t, bob(), "p.x"), 20*time.Millisecond)
		return errors.Is(err, context.DeadlineExceeded)
	}, "nobody answers")
	eventually(t, func() bool { return p.Up() && p.Restarts() == 1 }, "the plugin is back")
	if err := ask(t, p, atPublish, call(t, bob(), "p.x"), patience); err != nil {
		t.Error(err)
	}
}

// TestHandover: the state goes from one process to the next.
func TestHandover(t *testing.T) {
	t.Parallel()
	p, _ := open(t, nil, nil)
	p.Notify(atEvent, []hooks.Event{
		{Type: hooks.EventConnect, Time: time.Now(), Client: bob()},
		{Type: hooks.EventDisconnect, Time: time.Now(), Client: bob()},
	})
	q, _ := open(t, nil, p)
	state, _, err := handover(t.Context(), q)
	if want := "connect:bob disconnect:bob"; err != nil || string(state) != want {
		t.Errorf("got %q, %v, want %q", state, err, want)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	c := &control{make(chan string, 10)}
	p, logs := open(t, func(o *Options) { o.Control, o.Flush = c, func() { c.asked <- "flush" } }, nil)
	for _, subject := range []string{"p.disconnect", "p.permissions", "p.invalidate", "p.nobody"} {
		if err := ask(t, p, atPublish, call(t, bob(), subject), patience); err != nil {
			t.Errorf("%s: %v", subject, err)
		}
	}
	for _, want := range []string{"disconnect eve: revoked", "permissions 7: [x]", "flush"} {
		select {
		case got := <-c.asked:
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("%q does not come", want)
		}
	}
	eventually(t, func() bool { return logs.FilterMessage("the plugin's command is refused").Len() == 1 }, "the refusal is logged")
}

// TestNarrowed: the commands of a hook that is for some accounts concern those.
func TestNarrowed(t *testing.T) {
	t.Parallel()
	c := &control{make(chan string, 10)}
	p, logs := open(t, func(o *Options) { o.Control, o.Accounts = c, []string{"B"} }, nil)
	if err := ask(t, p, atPublish, call(t, bob(), "p.disconnect"), patience); err != nil {
		t.Error(err)
	}
	eventually(t, func() bool { return logs.FilterMessage("the plugin's command is refused").Len() == 1 }, "the refusal is logged")
	if len(c.asked) > 0 {
		t.Errorf("the server was asked: %s", <-c.asked)
	}
}

// TestStandardError: what the program writes there is logged.
func TestStandardError(t *testing.T) {
	t.Parallel()
	p, logs := open(t, nil, nil)
	if err := ask(t, p, atPublish, call(t, bob(), "p.noise"), patience); err != nil {
		t.Error(err)
	}
	eventually(t, func() bool { return logs.FilterMessage("a line of noise").Len() == 1 }, "the line is logged")
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := dir + "/text"
	if err := os.WriteFile(text, []byte("#!/bin/sh\necho hello\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	plain := dir + "/plain"
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	quick := dir + "/quick"
	if err := os.WriteFile(quick, []byte("#!/bin/sh\nexit 4\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	orphan := dir + "/orphan"
	if err := os.WriteFile(orphan, []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	silent := dir + "/silent"
	if err := os.WriteFile(silent, []byte("#!/bin/sh\nsleep 100\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"no program", func(o *Options) { o.Command = "" }, "plugin: there is no program"},
		{"no such file", func(o *Options) { o.Command = dir + "/none" }, "there is no such file"},
		{"no such file, pinned", func(o *Options) { o.Command, o.SHA256 = dir+"/none", strings.Repeat("00", 32) }, "there is no such file"},
		{"no such interpreter", func(o *Options) { o.Command = orphan }, "the file is there, but not what it needs to run: look at its first line"},
		{"not executable", func(o *Options) { o.Command = plain }, "it cannot be executed"},
		{"no plugin", func(o *Options) { o.Command = text }, `its first line is "hello" and not the handshake`},
		{"ends at once", func(o *Options) { o.Command = quick }, "it ended before its handshake: exit status 4"},
		{"says nothing", func(o *Options) { o.Command, o.StartTimeout = silent, 200*time.Millisecond }, "it does not serve in time"},
		{"another sum", func(o *Options) { o.SHA256 = strings.Repeat("00", 32) }, "and not 0000"},
		{"no sum", func(o *Options) { o.SHA256 = "beef" }, `sha256: "beef" is not a SHA-256`},
		{"window", func(o *Options) { o.Window = -1 }, "window: -1 is out of range"},
		{"refused", func(o *Options) { o.Config = map[string]any{"refuse": "no jwks in config"} }, "the plugin refuses its configuration: no jwks in config"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := Open(t.Context(), options(t, zapcore.NewNopCore(), tt.change), nil)
			if err == nil {
				_ = p.Close(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestEnvironment: the program sees nothing of the broker's environment but what
// it needs.
func TestEnvironment(t *testing.T) {
	t.Setenv("MOONWIRE_SECRET", "s3cr3t")
	o := Options{Env: map[string]string{"LOG": "info", "HOME": "/nowhere"}}
	for _, v := range o.environment() {
		if name, _, _ := strings.Cut(v, "="); !strings.Contains(" LOG PATH HOME TMPDIR LANG TZ ", " "+name+" ") || v == "HOME="+os.Getenv("HOME") {
			t.Errorf("%s is in it", name)
		}
	}
}

// TestGone: the plugin is told to forget clients that nobody here knows any more.
func TestGone(t *testing.T) {
	t.Parallel()
	p, _ := open(t, nil, nil)
	once := func(c *hooks.Client) {
		q := hooks.NewCall()
		defer q.Done()
		q.Client, q.Subject = c, []byte("p.x")
		if err := ask(t, p, atPublish, q, patience); err != nil {
			t.Error(err)
		}
	}
	once(bob())
	l, other := p.now.Load().link, bob()
	eventually(t, func() bool {
		runtime.GC()
		once(other)
		return l.forgotten.Load() > 0
	}, "a client is forgotten")
}

// TestProcessors: a plugin leaves half of the processors to the broker, unless its
// environment says otherwise.
func TestProcessors(t *testing.T) {
	t.Parallel()
	using := func(env map[string]string) int {
		p, _ := open(t, func(o *Options) { o.Env = env }, nil)
		c := call(t, bob(), "p.processors")
		if err := ask(t, p, atPublish, c, patience); err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(c.Out.Reason)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := using(nil); n < 1 || n > max(1, runtime.NumCPU()/2) {
		t.Errorf("it uses %d of %d", n, runtime.NumCPU())
	}
	if n := using(map[string]string{"GOMAXPROCS": "3"}); n != 3 {
		t.Errorf("it uses %d, and is to use 3", n)
	}
}
