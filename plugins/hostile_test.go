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
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
)

// front is a broker's side of an enemy: its manager, its log, and what is told of
// failures.
type front struct {
	t       testing.TB
	name    string
	client  *hooks.Client // who asks
	manager *hooks.Manager
	logs    *observer.ObservedLogs
	log     *zap.Logger
	change  func(*Options)
	onError hooks.OnError
	timeout time.Duration // 0: the broker's own

	connectTimeout time.Duration // likewise

	mu       sync.Mutex
	failures []string
	opened   []*Plugin
}

func newFront(t testing.TB, name string) *front {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	f := &front{t: t, name: name, client: bob(), logs: logs, log: zap.New(core), timeout: time.Second}
	f.manager = hooks.NewManager(hooks.ManagerOptions{
		Probation: -1,
		Options: hooks.Options{
			Breaker: hooks.BreakerOptions{MinCalls: 1 << 40}, // that is another's test
			Observer: hooks.Observer{Failure: func(e hooks.Failure) {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.failures = append(f.failures, e.Err.Error())
			}},
		},
	})
	t.Cleanup(func() {
		if err := f.manager.Close(context.Background()); err != nil {
			t.Error(err)
		}
		for _, p := range f.opened {
			if r := p.now.Load(); r.process != nil {
				if pid := r.process.program.pid(); !gone(pid) {
					t.Errorf("the process %d is still there", pid)
				}
				if _, err := os.Stat(r.process.dir); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the directory %s is still there: %v", r.process.dir, err)
				}
			}
		}
	})
	return f
}

// load loads the enemy, and behind it a witness that has nothing to do with it.
func (f *front) load() error {
	witness := hooktest.Spec("witness", hooktest.At(hooks.AtPublish, func(c *hooks.Call) { c.Out.Verdict = hooks.Allow }, "w.>"))
	witness.Version = "1"
	timeout := hooks.PerPoint[time.Duration]{}.All(f.timeout)
	timeout[hooks.AtConnect] = f.connectTimeout
	return f.manager.Load(f.t.Context(), []hooks.Spec{
		{
			Hook: hooks.Hook{
				Name: f.name, OnError: hooks.PerPoint[hooks.OnError]{}.All(f.onError), Timeout: timeout,
			},
			Open: func(ctx context.Context, old hooks.Engine) (hooks.Engine, error) {
				p, err := Open(ctx, f.options(), old)
				if err != nil {
					return nil, err
				}
				f.opened = append(f.opened, p)
				return p, nil
			},
		},
		witness,
	})
}

func (f *front) options() Options {
	return options(f.t, zapcore.NewNopCore(), func(o *Options) {
		o.Log, o.Env, o.HealthEvery = f.log, map[string]string{enemyKey: f.name}, 50*time.Millisecond
		o.RestartMax = 20 * time.Millisecond
		if f.change != nil {
			f.change(o)
		}
	})
}

// ask asks whether a client may publish to a subject.
func (f *front) ask(subject string) hooks.Outcome {
	f.t.Helper()
	return f.askWith(subject, nil)
}

// askWith is the same with a payload.
func (f *front) askWith(subject string, payload []byte) hooks.Outcome {
	f.t.Helper()
	c := call(f.t, f.client, subject)
	c.Payload = payload
	var s hooks.Session
	start := time.Now()
	f.manager.Table("A").Do(f.t.Context(), &s, hooks.AtPublish, []*hooks.Call{c})
	if d := time.Since(start); d > f.timeout+patience {
		f.t.Errorf("%s: it took %v", subject, d)
	}
	return c.Outcome
}

// failed reports whether a failure was told that has a text.
func (f *front) failed(text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.failures {
		if strings.Contains(e, text) {
			return true
		}
	}
	return false
}

// logged reports whether there is a line that has a text, in its message or fields.
func (f *front) logged(text string) bool { return f.line(text) != "" }

func (f *front) line(text string) string {
	for _, e := range f.logs.All() {
		line := fmt.Sprint(e.Message, " ", e.ContextMap())
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

// TestEnemiesAtStart: a program that cannot be a plugin is refused, with one line
// that says why.
func TestEnemiesAtStart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		want string
	}{
		{"last words", `it ended before its handshake: exit status 7; its last words are "no such database"`},
		{"half a line", `its first line is "1|1|unix" and not the handshake`},
		{"endless line", "it serves at unix 1: want a unix socket"},
		{"another version", "it does not speak version 1 of the protocol"},
		{"another handshake", "incompatible core API version"},
		{"over the net", "it serves at tcp 127.0.0.1:1: want a unix socket"},
		{"net/rpc", `unsupported plugin protocol "netrpc"`},
		{"nobody there", "no such file or directory"},
		{"no answer", "exit status 8"},
		{"elsewhere", "want a unix socket in the directory PLUGIN_UNIX_SOCKET_DIR"},
		{"certificate", "it has a certificate, and mtls is false"},
		{"fat answer", "configuring it: grpc: received message larger than max"},
		{"no TLS", "it does not speak the mutual TLS"},
		{"another service", "it does not serve moonwire.hook.v1.Hook"},
		{"no registration", "the plugin registers nothing"},
		{"unknown point", "registration 0: 77 is no point"},
		{"unknown field", "registration 0: fields: 99 is no field"},
		{"bad subject", `"a..b"`},
		{"cache", "user"},
		{"hangs in Configure", "it does not answer Configure in time"},
		{"dies in Configure", `it ended: exit status 2; its last words are`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, tt.name)
			f.change = func(o *Options) {
				o.StartTimeout = 20 * time.Second
				switch tt.name {
				case "hangs in Configure":
					o.StartTimeout = 5 * time.Second // it has to get there
				case "another service", "certificate", "elsewhere":
					o.NoMTLS = true
				}
			}
			err := f.load()
			if err == nil {
				t.Fatal("it is loaded")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want %q in one line", err, tt.want)
			}
			if o := f.ask("p.x"); o.Verdict != hooks.Pass {
				t.Errorf("something is loaded: %+v", o)
			}
		})
	}
}

// TestEnemies: whatever a plugin does, its calls come to an end as on_error says,
// the log says why, and others serve on.
func TestEnemies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		verdict hooks.Verdict // of a call
		onError hooks.OnError
		timeout time.Duration // of a call; 0 is much
		failure string        // of the hook
		line    string        // in the log
	}{
		{name: "noise", verdict: hooks.Allow, line: "lines were left out"},
		{name: "long noise", verdict: hooks.Allow, line: "noise without an end"},
		{name: "stdout", verdict: hooks.Allow, line: "the plugin writes to its standard output"},
		{name: "dumb stdout", verdict: hooks.Allow, line: "the plugin writes to its standard output"},
		{name: "not well", verdict: hooks.Allow, line: "it is not well: its health is NOT_SERVING"},
		{name: "garbage verdict", verdict: hooks.Deny, failure: "99 is no verdict"},
		{name: "wrong verdict", verdict: hooks.Deny, failure: "drop is no answer at publish"},
		{name: "unknown ids", verdict: hooks.Deny, timeout: 50 * time.Millisecond, failure: "timeout: no answer within 50ms", line: "answers that nobody waits for"},
		{name: "unknown ids", verdict: hooks.Allow, onError: hooks.OnErrorAllow, timeout: 50 * time.Millisecond, failure: "timeout: no answer within 50ms"},
		{name: "before it is asked", verdict: hooks.Deny, line: "answers that nobody waits for"},
		{name: "twice", verdict: hooks.Deny, line: "answers that nobody waits for"},
		{name: "never", verdict: hooks.Deny, timeout: 50 * time.Millisecond, failure: "timeout: no answer within 50ms"},
		{name: "deaf", verdict: hooks.Deny, timeout: 50 * time.Millisecond, failure: "timeout: no answer within 50ms"},
		{name: "late", verdict: hooks.Deny, timeout: 50 * time.Millisecond, failure: "timeout: no answer within 50ms", line: "answers that nobody waits for"},
		{name: "100 MB", verdict: hooks.Deny, timeout: patience, failure: "received message larger than max", line: "received message larger than max"},
		{name: "10 MB", verdict: hooks.Deny, timeout: patience, failure: "bad_reply: the reply has more than 1048576 bytes"},
		{name: "no frame", verdict: hooks.Deny, failure: "no frame of replies", line: "no frame of replies"},
		{name: "gives up", verdict: hooks.Deny, failure: "Aborted: I give up", line: "Aborted: I give up"},
		{name: "orders", verdict: hooks.Allow, timeout: patience, line: "the plugin's command is refused"},
		{name: "panics", verdict: hooks.Deny, timeout: patience, failure: "process has ended", line: "panic: out of my mind"},
		{name: "panics", verdict: hooks.Pass, onError: hooks.OnErrorSkip, timeout: patience, failure: "process has ended", line: "process has ended: exit status 2"},
		{name: "fickle", verdict: hooks.Deny, failure: "registers something else than before", line: "registers something else than before"},
	} {
		t.Run(tt.name+"/"+tt.onError.String(), func(t *testing.T) {
			t.Parallel()
			f := newFront(t, tt.name)
			f.onError = tt.onError
			if tt.timeout > 0 {
				f.timeout = tt.timeout
			}
			f.change = func(o *Options) {
				o.NoMTLS = tt.name == "not well"
				if tt.timeout == patience { // it does something that takes its time
					o.HealthEvery = patience
				}
			}
			if err := f.load(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if o := f.ask("p.x"); o.Verdict != tt.verdict {
					t.Errorf("the verdict is %v (%s), want %v", o.Verdict, o.Reason, tt.verdict)
				}
				if o := f.ask("w.x"); o.Verdict != hooks.Allow {
					t.Errorf("another hook says %v (%s)", o.Verdict, o.Reason)
				}
			}
			if tt.failure != "" && !f.failed(tt.failure) {
				t.Errorf("no failure has %q: %q", tt.failure, f.failures)
			}
			if tt.line != "" {
				eventually(t, func() bool {
					if f.logged(tt.line) {
						return true
					}
					f.ask("p.x") // as its process may have been replaced meanwhile
					return false
				}, fmt.Sprintf("the log has %q", tt.line))
			}
			if n := f.logs.Len(); n > 1000 {
				t.Errorf("the log has %d lines", n)
			}
		})
	}
}

// TestFurtherConnections: a plugin cannot make goroutines of the broker by the part of
// go-plugin that nobody uses. It is not parallel, as others make some.
func TestFurtherConnections(t *testing.T) {
	before := runtime.NumGoroutine()
	p, _ := open(t, func(o *Options) { o.NoMTLS, o.Env = true, map[string]string{enemyKey: "further connections"} }, nil)
	for range 100 {
		if err := ask(t, p, 0, call(t, bob(), "p.x"), patience); err != nil {
			t.Fatal(err)
		}
	}
	if n := runtime.NumGoroutine() - before; n > 100 {
		t.Errorf("it has %d goroutines", n)
	}
}

// TestWindowIsFree: what is asked in vain holds no place in the window, in the
// queue or among those that wait.
func TestWindowIsFree(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"never", "deaf", "late"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, name)
			f.timeout = 20 * time.Millisecond
			f.change = func(o *Options) { o.BatchBytes, o.HealthEvery = 1<<10, patience }
			if err := f.load(); err != nil {
				t.Fatal(err)
			}
			const asked = 200
			var wg sync.WaitGroup
			for range asked {
				wg.Go(func() { f.ask("p." + strings.Repeat("x", 1<<10)) })
			}
			wg.Wait()
			l := f.opened[0].now.Load().link
			l.mu.Lock()
			defer l.mu.Unlock()
			if len(l.mu.waiting.list) != 0 || l.mu.out != 0 || len(l.mu.queue) > asked/2 {
				t.Errorf("%d batches wait, %d frames are out, %d of %d in the queue are stale", len(l.mu.waiting.list), l.mu.out, l.mu.stale, len(l.mu.queue))
			}
		})
	}
}

// TestDeaf: a process that takes no more frames is replaced, though it says that it
// is well.
func TestDeaf(t *testing.T) {
	t.Parallel()
	f := newFront(t, "deaf")
	f.timeout = 20 * time.Millisecond
	if err := f.load(); err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, 1<<20)
	eventually(t, func() bool {
		f.askWith("p.x", payload)
		return f.logged("it takes no more questions")
	}, "it is found out")
	eventually(t, f.opened[0].Up, "the plugin is back")
}

// TestMemoryLimit: a program that wants more memory than it may have ends, and
// another takes its place.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	// Runtimes reserve more than they use, so the limit is above that.
	free := newFront(t, "leaks")
	if err := free.load(); err != nil {
		t.Fatal(err)
	}
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", free.opened[0].now.Load().process.program.pid()))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[0])
	if err != nil {
		t.Fatal(err)
	}
	f := newFront(t, "leaks")
	f.timeout = patience
	f.change = func(o *Options) { o.Memory, o.HealthEvery = int64(pages*os.Getpagesize())+256<<20, patience }
	if err := f.load(); err != nil {
		t.Fatal(err)
	}
	if o := f.ask("p.x"); o.Verdict != hooks.Deny || !f.failed("process has ended") {
		t.Errorf("got %+v, failures %q", o, f.failures)
	}
	if o := f.ask("w.x"); o.Verdict != hooks.Allow {
		t.Errorf("another hook says %v", o.Verdict)
	}
	// The runtime says it in its own words, and the race detector in others.
	if !f.logged("process has ended: exit status") || !f.logged("memory") && !f.logged("failed to allocate") && !f.logged("address space") {
		t.Error("the log does not say why")
	}
	eventually(t, f.opened[0].Up, "the plugin is back")
}

// TestChildren: what a program has started ends with it, and does not keep its
// end from being seen.
func TestChildren(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"parent", "runaway"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, name)
			if err := f.load(); err != nil {
				t.Fatal(err)
			}
			child := 0
			eventually(t, func() bool {
				n, _ := fmt.Sscanf(f.line("child "), "child %d", &child)
				return n == 1
			}, "the program has a child")
			if o := f.ask("p.x"); o.Verdict != hooks.Deny || !f.failed("process has ended") {
				t.Errorf("got %+v, failures %q", o, f.failures)
			}
			eventually(t, f.opened[0].Up, "the plugin is back")
			if name == "parent" {
				eventually(t, func() bool { return gone(child) }, "the child has ended")
			}
			// Those that have left the group are nobody's but ours.
			if err := f.manager.Close(context.Background()); err != nil {
				t.Error(err)
			}
			for _, e := range f.logs.All() {
				if n, _ := fmt.Sscanf(e.Message, "child %d", &child); n == 1 && name == "runaway" {
					_ = syscall.Kill(child, syscall.SIGKILL)
				} else if n == 1 {
					eventually(t, func() bool { return gone(child) }, "all children have ended")
				}
			}
		})
	}
}

// TestHandoverEnemies: a plugin that cannot hand over its state stays at work, and
// the one that was to replace it does not.
func TestHandoverEnemies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, want string }{
		{"fat state", "it has more than 67108864 bytes"},
		{"hangs in Handover", "it does not answer in time"},
		{"no state", "it is a mess"},
		{"no state now", "ask later"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, tt.name)
			f.change = func(o *Options) {
				o.HealthEvery = patience
				if tt.name == "hangs in Handover" {
					o.HealthEvery = time.Second
				}
			}
			if err := f.load(); err != nil {
				t.Fatal(err)
			}
			if err := f.manager.Reload(t.Context(), tt.name); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if o := f.ask("p.x"); o.Verdict != hooks.Allow {
				t.Errorf("the one at work says %v (%s)", o.Verdict, o.Reason)
			}
			if len(f.opened) != 1 {
				t.Errorf("%d were opened", len(f.opened))
			}
		})
	}
}
