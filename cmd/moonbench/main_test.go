//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"moonwire/cmd/moonbench/internal/series"
)

// asMain makes the test binary behave as moonbench, so that its forwarder can
// be the server under test.
const asMain = "MOONBENCH_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// floorLine is a command line that starts the forwarder.
func floorLine(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return "GORACE=atexit_sleep_ms=0 " + asMain + "=1 '" + self + "' floor --port {port}"
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
		code int
		want []string // parts of stdout and stderr together
	}{
		{name: "nothing", code: exitUsage, want: []string{"usage: moonbench COMMAND"}},
		{name: "help", args: []string{"--help"}, want: []string{"usage: moonbench COMMAND"}},
		{name: "help of run", args: []string{"run", "-h"}, want: []string{"-a-pid", "-scenario"}},
		{name: "unknown command", args: []string{"walk"}, code: exitUsage, want: []string{`unknown command "walk"; there are run, list, hooks and floor`}},
		{name: "hooks of nothing", args: []string{"hooks", "--bench", "x"}, code: exitUsage, want: []string{"--bench, --before and --page name files"}},
		{name: "hooks of no file", args: []string{"hooks", "--bench", "/nowhere", "--before", "/nowhere", "--page", "/nowhere"}, code: exitFailed, want: []string{"reading benchmarks: open /nowhere"}},
		{name: "unknown flag", args: []string{"run", "--x"}, code: exitUsage, want: []string{"-x"}},
		{name: "extra argument", args: []string{"run", "x"}, code: exitUsage, want: []string{`unexpected argument "x"`}},
		{name: "no server", args: []string{"run"}, code: exitUsage, want: []string{"no server: give --a"}},
		{name: "no port", args: []string{"run", "--a", "srv"}, code: exitUsage, want: []string{"command of server A has no {port}"}},
		{name: "address without process", args: []string{"run", "--b-addr", "x:1"}, code: exitUsage, want: []string{"--b-addr and --b-pid go together"}},
		{name: "both", args: []string{"run", "--a", "srv {port}", "--a-pid", "1"}, code: exitUsage, want: []string{"give one or the other"}},
		{name: "TLS without server", args: []string{"run", "--b-tls", "srv {port} {cert} {key}"}, code: exitUsage, want: []string{"--b-tls goes together with --b"}},
		{name: "TLS without certificate", args: []string{"run", "--a", "srv {port}", "--a-tls", "srv {port} {key}"}, code: exitUsage, want: []string{"TLS command of server A has no {cert}"}},
		{name: "name without server", args: []string{"run", "--a", "srv {port}", "--b-name", "x"}, code: exitUsage, want: []string{"--b-name and --b-only are about a server"}},
		{name: "unknown scenario of one server", args: []string{"run", "--a", "srv {port}", "--a-only", "nonsense"}, code: exitUsage, want: []string{"--a-only: unknown scenario"}},
		{
			name: "all problems at once", args: []string{"run", "--pairs", "0", "--measure", "-1s", "--loops", "-1", "--profile-time", "0s", "--scenario", "nonsense"}, code: exitUsage,
			want: []string{"no server", "--pairs is 0", "--measure and --patience", "--loops, --rate", "--profile-time must be positive", `unknown scenario "nonsense"; there are 1to1-16`},
		},
		{name: "list", args: []string{"list", "request-*"}, want: []string{"request-1 ", "request-64 ", "request/reply, 1 in flight"}},
		{name: "list of nothing", args: []string{"list", "nonsense"}, code: exitUsage, want: []string{"unknown scenario"}},
		{name: "list with a flag", args: []string{"list", "-x"}, code: exitUsage, want: []string{"-x"}},
		{name: "floor without address", args: []string{"floor", "--addr", "x"}, code: exitUsage, want: []string{"floor takes --addr"}},
		{name: "floor on a wrong port", args: []string{"floor", "--port", "70000"}, code: exitUsage, want: []string{"from 0 to 65535"}},
		{name: "floor with a wrong flag", args: []string{"floor", "-x"}, code: exitUsage, want: []string{"-x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if code := run(t.Context(), tt.args, &out, &out); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, part := range tt.want {
				if !strings.Contains(out.String(), part) {
					t.Errorf("got %q, want it to contain %q", out.String(), part)
				}
			}
		})
	}
}

// Two servers, started fresh for each run, and all outputs.
func TestRunWritesReports(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := map[string]string{"json": "r.json", "md": "r.md", "plot": "r.svg", "plot-growth": "g.svg"}
	args := []string{
		"run", "--a", floorLine(t), "--b", floorLine(t), "--b-name", "floor", "--f", floorLine(t), "--f-only", "1to1-16",
		"--scenario", "1to1-16,1to10-128", "--pairs", "2", "--warmup", "10ms", "--measure", "30ms", "--window", "100000",
	}
	for flag, name := range files {
		args = append(args, "--"+flag, filepath.Join(dir, name))
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), args, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	for _, part := range []string{"1to1-16 ", "1to10-128 ", "cost ratio"} {
		if !strings.Contains(stdout.String(), part) {
			t.Errorf("no %q in the table:\n%s", part, stdout.String())
		}
	}
	if n := strings.Count(stderr.String(), "\n"); n != 1+10 {
		t.Errorf("%d lines of progress, want one before and one for each of 10 runs:\n%s", n, stderr.String())
	}
	for _, name := range files {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want := "floor" // the server's name
		if name == files["plot-growth"] {
			want = "nothing that grows was measured"
		}
		if !strings.Contains(string(b), want) {
			t.Errorf("%s does not contain %q: %s", name, want, b)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, files["json"]))
	if err != nil {
		t.Fatal(err)
	}
	var rep series.Report
	if err := json.Unmarshal(b, &rep); err != nil {
		t.Fatal(err)
	}
	if len(rep.Scenarios) != 2 || len(rep.Scenarios[1].Targets[1].Rounds) != 2 {
		t.Errorf("JSON: %s", b)
	}
}

// A server that runs already is measured and left alone.
func TestRunAgainstRunningServer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out := &lineWriter{lines: make(chan string, 1)}
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"floor", "--port", "0"}, out, os.Stderr) }()
	line := <-out.lines
	addr := strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{
		"run", "--a-addr", addr, "--a-pid", fmt.Sprint(os.Getpid()), "--scenario", "paced-20k", "--rate", "1000",
		"--pairs", "1", "--warmup", "10ms", "--measure", "30ms", "--quiet",
	}, &stdout, &stderr)
	if code != exitOK || stderr.Len() > 0 || !strings.Contains(stdout.String(), "paced-20k") {
		t.Errorf("exit code %d, stderr %q, stdout %q", code, stderr.String(), stdout.String())
	}
	cancel()
	if code := <-done; code != exitOK {
		t.Errorf("floor ends with exit code %d", code)
	}
}

// lineWriter hands on what is written, write by write.
type lineWriter struct{ lines chan string }

func (w *lineWriter) Write(p []byte) (int, error) {
	w.lines <- string(p)
	return len(p), nil
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{name: "server does not start", args: []string{"--a", "/nonexistent/server {port}"}, want: "server A: starting"},
		{name: "server cannot run the scenario", args: []string{"--a", floorLine(t), "--scenario", "queue-4to8"}, want: "no server can run it"},
		{name: "server is not made for TLS", args: []string{"--a", floorLine(t), "--scenario", "tls-1to1-128"}, want: "no server can run it"},
		{name: "report cannot be written", args: []string{"--a", floorLine(t), "--scenario", "1to1-16", "--pairs", "1", "--warmup", "1ms", "--measure", "1ms", "--json", "/nonexistent/r.json"}, want: "writing the report"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), append([]string{"run"}, tt.args...), &stdout, &stderr); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
			if !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("got %q, want it to contain %q", stderr.String(), tt.want)
			}
		})
	}
}

// An interrupt in the middle of a run ends it, and its server with it.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var stdout bytes.Buffer
	stderr := &watcher{seen: cancel}
	code := run(ctx, []string{"run", "--a", floorLine(t), "--scenario", "1to1-16", "--pairs", "1000000", "--warmup", "1ms", "--measure", "5ms"}, &stdout, stderr)
	if code != exitFailed || !strings.HasSuffix(stderr.String(), "moonbench: interrupted\n") {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
	if !strings.Contains(stdout.String(), "1to1-16") {
		t.Errorf("what was measured before is not reported: %q", stdout.String())
	}
}

// watcher calls seen when a run has ended: at the second write, the first one
// says what is to come.
type watcher struct {
	mu   sync.Mutex
	buf  bytes.Buffer // guarded by mu
	seen func()
}

func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.buf.Len() > 0 {
		w.seen()
	}
	return w.buf.Write(p)
}

func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}
