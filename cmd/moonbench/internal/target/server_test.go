//go:build linux

package target

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestSplitWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     []string
		fails    bool
	}{
		{name: "nothing", in: "  "},
		{name: "blanks", in: " a  b\tc\n", want: []string{"a", "b", "c"}},
		{name: "single quotes", in: `a 'b "c\' d`, want: []string{"a", `b "c\`, "d"}},
		{name: "double quotes", in: `"a 'b' \"c\" \\ \d"`, want: []string{`a 'b' "c" \ \d`}},
		{name: "quotes within a word", in: `a=" b"c`, want: []string{"a= bc"}},
		{name: "empty word", in: `a '' b`, want: []string{"a", "", "b"}},
		{name: "backslash", in: `a\ b \\`, want: []string{"a b", `\`}},
		{name: "open quote", in: `a "b`, fails: true},
		{name: "open backslash", in: `a \`, fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := splitWords(tt.in)
			if (err != nil) != tt.fails {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, line string
		env, argv  []string
		fails      string
	}{
		{name: "plain", line: "srv -p {port}", argv: []string{"srv", "-p", "42"}, env: []string{}},
		{
			name: "environment", line: "GOGC=800 _x1=a=b srv --listen=:{port}",
			env: []string{"GOGC=800", "_x1=a=b"}, argv: []string{"srv", "--listen=:42"},
		},
		{name: "no environment behind the program", line: "srv A=b {port}", argv: []string{"srv", "A=b", "42"}, env: []string{}},
		{name: "profiles", line: "srv --profile={prof} {prof}{port}", argv: []string{"srv", "--profile=43", "4342"}, env: []string{}},
		{name: "no port", line: "srv -p 4222", fails: "has no {port}"},
		{name: "no program", line: "A=b", fails: "names no program"},
		{name: "digit first", line: "1a=b {port}", argv: []string{"1a=b", "42"}, env: []string{}},
		{name: "quote", line: "srv '{port}", fails: "unfinished quote"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := Command{Name: "A", Line: tt.line}
			env, argv, err := c.parse(42, 43)
			if (err != nil) != (tt.fails != "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Fatalf("got %v, want %q", err, tt.fails)
			}
			if (c.Validate() != nil) != (tt.fails != "") {
				t.Errorf("Validate: %v", c.Validate())
			}
			if diff := cmp.Diff([][]string{tt.env, tt.argv}, [][]string{env, argv}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// roleLine is a command line that runs the test binary in a role.
func roleLine(t *testing.T, role, args string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return roleVar + "=" + role + " '" + self + "' " + args
}

func TestCommandLife(t *testing.T) {
	t.Parallel()
	c := Command{Name: "A", Line: roleLine(t, "plain", "{port}")}
	s, err := c.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if s.ProfileAddr != "" || c.Profiled() {
		t.Errorf("a profiling endpoint at %q without being asked for", s.ProfileAddr)
	}
	if cpu, err := s.Meter.CPU(); err != nil || cpu <= 0 {
		t.Errorf("CPU() = %v, %v", cpu, err)
	}
	running := Running{Name: "B", Addr: s.Addr, PID: s.command.pid}
	again, err := running.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again.Stop() // must leave it alone
	if err := ping(t.Context(), s.Addr, nil); err != nil {
		t.Errorf("after Stop of a Running: %v", err)
	}
	s.Stop()
	s.Stop()
	if err := ping(t.Context(), s.Addr, nil); err == nil {
		t.Error("the server answers after Stop")
	}
	if _, err := running.Start(t.Context()); err == nil {
		t.Error("a server that has gone can be measured")
	}
}

// Stop must take along what the command has started, even if that ignores
// SIGTERM.
func TestStopEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	pidFile := filepath.Join(t.TempDir(), "pid")
	c := Command{Name: "A", Line: roleLine(t, "family", "{port} '"+pidFile+"'")}
	s, err := c.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	s.Stop()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(child), Events: unix.POLLIN}}, 10_000)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n != 1 {
			t.Errorf("the child is alive after Stop: %d, %v", n, err)
		}
		return
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, line string
		want       []string
	}{
		{name: "exits", line: roleLine(t, "broken", "{port}"), want: []string{"server A: exited before it answered", "cannot open the store"}},
		{name: "no such program", line: "/nonexistent/server {port}", want: []string{"server A: starting: ", "no such file"}},
		{name: "bad line", line: "'", want: []string{"unfinished quote"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Command{Name: "A", Line: tt.line}.Start(t.Context())
			if err == nil {
				s.Stop()
				t.Fatal("it starts")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to contain %q", err, part)
				}
			}
		})
	}
}

func TestCancelStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err := Command{Name: "A", Line: roleLine(t, "strict", "{port}")}.Start(ctx)
	if err == nil {
		s.Stop()
		t.Fatal("it starts")
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestRunningFails(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		if nc, err := l.Accept(); err == nil {
			answer(nc, "strict", nil)
		}
	}()
	_, err = Running{Name: "B", Addr: l.Addr().String(), PID: os.Getpid()}.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "server says -ERR 'Authorization Violation'") {
		t.Errorf("got %v", err)
	}
	<-accepted
	if _, err := (Running{Name: "B", Addr: "127.0.0.1:1", PID: -1}).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no process") {
		t.Errorf("got %v", err)
	}
}

func TestTailWriter(t *testing.T) {
	t.Parallel()
	w := &tailWriter{}
	for range 3 {
		if n, err := w.Write([]byte(strings.Repeat("x", outputKept-1))); n != outputKept-1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if _, err := w.Write([]byte("end")); err != nil {
		t.Fatal(err)
	}
	if got := w.String(); len(got) != outputKept || !strings.HasSuffix(got, "xend") {
		t.Errorf("kept %d B, ending with %q", len(got), got[len(got)-5:])
	}
}

func TestProfiled(t *testing.T) {
	t.Parallel()
	c := Command{Name: "A", Line: roleLine(t, "plain", "{port} {prof}")}
	s, err := c.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	host, _, err := net.SplitHostPort(s.ProfileAddr)
	if err != nil || host != "127.0.0.1" || s.ProfileAddr == s.Addr || !c.Profiled() {
		t.Errorf("profiling endpoint at %q, clients at %q: %v", s.ProfileAddr, s.Addr, err)
	}
}

// A server that was not fast enough to get its port is not taken for the one
// that has it.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	c, err := startCommand(nil, []string{"sleep", "60"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.watch(port); !errors.Is(err, errTaken) {
		t.Errorf("while it runs: got %v, want %v", err, errTaken)
	}
	c.stop()
	if _, err := c.watch(port); !errors.Is(err, errTaken) {
		t.Errorf("when it has ended: got %v, want %v", err, errTaken)
	}
}
