package examples_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// install copies the example of a plugin, with its program, which is built already.
func install(t *testing.T, bin, name string) *example {
	t.Helper()
	e := newExample(t, bin, filepath.Join("plugins", name), "")
	program, err := os.ReadFile(filepath.Join(bin, name))
	if err == nil {
		err = os.WriteFile(filepath.Join(e.dir, name), program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// byHand starts the program as nobody should: it says that it is a plugin.
func (e *example) byHand() {
	e.t.Helper()
	out, err := exec.CommandContext(e.t.Context(), filepath.Join(e.dir, e.name)).CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "plugin") {
		e.t.Errorf("started by hand it ends with %v and says %q", err, out)
	}
}

// console runs the commands of a console block in the folder of the example. They have
// to print what stands there.
func (e *example) console(block string) {
	e.t.Helper()
	for part := range strings.SplitSeq("\n"+block, "\n$ ") {
		command, want, _ := strings.Cut(part, "\n")
		if command == "" {
			continue
		}
		c := exec.CommandContext(e.t.Context(), "sh", "-c", command)
		c.Dir = e.dir
		out, err := c.CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != strings.TrimSpace(want) {
			e.t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
}

// broker is a broker whose hook is a plugin.
type broker struct {
	*program
	e *example
}

func (e *example) startPlugin() *broker {
	e.t.Helper()
	return &broker{e.broker(), e}
}

// plugins are the processes that the broker has started.
func (b *broker) plugins() (pids []int) {
	b.t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(b.cmd.Process.Pid) {
			pid, err := strconv.Atoi(strings.Split(path, "/")[2])
			if err != nil {
				b.t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		b.t.Fatal("the broker has started no plugin")
	}
	return pids
}

// alone returns when there is one process of the plugin.
func (b *broker) alone() {
	b.t.Helper()
	late, tick := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for len(b.plugins()) > 1 {
		select {
		case <-tick.C:
		case <-late:
			b.t.Fatal("the plugin that was replaced does not end")
		}
	}
}

// kill kills the plugin, and returns when another process has taken its place.
func (b *broker) kill() {
	b.t.Helper()
	for _, pid := range b.plugins() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			b.t.Fatalf("killing %d: %v", pid, err)
		}
	}
	b.await("the plugin is back")
}

// reload changes the configuration, and returns when the plugin has been replaced.
func (b *broker) reload(old, with string) {
	b.t.Helper()
	b.e.edit(old, with)
	b.signal(syscall.SIGHUP)
	b.await(`(?s)(Loaded hook .*){2}`)
	b.await(`Reloaded`)
}

// stop ends the broker in peace, and returns when it has ended.
func (b *broker) stop() {
	b.t.Helper()
	b.Shutdown()
	select {
	case <-b.done:
	case <-time.After(patience):
		b.t.Fatal("the broker does not end")
	}
}

// die kills the broker, and returns when its plugins have ended by themselves.
func (b *broker) die() {
	b.t.Helper()
	pids := b.plugins()
	b.signal(syscall.SIGKILL)
	late, tick := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for slices.ContainsFunc(pids, alive) {
		select {
		case <-tick.C:
		case <-late:
			b.t.Fatalf("the plugins %v live on without a broker", pids)
		}
	}
}

// alive reports whether a process runs: one that nobody has reaped does not.
func alive(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	_, state, _ := strings.Cut(string(text), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

// session is a client of the broker.
type session struct {
	*nats.Conn
	t      *testing.T
	errs   chan error
	closed chan struct{}
}

func (b *broker) client(user, password string) *session {
	b.t.Helper()
	s := &session{t: b.t, errs: make(chan error, 10), closed: make(chan struct{})}
	c, err := nats.Connect("nats://"+b.addr, nats.UserInfo(user, password), nats.NoReconnect(), nats.Timeout(patience),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { s.errs <- err }),
		nats.ClosedHandler(func(*nats.Conn) { close(s.closed) }))
	if err != nil {
		b.t.Fatal(err)
	}
	s.Conn = c
	b.t.Cleanup(func() {
		c.Close()
		<-s.closed
	})
	return s
}

// revoked returns when the broker has ended the connection, and has said why.
func (s *session) revoked() {
	s.t.Helper()
	select {
	case <-s.closed: // which is told behind all errors
	case <-time.After(patience):
		s.t.Fatal("the connection does not end")
	}
	for {
		select {
		case err := <-s.errs:
			if errors.Is(err, nats.ErrAuthRevoked) {
				return
			}
		default:
			s.t.Errorf("it ended with %v", s.LastError())
			return
		}
	}
}
