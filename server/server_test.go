package server_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"moonwire/server"
	"moonwire/server/servertest"
)

// loopback are the options of a broker for a test.
func loopback() server.Options { return server.Options{Host: "127.0.0.1", Port: -1} }

func TestNewNamesEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := server.New(server.Options{MaxPayload: 100, MaxPending: 10, PingMax: -1, Port: 70000})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"max_payload", "ping_max", "port"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := loopback()
	o.Port, o.HTTPPort = l.Addr().(*net.TCPAddr).Port, -1
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Start()
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Fatalf("got %v, want an error that names %s", err, l.Addr())
	}
	s.WaitForShutdown() // at once: there is nothing to wait for
	if s.ReadyForConnections(time.Minute) {
		t.Error("a server that did not start is ready")
	}
	if _, err := s.InProcessConn(); !errors.Is(err, server.ErrNotRunning) {
		t.Errorf("got %v, want ErrNotRunning", err)
	}
	if _, err := net.Dial("tcp", s.MonitorAddr().String()); err == nil {
		t.Error("the monitoring endpoint of a server that did not start is open")
	}
}

// profiling are the options of a broker with the profiling endpoint.
func profiling() server.Options {
	o := loopback()
	o.ProfPort = -1
	return o
}

func TestProfiler(t *testing.T) {
	t.Parallel()
	b := servertest.StartOptions(t, profiling())
	addr := b.ProfilerAddr().String()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := client.Get("http://" + addr + "/debug/pprof/allocs")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("got %s", r.Status)
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Error(err)
	}
	b.Shutdown()
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("the profiling endpoint of a server that is stopped is open")
	}
}

func TestProfilerPortInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := loopback()
	o.ProfPort = l.Addr().(*net.TCPAddr).Port
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Start()
	if err == nil || !strings.Contains(err.Error(), "profiling endpoint") || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v, want an error that names the endpoint and %s", err, l.Addr())
	}
}

func TestLife(t *testing.T) {
	t.Parallel()
	s, err := server.New(loopback())
	if err != nil {
		t.Fatal(err)
	}
	if s.Addr() != nil || s.ClientURL() != "" || s.MonitorAddr() != nil || s.ProfilerAddr() != nil {
		t.Error("a server has addresses before it is started")
	}
	if _, err := s.InProcessConn(); !errors.Is(err, server.ErrNotRunning) {
		t.Errorf("got %v before Start, want ErrNotRunning", err)
	}
	if s.ReadyForConnections(time.Millisecond) {
		t.Error("a server is ready before it is started")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); !errors.Is(err, server.ErrStarted) {
		t.Errorf("got %v from a second Start, want ErrStarted", err)
	}
	if !s.ReadyForConnections(time.Second) {
		t.Error("a server that was started is not ready")
	}
	if want := "nats://" + s.Addr().String(); s.ClientURL() != want {
		t.Errorf("got URL %s, want %s", s.ClientURL(), want)
	}
	if s.ProfilerAddr() != nil {
		t.Error("profiles can be had without being asked for")
	}
	c, err := s.InProcessConn()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s.Shutdown()
	s.Shutdown()
	s.WaitForShutdown()
	if _, err := s.InProcessConn(); !errors.Is(err, server.ErrNotRunning) {
		t.Errorf("got %v after Shutdown, want ErrNotRunning", err)
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("a server that is stopped takes connections")
	}
}

// TestLameDuckAlone: without clients there is nothing to wait for.
func TestLameDuckAlone(t *testing.T) {
	t.Parallel()
	b := servertest.StartOptions(t, loopback())
	b.LameDuck()
	if !b.InLameDuck() {
		t.Error("the server does not say that it is in lame duck mode")
	}
	b.WaitForShutdown()
}

func TestClientAdvertise(t *testing.T) {
	t.Parallel()
	o := loopback()
	o.ClientAdvertise = "broker.example:4333"
	b := servertest.StartOptions(t, o)
	c, err := b.InProcessConn()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	info, err := bufio.NewReader(c).ReadString('\n')
	if want := `"host":"broker.example","port":4333,`; err != nil || !strings.Contains(info, want) {
		t.Errorf("got %q, %v; want %s in it", info, err, want)
	}
}
