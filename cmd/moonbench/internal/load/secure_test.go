//go:build linux

package load

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"moonwire/cmd/moonbench/internal/cert"
	"moonwire/cmd/moonbench/internal/poll"
	"moonwire/cmd/moonbench/internal/scenario"
)

// identity is a certificate as a server and as its clients need it.
func identity(t *testing.T) (server, trust *tls.Config) {
	t.Helper()
	p, err := cert.New()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, p.Trust()
}

// secured is 1 → 1 over TLS.
func secured(payload int) scenario.Scenario {
	return scenario.Scenario{Name: "secured", Publishers: 1, Subscribers: 1, Payload: payload, TLS: true}
}

func TestReferenceTLS(t *testing.T) {
	served, trust := identity(t)
	old := served.Clone()
	old.MaxVersion = tls.VersionTLS12
	addr, oldAddr := startReferenceTLS(t, served), startReferenceTLS(t, old)
	request := requests()
	request.TLS = true
	paced := secured(128)
	paced.Rate, paced.Unbatched = 5000, true
	wide := secured(128)
	wide.Publishers, wide.Subscribers, wide.Header, wide.Bystanders = 2, 3, 72, 1
	nobody := scenario.Scenario{Name: "nobody", Fan: scenario.Nobody, Publishers: 1, Payload: 128, TLS: true}
	for _, tt := range []struct {
		name string
		addr string
		sc   scenario.Scenario
	}{
		{"128 B", addr, secured(128)},
		{"4 KiB", addr, secured(4096)},
		{"more than many records", addr, secured(512 << 10)},
		{"TLS 1.2", oldAddr, secured(4096)},
		{"2 to 3", addr, wide},
		{"request", addr, request},
		{"unbatched", addr, paced},
		{"nobody", addr, nobody},
	} {
		for _, loops := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", tt.name, loops), func(t *testing.T) {
				res, err := runSecured(t.Context(), tt.addr, tt.sc, loops, shortly, trust)
				if err != nil {
					t.Fatal(err)
				}
				if res.Units == 0 {
					t.Error("nothing arrived")
				}
			})
		}
	}
}

// The checks see through TLS.
func TestFaultsAreDetectedOverTLS(t *testing.T) {
	t.Parallel()
	served, trust := identity(t)
	for _, tt := range []struct {
		name  string
		spoil func(int, string) []string
		want  string
	}{
		{name: "none"},
		{name: "lost", spoil: drop, want: "subscriber 0, publisher 0: 1 lost (first: number 501 where 500 was due)"},
		{name: "out of order", spoil: swap(), want: "subscriber 0, publisher 0: 1 out of order"},
		{name: "changed", spoil: corrupt, want: "payload was changed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := startHostile(t, &hostile{spoil: tt.spoil, secure: served})
			measure := longer
			if tt.want == "" {
				measure = shortly
			}
			_, err := runSecured(t.Context(), h.addr, secured(64), 1, measure, trust)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// fake is a server that says INFO and then does as it is told. It closes the
// connection afterwards. stop returns when all of it is gone; the end of the
// test calls it too.
func fake(t *testing.T, info string, serve func(net.Conn)) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				if _, err := io.WriteString(nc, info); err == nil {
					serve(nc)
				}
			})
		}
	})
	stop = func() {
		_ = l.Close()
		wg.Wait()
	}
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

const offersTLS = "INFO {\"tls_required\":true} \r\n"

// hangUp ends a stream as a server that has gone: what was sent arrives.
func hangUp(nc net.Conn) {
	_ = nc.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, nc)
}

// speak does the handshake, answers CONNECT and PING, and goes on with then.
func speak(cfg *tls.Config, then func(raw net.Conn, nc *tls.Conn)) func(net.Conn) {
	return func(raw net.Conn) {
		nc := tls.Server(raw, cfg)
		buf := make([]byte, 4<<10)
		for {
			n, err := nc.Read(buf)
			if err != nil {
				return
			}
			if bytes.Contains(buf[:n], []byte("PING\r\n")) {
				break
			}
		}
		if _, err := io.WriteString(nc, pongLine); err == nil {
			then(raw, nc)
		}
	}
}

// openFiles is how many descriptors this process has.
func openFiles(t *testing.T) int {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(dir)
}

// What a server can do to a client with TLS. Not parallel: it counts the
// process's descriptors.
func TestHostileTLS(t *testing.T) {
	served, trust := identity(t)
	_, stranger := identity(t)
	_, stop := fake(t, "", hangUp)
	stop() // the runtime keeps a descriptor of its own from the first socket on
	garbage := strings.Repeat("this is no TLS\r\n", 100)
	for _, tt := range []struct {
		name   string
		info   string
		serve  func(net.Conn)
		trust  *tls.Config
		want   []string
		unable bool
	}{
		{
			name: "no TLS", info: "INFO {} \r\n", serve: hangUp, trust: trust, unable: true,
			want: []string{"INFO does not offer TLS"},
		},
		{name: "nobody to trust", info: offersTLS, serve: hangUp, unable: true, want: []string{"whose certificate to trust"}},
		{
			name: "closes at once", info: offersTLS, serve: hangUp, trust: trust,
			want: []string{"TLS handshake: the server closed the connection during the handshake"},
		},
		{
			name: "closes within the handshake", info: offersTLS, trust: trust,
			serve: func(nc net.Conn) {
				_, _ = io.WriteString(nc, "\x16\x03\x03\x00\x7a\x02\x00") // the beginning of a ServerHello
				hangUp(nc)
			},
			want: []string{"TLS handshake: the server closed the connection during the handshake"},
		},
		{
			name: "another certificate", info: offersTLS, serve: speak(served, nil), trust: stranger,
			want: []string{"TLS handshake: ", "unknown authority"},
		},
		{
			name: "garbage instead of TLS", info: offersTLS, trust: trust,
			serve: func(nc net.Conn) {
				_, _ = io.WriteString(nc, garbage)
				hangUp(nc)
			},
			want: []string{"TLS handshake: ", "does not look like a TLS handshake"},
		},
		{
			name: "garbage in one write with INFO", info: offersTLS + garbage, serve: hangUp, trust: trust,
			want: []string{"TLS handshake: ", "does not look like a TLS handshake"},
		},
		{
			name: "refuses", info: offersTLS, trust: trust,
			serve: func(raw net.Conn) {
				nc := tls.Server(raw, served)
				_, _ = io.WriteString(nc, "-ERR 'Authorization Violation'\r\n")
				hangUp(raw)
			},
			want: []string{"the server says -ERR 'Authorization Violation'"},
		},
		{
			name: "garbage when the load runs", info: offersTLS, trust: trust,
			serve: speak(served, func(raw net.Conn, _ *tls.Conn) {
				_, _ = io.WriteString(raw, garbage)
				hangUp(raw)
			}),
			want: []string{"tls: "},
		},
		{
			name: "closes when the load runs", info: offersTLS, trust: trust,
			serve: speak(served, func(raw net.Conn, nc *tls.Conn) {
				_ = nc.CloseWrite()
				hangUp(raw)
			}),
			want: []string{"the server closed the connection"},
		},
		{
			name: "closes within a record when the load runs", info: offersTLS, trust: trust,
			serve: speak(served, func(raw net.Conn, _ *tls.Conn) {
				_, _ = io.WriteString(raw, "\x17\x03\x03\x01\x00half")
				hangUp(raw)
			}),
			want: []string{"the server closed the connection"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := openFiles(t)
			addr, stop := fake(t, tt.info, tt.serve)
			_, err := runSecured(t.Context(), addr, secured(64), 1, longer, tt.trust)
			if err == nil {
				t.Fatal("the run succeeds")
			}
			if errors.Is(err, ErrUnable) != tt.unable {
				t.Errorf("errors.Is(ErrUnable) = %v: %v", !tt.unable, err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to contain %q", err, part)
				}
			}
			stop()
			if after := openFiles(t); after != before {
				t.Errorf("%d descriptors are left open", after-before)
			}
		})
	}
}

// sealedPair is a connection with TLS in a loop and the server's end of it.
func sealedPair(t *testing.T) (*conn, net.Conn) {
	t.Helper()
	served, trust := identity(t)
	trust.ServerName = "127.0.0.1"
	servers := make(chan net.Conn, 1)
	done := make(chan struct{})
	addr, _ := fake(t, offersTLS, speak(served, func(_ net.Conn, nc *tls.Conn) {
		servers <- nc
		<-done
	}))
	t.Cleanup(func() { close(done) }) // before the fake waits for it
	ap, err := resolve(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	g, err := greet(ap, nil, trust)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLoop(&shared{}, 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	l.sealed = make([]byte, 100) // a record comes in many pieces
	c := &conn{name: "client", fd: g.fd, secure: g.secure, handler: silent{}}
	if err := l.add(c); err != nil {
		t.Fatal(err)
	}
	return c, <-servers
}

// What the socket does not take waits as ciphertext, and the publisher with it.
func TestSealedBackPressure(t *testing.T) {
	t.Parallel()
	c, server := sealedPair(t)
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
		t.Fatal(err)
	}
	st := &stream{chunk: 8, need: 1, done: makeCounters(1 << 10), owner: c.loop}
	p := &publisher{conn: c, stream: st, block: newBlock(blockSpec{base: "a", payload: 8 << 10, count: 8})}
	blocks := 0
	for c.idle() {
		if _, _, err := p.step(0, measuring); err != nil {
			t.Fatal(err)
		}
		blocks++
	}
	if !c.waitsForRoom || len(c.block) != 0 || c.secure.written() {
		t.Fatalf("waits %v, %d B of plain text, all ciphertext written: %v", c.waitsForRoom, len(c.block), c.secure.written())
	}
	before := p.next
	if _, _, err := p.step(0, measuring); err != nil || p.next != before {
		t.Errorf("publishes while it waits: %d then %d, %v", before, p.next, err)
	}
	c.out = append(c.out, "PING\r\n"...) // must come behind the blocks
	read := make(chan error, 1)
	go func() {
		b := newBlock(blockSpec{base: "a", payload: 8 << 10, count: 8})
		var want []byte
		for i := range uint64(blocks) {
			want = append(want, b.fill(8*i, 8)...)
		}
		got := make([]byte, len(want)+len(pingLine))
		_, err := io.ReadFull(server, got)
		if err == nil && !bytes.Equal(got, append(want, pingLine...)) {
			err = errors.New("something else came out")
		}
		read <- err
	}()
	for !c.idle() {
		events, err := c.loop.poller.Wait(true)
		if err != nil {
			t.Fatal(err)
		}
		for i := range events {
			if err := c.loop.handle(&events[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
	if c.waitsForRoom {
		t.Error("still watched for room")
	}
}

// Records come in pieces, and several in one read; none may wait for the next.
func TestSealedReadsEverything(t *testing.T) {
	t.Parallel()
	c, server := sealedPair(t)
	var got []string
	c.handler = collector{&got}
	for i := range 10 {
		// Less than a record, a record, several.
		payload := strings.Repeat("x", 1<<(2*i%16))
		want := fmt.Sprintf("%d %s", i, payload)
		written := make(chan error, 1)
		go func() {
			_, err := fmt.Fprintf(server, "MSG a 1 %d\r\n%s\r\n", len(want), want)
			written <- err
		}()
		for got = nil; len(got) == 0; {
			if _, err := c.loop.poller.Wait(true); err != nil {
				t.Fatal(err)
			}
			if err := c.readable(); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0] != want {
			t.Fatalf("message %d: got %d messages, %.20q", i, len(got), got)
		}
		if err := c.readable(); err != nil || len(c.tail) > 0 {
			t.Errorf("more is there: %v, %q", err, c.tail)
		}
	}
	if _, err := poll.ReadFrom(c.fd, make([]byte, 1)); !errors.Is(err, poll.ErrAgain) {
		t.Errorf("the socket: %v", err)
	}
}

// collector keeps payloads.
type collector struct{ got *[]string }

func (h collector) message(_ *conn, d *delivery) error {
	*h.got = append(*h.got, string(d.payload()))
	return nil
}
func (collector) pong(*conn) error { return nil }
func (collector) info(*conn) error { return nil }
