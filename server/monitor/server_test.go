package monitor_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/server/monitor"
)

// serve runs a Server for h and returns its address and what Serve will return.
func serve(t *testing.T, h http.Handler, logger *zap.Logger) (*monitor.Server, string, <-chan error) {
	t.Helper()
	s := monitor.NewServer(h, logger)
	addr, done := serveOn(t, s)
	return s, addr, done
}

// serveOn runs a Server on a free port.
func serveOn(t *testing.T, s *monitor.Server) (string, <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	return l.Addr().String(), done
}

// ask sends a raw request and returns the connection and the answer.
func ask(t *testing.T, addr, request string) (net.Conn, *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

func TestServer(t *testing.T) {
	t.Parallel()
	s, addr, done := serve(t, newHealthy(monitor.Options{}), zap.NewNop())
	idle, r := ask(t, addr, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	if got := body(t, r); got != `{"status":"ok"}` {
		t.Errorf("got %q", got)
	}
	_, r = ask(t, addr, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	if r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 KiB of headers: got %s, want 431", r.Status)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("idle connection after Close: %v, want %v", err, io.EOF)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("still listening after Close")
	}
}

// TestServerClose closes while a request is being answered: with time it is
// finished, without it is cut off.
func TestServerClose(t *testing.T) {
	t.Parallel()
	for _, patient := range []bool{true, false} {
		t.Run(fmt.Sprintf("patient %v", patient), func(t *testing.T) {
			t.Parallel()
			entered, release := make(chan struct{}), make(chan struct{})
			s, addr, done := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(entered)
				select {
				case <-release:
				case <-r.Context().Done():
				}
			}), zap.NewNop())
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			<-entered
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			closed := make(chan error, 1)
			go func() { closed <- s.Close(ctx) }()
			if err := <-done; err != nil { // Close has begun
				t.Errorf("Serve: %v", err)
			}
			if !patient {
				cancel()
				if err := <-closed; !errors.Is(err, context.Canceled) {
					t.Errorf("Close: %v, want %v", err, context.Canceled)
				}
				if _, err := c.Read(make([]byte, 1)); err == nil {
					t.Error("request was answered")
				}
				return
			}
			select {
			case err := <-closed:
				t.Fatalf("Close returned %v before the request was answered", err)
			default:
			}
			close(release)
			if r, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || r.StatusCode != http.StatusOK {
				t.Errorf("got %v, %v", r, err)
			}
			if err := <-closed; err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// brokenListener fails at once.
type brokenListener struct{ net.Listener }

func (brokenListener) Accept() (net.Conn, error) { return nil, errors.New("no more sockets") }

func (brokenListener) Close() error { return nil }

func TestServerErrors(t *testing.T) {
	t.Parallel()
	s := monitor.NewServer(newHealthy(monitor.Options{}), zap.NewNop())
	if err := s.Serve(brokenListener{}); err == nil || err.Error() != "serving monitoring: no more sockets" {
		t.Errorf("got %v", err)
	}

	// What net/http has to say comes as a warning.
	core, logs := observer.New(zap.DebugLevel)
	s, addr, done := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }), zap.New(core))
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want %v", err, io.EOF)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	entries := logs.All()
	if len(entries) != 1 || entries[0].Level != zap.WarnLevel || !strings.Contains(entries[0].Message, "panic serving") {
		t.Errorf("got %v, want one warning", entries)
	}
}
