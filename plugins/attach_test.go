package plugins

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"moonwire/hooks"
	"moonwire/plugins/api"
	"moonwire/plugins/sdk"
)

// socket returns a path that is short enough for a socket.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "attach")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// serveAt serves a policy at a socket, in this process. The function that it returns
// ends it.
func serveAt(t *testing.T, path string, served *policy) (end func()) {
	t.Helper()
	s, err := sdk.NewServer(served, regs()...)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	end = sync.OnceFunc(func() {
		s.Stop()
		serving.Wait()
	})
	t.Cleanup(end)
	return end
}

// attached are the options of a plugin that is served at a socket.
func attached(path string) func(*Options) {
	return func(o *Options) { o.Command, o.Attach, o.NoMTLS = "", path, true }
}

// TestAttach: a plugin that somebody else has started is asked as any other, hands
// over its state, and is left alone in the end.
func TestAttach(t *testing.T) {
	t.Parallel()
	path := socket(t)
	serveAt(t, path, &policy{})
	p, logs := open(t, attached(path), nil)
	c := call(t, bob(), "p.deny")
	if err := ask(t, p, atPublish, c, patience); err != nil || c.Out.Reason != "by bob" {
		t.Errorf("got %+v, %v", c.Out, err)
	}
	if v, sum := p.Version(); v != "test-1" || sum != "" || p.PID() != 0 || !p.Up() {
		t.Errorf("version %q, sum %q, process %d, up %t", v, sum, p.PID(), p.Up())
	}
	if logs.FilterMessageSnippet("the plugin is attached to, and not started").Len() != 1 {
		t.Error("the log does not say that nobody looks after it")
	}
	p.Notify(atEvent, []hooks.Event{{Type: hooks.EventConnect, Time: time.Now(), Client: bob()}})
	q, _ := open(t, attached(path), p)
	if state, _, err := handover(t.Context(), q); err != nil || string(state) != "connect:bob" {
		t.Errorf("the state is %q, %v", state, err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := ask(t, q, atPublish, call(t, bob(), "p.x"), patience); err != nil {
		t.Errorf("after one of two has gone: %v", err)
	}
}

// TestAttachAgain: when the plugin is gone and is back it is attached to again.
func TestAttachAgain(t *testing.T) {
	t.Parallel()
	path := socket(t)
	end := serveAt(t, path, &policy{})
	p, logs := open(t, func(o *Options) { attached(path)(o); o.RestartMin = 20 * time.Millisecond }, nil)
	end()
	eventually(t, func() bool { return p.now.Load().resting }, "the plugin is missed")
	if err := ask(t, p, atPublish, call(t, bob(), "p.x"), patience); err == nil || !strings.Contains(err.Error(), "nobody serves there") {
		t.Errorf("got %v", err)
	}
	serveAt(t, path, &policy{})
	eventually(t, func() bool { return p.Up() && p.Restarts() == 1 }, "the plugin is back")
	c := call(t, bob(), "p.deny") // this one is told who it is as well
	if err := ask(t, p, atPublish, c, patience); err != nil || c.Out.Reason != "by bob" {
		t.Errorf("got %+v, %v", c.Out, err)
	}
	gone := logs.FilterMessage("the plugin is gone and is attached to again when it is back").All()
	if len(gone) != 1 || gone[0].ContextMap()["why"] != "the connection to the plugin is lost" {
		t.Errorf("the log has %v", gone)
	}
}

// TestAttachStandsStill: a plugin that does not say that it is well is not given up:
// somebody may be looking at it in a debugger. (The server of the SDK has no health.)
func TestAttachStandsStill(t *testing.T) {
	t.Parallel()
	path := socket(t)
	served := &policy{release: make(chan struct{})}
	serveAt(t, path, served)
	p, logs := open(t, func(o *Options) { attached(path)(o); o.HealthEvery = time.Millisecond }, nil)
	first := p.now.Load()
	for n := range 2 {
		// A late answer is told of when others would be asked for their health.
		if err := ask(t, p, atPublish, call(t, bob(), "p.late"), 10*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		served.release <- struct{}{}
		eventually(t, func() bool { return logs.FilterMessageSnippet("nobody waits for").Len() == n+1 }, "the late answer is told of")
	}
	if err := ask(t, p, atPublish, call(t, bob(), "p.x"), patience); err != nil || p.now.Load() != first {
		t.Errorf("got %v, restarts %d", err, p.Restarts())
	}
}

func TestAttachErrors(t *testing.T) {
	t.Parallel()
	path := socket(t)
	for _, tt := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"nobody there", func(*Options) {}, "attaching to " + path + ": nobody serves there: start the plugin first ("},
		{"mtls", func(o *Options) { o.NoMTLS = false }, "attach: the plugin has no certificate of the broker"},
		{"program", func(o *Options) { o.Command = "x" }, "plugin: is of a program that the broker starts"},
		{"args", func(o *Options) { o.Args = []string{"x"} }, "args: is of a program that the broker starts"},
		{"watch", func(o *Options) { o.Watch = []string{"x"} }, "watch: is of a program that the broker starts"},
		{"env", func(o *Options) { o.Env = map[string]string{"A": "b"} }, "env: is of a program that the broker starts"},
		{"sum", func(o *Options) { o.SHA256 = strings.Repeat("00", 32) }, "sha256: is of a program that the broker starts"},
		{"memory", func(o *Options) { o.Memory = 1 << 30 }, "limits.memory: is of a program that the broker starts"},
		{"files", func(o *Options) { o.Files = 100 }, "limits.files: is of a program that the broker starts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := options(t, zapcore.NewNopCore(), func(o *Options) { attached(path)(o); tt.change(o) })
			p, err := Open(t.Context(), o, nil)
			if err == nil {
				_ = p.Close(t.Context())
			}
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %s…", err, tt.want)
			}
		})
	}
	if _, err := Start(t.Context(), options(t, zapcore.NewNopCore(), attached(path))); err == nil || !strings.HasPrefix(err.Error(), "attach: ") {
		t.Errorf("a process of its own: got %v", err)
	}
}

// startByHand starts the test program with some environment. It returns the first
// line that it writes, to its standard error or output.
func startByHand(t *testing.T, env ...string) (c *exec.Cmd, said string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c = exec.Command(self)
	c.Env = append(env, "GORACE=atexit_sleep_ms=0")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	c.Stdout, c.Stderr = w, w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // an error, where the test has waited
		_ = r.Close()
	})
	if said, err = bufio.NewReader(r).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return c, said
}

// startAt starts the test program to be attached to, and waits until it can be.
func startAt(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	c, said := startByHand(t, api.AttachKey+"="+path)
	if want := "the plugin waits for a broker that attaches to " + path + "\n"; said != want {
		t.Fatalf("it says %q, want %q", said, want)
	}
	return c
}

// TestAttachMain: a program by the SDK serves where the environment says, also in
// the place of one that was killed, and ends by itself at an interrupt.
func TestAttachMain(t *testing.T) {
	t.Parallel()
	path := socket(t)
	first := startAt(t, path)
	p, _ := open(t, attached(path), nil)
	if err := ask(t, p, atPublish, call(t, bob(), "p.x"), patience); err != nil {
		t.Error(err)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	second := startAt(t, path)
	eventually(t, func() bool { return p.Up() && p.Restarts() == 1 }, "the plugin is back")
	if err := ask(t, p, atPublish, call(t, bob(), "p.x"), patience); err != nil {
		t.Error(err)
	}
	if err := second.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its socket: %v", err)
	}
}

// TestAttachHandshake: a program that knows nothing of it is attached to where its
// handshake says that it serves.
func TestAttachHandshake(t *testing.T) {
	t.Parallel()
	_, said := startByHand(t, api.CookieKey+"="+api.CookieValue, "PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR="+filepath.Dir(socket(t)))
	fields := strings.Split(said, "|")
	if len(fields) < 5 || fields[2] != "unix" {
		t.Fatalf("it says %q", said)
	}
	p, _ := open(t, attached(fields[3]), nil)
	if err := ask(t, p, atPublish, call(t, bob(), "p.x"), patience); err != nil {
		t.Error(err)
	}
}
