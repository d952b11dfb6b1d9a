//go:build (node || python) && unix

package plugins_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/hooks"
	"moonwire/plugins"
)

// patience is for what has to come.
const patience = time.Minute

// The registrations of the test plugins, which are the same in all languages.
const (
	atConnect = iota
	atPublish
	atSubscribe
	atRewrite
	atInspect
	atEvent
)

// copyTree copies a folder, without what package managers put there, and returns
// the copy.
func copyTree(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch d.Name() {
		case "node_modules", "__pycache__":
			return filepath.SkipDir
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// command runs a command in a folder, and returns what it printed.
func command(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", c.Args, err, out)
	}
	return string(out)
}

// open starts a plugin, and closes it when the test ends.
func open(t testing.TB, o plugins.Options, old hooks.Engine) (*plugins.Plugin, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	o.Name, o.Log, o.StartTimeout, o.RestartMin = "policy", zap.New(core), patience, time.Millisecond
	p, err := plugins.Open(t.Context(), o, old)
	if err != nil {
		t.Fatalf("%v\n%v", err, logs.All())
	}
	t.Cleanup(func() { closePlugin(t, p) })
	return p, logs
}

func closePlugin(t testing.TB, p *plugins.Plugin) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		t.Error(err)
	}
}

func bob() *hooks.Client {
	return &hooks.Client{ID: 7, User: "bob", Account: "A", Host: "h", Kind: "STANDARD"}
}

// ask asks one question, for at most a while.
func ask(t testing.TB, p *plugins.Plugin, registration int, d time.Duration, fill func(*hooks.Call)) (hooks.Result, error) {
	t.Helper()
	c := hooks.NewCall()
	t.Cleanup(c.Done)
	c.Client, c.MaxPayload = bob(), 16<<20
	fill(c)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	err := p.Do(ctx, registration, []*hooks.Call{c})
	if err == nil {
		err = c.Err
	}
	return c.Out, err
}

// publish asks about a subject.
func publish(subject string) func(*hooks.Call) {
	return func(c *hooks.Call) { c.Subject = []byte(subject) }
}

// connect asks about a user.
func connect(user, password string) func(*hooks.Call) {
	return func(c *hooks.Call) {
		c.Client, c.Connect = &hooks.Client{ID: 9, Host: "h"}, &hooks.ConnectInfo{User: user, Password: password}
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

// control is a broker's control that notes what is asked of it.
type control struct{ asked chan string }

func (c *control) Disconnect(of hooks.Selector, reason string) (int, error) {
	c.asked <- fmt.Sprintf("disconnect %s: %s", of.User, reason)
	return 1, nil
}

func (c *control) SetPermissions(of hooks.Selector, p *hooks.Permissions) (int, error) {
	c.asked <- fmt.Sprintf("permissions %d: %v", of.ID, p.Publish.Deny)
	return 1, nil
}

// testPolicy holds the test plugin of an SDK to what all of them do: answers,
// failures, commands, logs, restart, handover, the end.
func testPolicy(t *testing.T, o plugins.Options) {
	t.Run("answers", func(t *testing.T) {
		t.Parallel()
		p, logs := open(t, o, nil)
		if v, sum := p.Version(); v != "test-1" || len(sum) != 64 {
			t.Errorf("version %q, sum %q", v, sum)
		}
		for _, tt := range []struct {
			name         string
			registration int
			fill         func(*hooks.Call)
			want         hooks.Result
			err          string
		}{
			{"connect", atConnect, connect("ann", "A"), hooks.Result{
				Verdict: hooks.Allow, Identity: &hooks.Identity{User: "ann", Account: "A", Tags: map[string]string{"host": "h"}},
			}, ""},
			{"connect denied", atConnect, connect("deny", ""), hooks.Result{Verdict: hooks.Deny, Reason: "no deny"}, ""},
			{"misspelt", atConnect, connect("typo", ""), hooks.Result{}, "permisions"},
			{"publish", atPublish, publish("p.x"), hooks.Result{Verdict: hooks.Allow}, ""},
			{"publish denied", atPublish, publish("p.deny"), hooks.Result{Verdict: hooks.Deny, Reason: "by bob"}, ""},
			{"odd bytes", atPublish, publish("p.\xff\xfe"), hooks.Result{Verdict: hooks.Allow}, ""},
			{"failed", atPublish, publish("p.fail"), hooks.Result{}, "on purpose"},
			{"thrown", atPublish, publish("p.throw"), hooks.Result{}, "publish: by order"},
			{"no answer", atPublish, publish("p.wrong"), hooks.Result{}, "publish: it returned"},
			{"answer of another point", atPublish, publish("p.drop"), hooks.Result{}, "publish: it returned drop()"},
			{"subscribe", atSubscribe, publish("s"), hooks.Result{}, ""},
			{"subscribe denied", atSubscribe, func(c *hooks.Call) {
				c.Subject, c.Queue = []byte("s"), []byte("no")
			}, hooks.Result{Verdict: hooks.Deny, Reason: "s"}, ""},
			{"odd bytes denied", atSubscribe, func(c *hooks.Call) {
				c.Subject, c.Queue = []byte("s.\xff"), []byte("no")
			}, hooks.Result{Verdict: hooks.Deny, Reason: "s.\ufffd"}, ""},
			{"rewrite", atRewrite, publish("r.x"), hooks.Result{Verdict: hooks.Replace, Subject: []byte("t.A.r.x")}, ""},
			{"inspect", atInspect, func(c *hooks.Call) {
				c.Subject, c.Header, c.Payload, c.Size = []byte("i.x"), []byte("NATS/1.0\r\nseen: a\r\nX: y\r\n\r\n"), []byte("pay"), 30
			}, hooks.Result{
				Verdict: hooks.Replace, Header: []byte("NATS/1.0\r\nX: y\r\nSeen: a30\r\n\r\n"), Payload: []byte("PAY"),
			}, ""},
			{"inspect drops", atInspect, publish("i.x"), hooks.Result{Verdict: hooks.Drop, Reason: "empty"}, ""},
			{"a large payload", atInspect, func(c *hooks.Call) {
				c.Subject, c.Payload = []byte("i.x"), []byte(strings.Repeat("a", 8<<20))
			}, hooks.Result{
				Verdict: hooks.Replace, Header: []byte("NATS/1.0\r\nSeen: 0\r\n\r\n"), Payload: []byte(strings.Repeat("A", 8<<20)),
			}, ""},
		} {
			got, err := ask(t, p, tt.registration, patience, tt.fill)
			if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("%s: got %v, want %s", tt.name, err, tt.err)
			}
			if tt.err == "" && err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			if !reflect.DeepEqual(tt.want, got) {
				t.Errorf("%s: got %.200q, want %.200q", tt.name, fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", tt.want))
			}
		}
		if logs.FilterMessage(isBack).Len() != 0 {
			t.Errorf("the plugin has died: %v", logs.All())
		}
	})

	t.Run("a slow answer", func(t *testing.T) {
		t.Parallel()
		p, _ := open(t, o, nil)
		if _, err := ask(t, p, atConnect, 20*time.Millisecond, connect("slow", "")); err == nil {
			t.Error("there is an answer")
		}
		if got, err := ask(t, p, atConnect, patience, connect("ann", "")); err != nil || got.Verdict != hooks.Allow {
			t.Errorf("got %v, %v", got, err)
		}
	})

	t.Run("commands and logs", func(t *testing.T) {
		t.Parallel()
		c := &control{make(chan string, 10)}
		o := o
		o.Control, o.Flush = c, func() { c.asked <- "flush" }
		p, logs := open(t, o, nil)
		for _, subject := range []string{"p.disconnect", "p.permissions", "p.invalidate", "p.noise.\xff"} {
			if _, err := ask(t, p, atPublish, patience, publish(subject)); err != nil {
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
		eventually(t, func() bool { return logs.FilterMessage("a line of noise").Len() == 1 }, "what was printed is logged")
		eventually(t, func() bool {
			return logs.FilterMessage("a line of the log").FilterField(zap.String("user", "bob")).FilterLevelExact(zap.WarnLevel).Len() == 1
		}, "the line is logged with its level and field")
	})

	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		p, logs := open(t, o, nil)
		pid := processID(t, p)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		// Who connects waits for the next process.
		if got, err := ask(t, p, atConnect, patience, connect("ann", "")); err != nil || got.Verdict != hooks.Allow {
			t.Errorf("got %v, %v", got, err)
		}
		if now := processID(t, p); now == pid {
			t.Errorf("the process %d is dead and answers", pid)
		}
		if got, err := ask(t, p, atPublish, patience, publish("p.deny")); err != nil || got.Reason != "by bob" {
			t.Errorf("got %v, %v", got, err)
		}
		eventually(t, func() bool { return logs.FilterMessage(isBack).Len() == 1 }, "the log says that the plugin is back")
	})

	t.Run("handover and end", func(t *testing.T) {
		t.Parallel()
		first, logs := open(t, o, nil)
		first.Notify(atEvent, []hooks.Event{
			{Type: hooks.EventConnect, Time: time.Now(), Client: bob()},
			{Type: hooks.EventDisconnect, Time: time.Now(), Client: bob()},
		})
		second, _ := open(t, o, first)
		if got, err := ask(t, second, atPublish, patience, publish("p.seen")); err != nil || got.Reason != "connect:bob disconnect:bob" {
			t.Errorf("got %v, %v", got, err)
		}
		start := time.Now()
		closePlugin(t, first)
		// It has put its things away, so it was not killed.
		if took := time.Since(start); took > time.Second || logs.FilterMessage("closed").Len() != 1 {
			t.Errorf("the end took %s; the log: %v", took, logs.All())
		}
	})

	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := o
		o.Name, o.StartTimeout, o.Config = "policy", patience, map[string]any{"refuse": "no url"}
		p, err := plugins.Open(t.Context(), o, nil)
		if err == nil {
			closePlugin(t, p)
		}
		if err == nil || !strings.Contains(err.Error(), "refuses its configuration: no url") {
			t.Errorf("got %v", err)
		}
	})
}

// isBack is what the log says when another process has taken the place of one that
// died.
const isBack = "the plugin is back"

// processID is that of the test plugin.
func processID(t testing.TB, p *plugins.Plugin) int {
	t.Helper()
	got, err := ask(t, p, atPublish, patience, publish("p.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(got.Reason)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// benchmarkPolicy asks a plugin in batches of one connection, two at a time: as
// many as the window lets out.
func benchmarkPolicy(b *testing.B, o plugins.Options) {
	p, _ := open(b, o, nil)
	for _, size := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("frame=%d", size), func(b *testing.B) {
			batch := func() []*hooks.Call {
				calls := make([]*hooks.Call, size)
				for i := range calls {
					calls[i] = hooks.NewCall()
					b.Cleanup(calls[i].Done)
					calls[i].Client, calls[i].Subject, calls[i].Payload = bob(), []byte("p.orders.new"), make([]byte, 128)
				}
				return calls
			}
			const callers = 2
			done := make(chan error, callers)
			b.ResetTimer()
			for range callers {
				calls := batch()
				go func() {
					for range (b.N + callers - 1) / callers {
						ctx, cancel := context.WithTimeout(context.Background(), patience)
						err := p.Do(ctx, atPublish, calls)
						cancel()
						if err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range callers {
				if err := <-done; err != nil {
					b.Error(err)
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "decisions/s")
		})
	}
}
