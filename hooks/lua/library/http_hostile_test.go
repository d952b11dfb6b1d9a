package library

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/hooks/lua/sandbox"
)

// rude listens and does with each connection, once a request has come, what it
// likes. It returns the URL, and a channel that gets an element when a
// connection is over.
func rude(t testing.TB, do func(c net.Conn)) (url string, over <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{}, 100)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { done <- struct{}{} }()
				defer func() { _ = c.Close() }()
				r := bufio.NewReader(c)
				if _, err := http.ReadRequest(r); err == nil {
					do(c)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return "http://" + l.Addr().String(), done
}

// untilClosed writes the same again and again until the other side has enough.
func untilClosed(c net.Conn, s string) {
	for {
		if _, err := io.WriteString(c, s); err != nil {
			return
		}
	}
}

// silent waits until the other side closes.
func silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// TestHTTPHostile: whatever a server does, a script gets an error soon, and the
// connection is closed.
func TestHTTPHostile(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\n"
	for _, tt := range []struct {
		name, opts string
		do         func(c net.Conn)
		want       string
	}{
		{"no answer", "{ timeout = 0.05 }", silent, "there was no answer within 50ms"},
		{"half a head", "{ timeout = 0.05 }", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"A: b")
			silent(c)
		}, "there was no answer within 50ms"},
		{"a byte now and then", "{ timeout = 0.05 }", func(c net.Conn) {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if _, err := io.WriteString(c, head[:1]); err != nil {
					return
				}
			}
		}, "there was no answer within 50ms"},
		{"half a body", "{ timeout = 0.05 }", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"Content-Length: 10\r\n\r\nhalf")
			silent(c)
		}, "there was no answer within 50ms"},
		{"a body that ends early", "nil", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"Content-Length: 10\r\n\r\nhalf")
		}, "unexpected EOF"},
		{"a body without end", "nil", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"\r\n")
			untilClosed(c, strings.Repeat("x", 4096))
		}, "the answer has more than 1048576 bytes"},
		{"a body in chunks without end", "{ max_body = 5 }", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n")
			untilClosed(c, "1\r\nx\r\n")
		}, "the answer has more than 5 bytes"},
		{"a body of terabytes", "nil", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"Content-Length: 1099511627776\r\n\r\n")
			silent(c)
		}, "the answer has more than 1048576 bytes"},
		{"more than the broker allows", "{ max_body = 2^30 }", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"\r\n")
			untilClosed(c, strings.Repeat("x", 4096))
		}, "the answer has more than 1048576 bytes"},
		{"a long header", "nil", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"A: ")
			untilClosed(c, strings.Repeat("x", 4096))
		}, "net/http: HTTP/1.x transport connection broken: net/http: server response headers exceeded 65536 bytes; aborted"},
		{"headers without end", "nil", func(c net.Conn) {
			_, _ = io.WriteString(c, head)
			untilClosed(c, "A: b\r\n")
		}, "net/http: HTTP/1.x transport connection broken: net/http: server response headers exceeded 65536 bytes; aborted"},
		{"other words", "nil", func(c net.Conn) {
			_, _ = io.WriteString(c, "SSH-2.0-"+strings.Repeat("x", 1000)+"\r\n\r\n")
		}, brief(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-`+strings.Repeat("x", 300), 256)},
		{"nothing", "nil", func(net.Conn) {}, "EOF"},
		{"answers that are to come", "{ timeout = 5 }", func(c net.Conn) {
			untilClosed(c, "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n")
		}, "net/http: HTTP/1.x transport connection broken: net/http: server response headers exceeded 65536 bytes; aborted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, _ := rude(t, tt.do) // which waits at the end until the connection is closed
			s := newShared(t, Options{})
			c := new(fakeCaller)
			if err := c.run(t, s, `out(http.get("`+url+`/", `+tt.opts+`))`); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]any{nil, tt.want}, c.out); d != "" {
				t.Error(d)
			}
			if got, want := s.Stats().HTTP, (HTTPStats{Requests: 1, Failed: 1}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// TestHTTPDoesNotUnpack: a small answer that would become a large one is given
// as it came.
func TestHTTPDoesNotUnpack(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for range 4 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	w := newWeb(t, HTTPOptions{}, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("compression is asked for")
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	})
	w.check(t, `local r = http.get("URL/") out(#r.body, r.headers["content-encoding"])`, float64(packed.Len()), "gzip")
}

// TestHTTPCharges: a script that has not the memory for an answer ends while it
// comes, and nothing is left of the request.
func TestHTTPCharges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(c net.Conn)
	}{
		{"of unknown length", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			untilClosed(c, strings.Repeat("x", 4096))
		}},
		{"of known length", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
			untilClosed(c, strings.Repeat("x", 4096))
		}},
		{"with many headers", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for i := range 1000 {
				_, _ = fmt.Fprintf(c, "A%d: b\r\n", i)
			}
			_, _ = io.WriteString(c, "\r\n")
			silent(c)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, over := rude(t, tt.do)
			s := newShared(t, Options{HTTP: HTTPOptions{MaxBody: 1 << 30}})
			c := new(fakeCaller)
			vm := c.load(t, s, `local http = require "http" hook(function() http.get("`+url+`/") end)`)
			_, err := vm.Call(c.fn, sandbox.Budget{Memory: 100_000, Wall: time.Hour})
			if !errors.Is(err, sandbox.ErrMemory) {
				t.Errorf("got %v", err)
			}
			<-over
			if got, want := s.Stats().HTTP, (HTTPStats{Requests: 1, Failed: 1}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// TestHTTPEnds: a request ends with its call, and with the library.
func TestHTTPEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(s *Shared, cancel func())
		want string
	}{
		{"with its call", func(_ *Shared, cancel func()) { cancel() }, "the call had to end before there was an answer"},
		{"with the library", func(s *Shared, _ func()) { s.Close() }, "the broker is closing"},
	} {
		for _, body := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: ", in its body"}[body], func(t *testing.T) {
				t.Parallel()
				arrived := make(chan struct{})
				url, over := rude(t, func(c net.Conn) {
					if body {
						_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nbegun")
					}
					close(arrived)
					silent(c)
				})
				s := newShared(t, Options{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c := &fakeCaller{ctx: ctx}
				done := make(chan struct{})
				go func() {
					defer close(done)
					if err := c.run(t, s, `out(http.get("`+url+`/"))`); err != nil {
						t.Error(err)
					}
				}()
				<-arrived
				tt.end(s, cancel)
				if tt.name == "with the library" && s.Stats().HTTP.InFlight != 0 {
					t.Error("Close did not wait")
				}
				<-done
				<-over
				if d := cmp.Diff([]any{nil, tt.want}, c.out); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// TestHTTPConnectsForRequestsOnly: attempts to connect end with the requests that
// they are for, also where TLS begins and the other side is silent.
func TestHTTPConnectsForRequestsOnly(t *testing.T) {
	t.Parallel()
	begun, over := make(chan struct{}, 10), make(chan struct{}, 10)
	resolving := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		begun <- struct{}{}
		<-ctx.Done()
		over <- struct{}{}
		return nil, ctx.Err()
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		if c, err := l.Accept(); err == nil {
			begun <- struct{}{}
			silent(c)
			_ = c.Close()
			over <- struct{}{}
		}
	}()
	s := newShared(t, Options{HTTP: HTTPOptions{Resolver: resolving}})
	// The name comes last: for it more than one question is asked.
	for _, url := range []string{"https://" + l.Addr().String() + "/", "http://slow.test./"} {
		ctx, cancel := context.WithCancel(t.Context())
		c := &fakeCaller{ctx: ctx}
		done := make(chan error)
		go func() { done <- c.run(t, s, `out(http.get("`+url+`"))`) }()
		<-begun
		cancel()
		<-over
		if err := <-done; err != nil || !cmp.Equal(c.out, []any{nil, "the call had to end before there was an answer"}) {
			t.Errorf("%s: got %v, %v", url, c.out, err)
		}
	}
}
