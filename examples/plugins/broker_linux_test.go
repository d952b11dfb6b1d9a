package plugins_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"moonwire/server/servertest"
)

// slow is how long a test waits for what has to come.
const slow = time.Minute

// installed is a copy of an example, with its program.
type installed struct {
	t              *testing.T
	bin, dir, name string
}

func install(t *testing.T, bin, name string) *installed {
	t.Helper()
	e := &installed{t, bin, filepath.Join(t.TempDir(), name), name}
	if err := os.CopyFS(e.dir, os.DirFS(name)); err != nil {
		t.Fatal(err)
	}
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
func (e *installed) byHand() {
	e.t.Helper()
	out, err := exec.CommandContext(e.t.Context(), filepath.Join(e.dir, e.name)).CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "plugin") {
		e.t.Errorf("started by hand it ends with %v and says %q", err, out)
	}
}

func (e *installed) read(name string) string {
	e.t.Helper()
	text, err := os.ReadFile(filepath.Join(e.dir, name))
	if err != nil {
		e.t.Fatal(err)
	}
	return string(text)
}

// edit changes the configuration.
func (e *installed) edit(old, with string) {
	e.t.Helper()
	before := e.read("server.conf")
	after := strings.Replace(before, old, with, 1)
	if after == before {
		e.t.Fatalf("server.conf has no %s", old)
	}
	if err := os.WriteFile(filepath.Join(e.dir, "server.conf"), []byte(after), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

// console runs the commands of a console block in the folder of the example. They have
// to print what stands there.
func (e *installed) console(block string) {
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

// fenced returns the fenced blocks of a document, by what stands behind the fence.
func fenced(document string) map[string][]string {
	blocks := make(map[string][]string)
	for i, part := range strings.Split("\n"+document, "\n```") {
		if i%2 == 1 {
			lang, text, _ := strings.Cut(part, "\n")
			blocks[lang] = append(blocks[lang], text+"\n")
		}
	}
	return blocks
}

// play plays the transcript of the README.
func (e *installed) play(b *broker) {
	e.t.Helper()
	path := filepath.Join(e.t.TempDir(), "README.md")
	text := strings.Join(fenced(e.read("README.md"))["text"], "\n")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
	servertest.RunTranscript(e.t, path, servertest.Moonwire, func(testing.TB, string) servertest.Instance { return b })
}

// broker is a process of the broker with the configuration of an example.
type broker struct {
	e    *installed
	cmd  *exec.Cmd
	addr string
	done chan struct{} // closed when it prints no more

	mu      sync.Mutex
	printed string        // guarded by mu
	more    chan struct{} // closed when there is more; guarded by mu
}

func (e *installed) start() *broker {
	e.t.Helper()
	c := exec.Command(filepath.Join(e.bin, "moonwire"), "-c", filepath.Join(e.dir, "server.conf"), "-a", "127.0.0.1", "-p", "-1")
	b := &broker{e: e, cmd: c, done: make(chan struct{}), more: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		e.t.Fatal(err)
	}
	c.Stdout, c.Stderr = w, w
	err = c.Start()
	w.Close()
	if err != nil {
		r.Close()
		e.t.Fatal(err)
	}
	go b.follow(r)
	e.t.Cleanup(func() {
		_ = c.Process.Kill() // it may have ended already
		_ = c.Wait()
		<-b.done
	})
	b.addr = b.await(`Listening for client connections on (\S+)`)[1]
	b.await("Server is ready")
	return b
}

// follow reads what the broker prints, until it ends.
func (b *broker) follow(r *os.File) {
	defer close(b.done)
	defer r.Close()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		b.mu.Lock()
		b.printed += lines.Text() + "\n"
		close(b.more)
		b.more = make(chan struct{})
		b.mu.Unlock()
	}
}

// await waits until what was printed has a match, and returns its groups.
func (b *broker) await(expr string) []string {
	b.e.t.Helper()
	re, late := regexp.MustCompile(expr), time.After(slow)
	for ended := false; ; {
		b.mu.Lock()
		printed, more := b.printed, b.more
		b.mu.Unlock()
		if m := re.FindStringSubmatch(printed); m != nil {
			return m
		}
		if ended {
			b.e.t.Fatalf("the broker ended, and did not print %s, but:\n%s", expr, printed)
		}
		select {
		case <-more:
		case <-b.done:
			ended = true
		case <-late:
			b.e.t.Fatalf("the broker did not print %s, but:\n%s", expr, printed)
		}
	}
}

// plugins are the processes that the broker has started.
func (b *broker) plugins() (pids []int) {
	b.e.t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.e.t.Fatal(err)
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
				b.e.t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		b.e.t.Fatal("the broker has started no plugin")
	}
	return pids
}

func (b *broker) signal(pid int, s syscall.Signal) {
	b.e.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		b.e.t.Fatalf("signalling %d: %v", pid, err)
	}
}

// alone returns when there is one process of the plugin.
func (b *broker) alone() {
	b.e.t.Helper()
	late, tick := time.After(slow), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for len(b.plugins()) > 1 {
		select {
		case <-tick.C:
		case <-late:
			b.e.t.Fatal("the plugin that was replaced does not end")
		}
	}
}

// kill kills the plugin, and returns when another process has taken its place.
func (b *broker) kill() {
	b.e.t.Helper()
	for _, pid := range b.plugins() {
		b.signal(pid, syscall.SIGKILL)
	}
	b.await("the plugin is back")
}

// reload changes the configuration, and returns when the plugin has been replaced.
func (b *broker) reload(old, with string) {
	b.e.t.Helper()
	b.e.edit(old, with)
	b.signal(b.cmd.Process.Pid, syscall.SIGHUP)
	b.await(`(?s)(Loaded hook .*){2}`)
	b.await(`Reloaded`)
}

// stop ends the broker in peace, and returns when it has ended.
func (b *broker) stop() {
	b.e.t.Helper()
	b.Shutdown()
	select {
	case <-b.done:
	case <-time.After(slow):
		b.e.t.Fatal("the broker does not end")
	}
}

// Addr implements servertest.Instance.
func (b *broker) Addr() string { return b.addr }

// LameDuck implements servertest.Instance.
func (b *broker) LameDuck() { b.signal(b.cmd.Process.Pid, syscall.SIGUSR2) }

// Shutdown implements servertest.Instance.
func (b *broker) Shutdown() { b.signal(b.cmd.Process.Pid, syscall.SIGTERM) }

// session is a client of the broker.
type session struct {
	*nats.Conn
	t      *testing.T
	errs   chan error
	closed chan struct{}
}

func (b *broker) client(user, password string) *session {
	b.e.t.Helper()
	s := &session{t: b.e.t, errs: make(chan error, 10), closed: make(chan struct{})}
	c, err := nats.Connect("nats://"+b.addr, nats.UserInfo(user, password), nats.NoReconnect(), nats.Timeout(slow),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { s.errs <- err }),
		nats.ClosedHandler(func(*nats.Conn) { close(s.closed) }))
	if err != nil {
		b.e.t.Fatal(err)
	}
	s.Conn = c
	b.e.t.Cleanup(func() {
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
	case <-time.After(slow):
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
