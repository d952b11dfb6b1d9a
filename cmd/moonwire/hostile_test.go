package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"moonwire/server"
	"moonwire/server/config"
)

// corpus is where the scripts are that the sandbox has to stop.
const corpus = "../../hooks/lua/sandbox/testdata/hostile"

// misdeed is a script of the corpus as the body of a hook.
type misdeed struct {
	name    string
	payload []byte
	stopped bool // it runs into a limit, so that its message is denied
}

// misdeeds writes a hook for each script of the corpus into dir, and returns them
// with the configuration that loads them.
func misdeeds(t *testing.T, dir string) (list []misdeed, conf string) {
	t.Helper()
	files, err := filepath.Glob(corpus + "/*.lua")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d scripts in %s: %v", len(files), corpus, err)
	}
	var load strings.Builder
	for i, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := misdeed{name: "evil" + strconv.Itoa(i)}
		for line := range strings.Lines(string(source)) {
			line = strings.TrimSpace(line)
			if limit, ok := strings.CutPrefix(line, "-- limit: "); ok {
				m.stopped = limit != "none" && limit != "runtime"
			}
			if input, ok := strings.CutPrefix(line, "-- input: "); ok {
				kind, count, _ := strings.Cut(input, " ")
				n, err := strconv.Atoi(count)
				unit := map[string]string{"a": "a", "comma": ",", "space": " ", "paren": "(", "stars": "a*", "deep": "["}[kind]
				if err != nil || unit == "" {
					t.Fatalf("%s: %s", file, line)
				}
				m.payload = bytes.Repeat([]byte(unit), n)
			}
		}
		hook := fmt.Sprintf("hook.inspect(%q, function(msg) %s\nend)\n", m.name, source)
		if m.payload != nil {
			// The script registers a function that gets the payload.
			hook = fmt.Sprintf("local at = hook.inspect local hook = function(f) at(%q, function(msg) f(msg.payload) end) end %s\n", m.name, source)
		}
		if err := os.WriteFile(filepath.Join(dir, m.name+".lua"), []byte(hook), 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&load, "{ name: %s, lua: %s.lua, on_error: deny, timeout: 200ms, limits { vms: 1, blocking_vms: 1 } }\n", m.name, m.name)
		list = append(list, m)
	}
	return list, "hooks { load: [\n" + load.String() + "] }\n"
}

// startWith starts a broker with a configuration, as main does.
func startWith(t *testing.T, dir, conf string) *server.Server {
	t.Helper()
	file := filepath.Join(dir, "server.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, err := config.Parse([]string{"-a", "127.0.0.1", "-p", "-1", "-c", file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(cmd.Options, engines()...)
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

// wire is a connection that speaks the protocol line by line.
type wire struct {
	t  *testing.T
	nc net.Conn
	in *bufio.Reader
}

func join(t *testing.T, s *server.Server) *wire {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	w := &wire{t, nc, bufio.NewReader(nc)}
	w.send("CONNECT {\"verbose\":false,\"headers\":true}\r\nPING\r\n")
	w.expect("INFO ")
	w.expect("PONG")
	return w
}

func (w *wire) send(s string) {
	w.t.Helper()
	_ = w.nc.SetDeadline(time.Now().Add(time.Minute))
	if _, err := w.nc.Write([]byte(s)); err != nil {
		w.t.Fatal(err)
	}
}

// line reads a line that is no PING.
func (w *wire) line() string {
	w.t.Helper()
	_ = w.nc.SetDeadline(time.Now().Add(time.Minute))
	for {
		s, err := w.in.ReadString('\n')
		if err != nil {
			w.t.Fatal(err)
		}
		if s = strings.TrimRight(s, "\r\n"); s != "PING" {
			return s
		}
	}
}

func (w *wire) expect(prefix string) {
	w.t.Helper()
	if got := w.line(); !strings.HasPrefix(got, prefix) {
		w.t.Fatalf("got %q, want %s…", got, prefix)
	}
}

// TestHostileScripts has a broker ask each script of the corpus about messages.
// Those that would run into a limit have their messages denied, and meanwhile
// another connection is served.
func TestHostileScripts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list, conf := misdeeds(t, dir)
	s := startWith(t, dir, conf)
	var served atomic.Int64
	over := make(chan struct{})
	ended := make(chan struct{})
	bystander := join(t, s)
	bystander.send("SUB good.> 1\r\n")
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			default:
			}
			text := strconv.Itoa(n)
			bystander.send(fmt.Sprintf("PUB good.x %d\r\n%s\r\n", len(text), text))
			if got := bystander.line(); got != fmt.Sprintf("MSG good.x 1 %d", len(text)) {
				t.Errorf("the bystander got %q", got)
				return
			}
			if got := bystander.line(); got != text {
				t.Errorf("the bystander got %q, want %s", got, text)
				return
			}
			served.Add(1)
		}
	}()
	w := join(t, s)
	for _, m := range list {
		w.send(fmt.Sprintf("PUB %s %d\r\n%s\r\nPING\r\n", m.name, len(m.payload), m.payload))
		got := w.line()
		if strings.HasPrefix(got, "-ERR 'Permissions Violation for Publish to ") {
			w.expect("PONG")
		} else if m.stopped || got != "PONG" {
			t.Errorf("%s: got %q", m.name, got)
		}
	}
	close(over)
	<-ended
	if n := served.Load(); n < int64(len(list)) {
		t.Errorf("the bystander was served %d times beside %d scripts", n, len(list))
	}
}
