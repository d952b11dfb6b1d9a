//go:build unix

package conn_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/server/conn"
)

// certificate is that of the hosts in these tests.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// first is a conn.Handshake that comes before INFO.
type first struct{ config *tls.Config }

func (f first) BeforeInfo(nc net.Conn) (net.Conn, error) {
	t := tls.Server(nc, f.config)
	return t, t.Handshake()
}

func (first) AfterInfo(nc net.Conn) (net.Conn, error) { return nc, nil }

// versions of TLS in which everything has to work.
var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// secure has connections to h begin with TLS of one version.
func (h *host) secure(version uint16) *host {
	h.way.SetTLS(first{&tls.Config{
		Certificates: []tls.Certificate{certificate()}, MinVersion: version, MaxVersion: version,
	}})
	return h
}

// sockets returns the two ends of a TCP connection with small buffers.
func sockets(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	a, b := pair(t, "tcp", "127.0.0.1:0")
	near, far = a.(*net.TCPConn), b.(*net.TCPConn)
	_ = near.SetReadBuffer(64 << 10)
	_ = far.SetWriteBuffer(64 << 10)
	return near, far
}

// dialTLS is dial over TLS, to a host that is secure.
func (h *host) dialTLS(t testing.TB) *peer {
	t.Helper()
	near, far := sockets(t)
	return h.serve(t, tls.Client(near, &tls.Config{InsecureSkipVerify: true}), far)
}

// eachVersion runs a test with each version of TLS.
func eachVersion(t *testing.T, test func(t *testing.T, version uint16)) {
	t.Parallel()
	for name, v := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, v)
		})
	}
}

// await waits until the connection is in a state.
func (p *peer) await(what string, is func(conn.Snapshot) bool) {
	p.t.Helper()
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for limit := time.After(20 * time.Second); !is(p.c.Snapshot()); {
		select {
		case <-tick.C:
		case <-limit:
			p.t.Fatalf("waited in vain for %s: %+v", what, p.c.Snapshot())
		}
	}
}

// TestTLSSaysTheSame: over TLS a connection says what it says in clear.
func TestTLSSaysTheSame(t *testing.T) {
	t.Parallel()
	script := []string{
		`CONNECT {"verbose":false,"headers":true}` + "\r\nPING\r\n", "SUB a.* 1\r\nSUB a.b q 2\r\nPUB a.b 2\r\nhi\r\nPING\r\n",
		"UNSUB 2\r\nUNSUB 1 3\r\nPUB a.b 1\r\n1\r\nPUB a.c back 1\r\n2\r\nPUB a.c 1\r\n3\r\nPING\r\n",
		"SUB x 3\r\nPUB x 200000\r\n" + strings.Repeat("x", 200_000) + "\r\nHPUB x 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPING\r\n",
		"SUB a..b 9\r\nNONSENSE\r\n",
	}
	play := func(p *peer) string {
		var out strings.Builder
		for i, s := range script {
			p.send(s)
			for line := ""; i < len(script)-1 && line != "PONG"; {
				line = p.line()
				out.WriteString(line + "\n")
			}
		}
		rest, err := io.ReadAll(p.r)
		p.close()
		return fmt.Sprintf("%s%s%v %s", out.String(), rest, err, p.reason())
	}
	want := play(newHost(nil).dialTCP(t))
	for name, v := range versions {
		if diff := cmp.Diff(want, play(newHost(nil).secure(v).dialTLS(t))); diff != "" {
			t.Errorf("TLS %s (-clear +TLS):\n%s", name, diff)
		}
	}
}

// TestTLSVolume sends 100 MB through a connection and back, to a reader that
// rests until much is waiting for it: all comes, in order.
func TestTLSVolume(t *testing.T) {
	eachVersion(t, func(t *testing.T, v uint16) {
		const total, window, rest = 100 << 20, 8 << 20, 20 << 20
		p := newHost(nil).secure(v).dialTLS(t)
		defer p.close()
		p.send(hello + "SUB mine 1\r\nPING\r\n")
		p.expect("PONG")
		sizes := func() func() int {
			rng := mrand.New(mrand.NewPCG(1, 2))
			return func() int { return 8 + rng.IntN(64<<10) }
		}
		credit := make(chan int, 1<<16)
		sent := make(chan error, 1)
		go func() {
			size, room := sizes(), window
			body := bytes.Repeat([]byte("0123456789abcdef"), 8<<10)
			for n, done := uint64(0), 0; done < total; n++ {
				k := size()
				for room < k {
					room += <-credit
				}
				msg := fmt.Appendf(nil, "PUB mine %d\r\n", k)
				msg = binary.BigEndian.AppendUint64(msg, n)
				msg = append(append(msg, body[:k-8]...), "\r\n"...)
				if _, err := p.nc.Write(msg); err != nil {
					sent <- err
					return
				}
				done, room = done+k, room-k
			}
			sent <- nil
		}()
		size, body := sizes(), make([]byte, 128<<10)
		for n, done, woke := uint64(0), 0, 0; done < total; n++ {
			if done-woke >= rest && total-done > window {
				woke = done
				p.await("a backlog", func(s conn.Snapshot) bool { return s.Pending > 1<<20 })
			}
			k := size()
			line := p.line()
			if line == "PING" {
				line = p.line()
			}
			if want := "MSG mine 1 " + strconv.Itoa(k); line != want {
				t.Fatalf("message %d: %q, want %q", n, line, want)
			}
			if _, err := io.ReadFull(p.r, body[:k+2]); err != nil {
				t.Fatal(err)
			}
			if got := binary.BigEndian.Uint64(body); got != n || !bytes.HasSuffix(body[:k+2], []byte("\r\n")) {
				t.Fatalf("message %d is number %d, and ends in %q", n, got, body[k-8:k+2])
			}
			done += k
			credit <- k
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	})
}

// TestTLSSlowConsumer: a peer that does not read is cut, and its end does not
// wait for it either.
func TestTLSSlowConsumer(t *testing.T) {
	for name, tt := range map[string]struct {
		limits func(*conn.Limits)
		want   conn.Reason
	}{
		"pending":  {func(l *conn.Limits) { l.MaxPending = 1 << 20 }, conn.SlowConsumerPending},
		"deadline": {func(l *conn.Limits) { l.WriteDeadline = 50 * time.Millisecond }, conn.SlowConsumerDeadline},
	} {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, v uint16) {
				h := newHost(tt.limits).secure(v)
				deaf, pub := h.dialTLS(t), h.dialTLS(t)
				defer pub.close()
				deaf.send(hello + "SUB a 1\r\nPING\r\n")
				deaf.expect("PONG")
				pub.send(hello)
				msg := "PUB a 100000\r\n" + strings.Repeat("x", 100_000) + "\r\nPING\r\n"
				begin := time.Now()
				for deaf.c.Reason() == "" {
					pub.send(msg)
					for pub.line() != "PONG" {
					}
				}
				if r := deaf.reason(); r != tt.want {
					t.Errorf("ended for %q, want %q", r, tt.want)
				}
				if took := time.Since(begin); took > 4*time.Second {
					t.Errorf("the end took %v", took)
				}
				_ = deaf.nc.Close()
			})
		})
	}
}

// TestTLSCloseIsBounded: a peer that does not read holds up a shutdown for no
// more than the second that it is given.
func TestTLSCloseIsBounded(t *testing.T) {
	eachVersion(t, func(t *testing.T, v uint16) {
		h := newHost(nil).secure(v)
		deaf := h.dialTLS(t)
		deaf.send(hello + "SUB a 1\r\n" + strings.Repeat("PUB a 100000\r\n"+strings.Repeat("x", 100_000)+"\r\n", 50))
		deaf.await("a backlog", func(s conn.Snapshot) bool { return s.Pending > 1<<20 })
		begin := time.Now()
		deaf.c.Close(conn.ServerShutdown)
		if r := deaf.reason(); r != conn.ServerShutdown {
			t.Errorf("ended for %q", r)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("the end took %v, want a second", took)
		}
		_ = deaf.nc.Close()
	})
}

// TestTLSFaultIsTold: a peer that goes on sending after a fault still reads what
// it did wrong, and then an end as TLS has it.
func TestTLSFaultIsTold(t *testing.T) {
	eachVersion(t, func(t *testing.T, v uint16) {
		h := newHost(nil).secure(v)
		for range 20 {
			p := h.dialTLS(t)
			p.send(hello + "PING\r\n")
			p.expect("PONG")
			p.send("NONSENSE\r\n" + strings.Repeat("PUB a 10\r\n0123456789\r\n", 10_000))
			p.expectEnd("-ERR 'Unknown Protocol Operation'\r\n")
			p.close()
		}
	})
}

// TestTLSLastWords: what came before the peer's end is answered.
func TestTLSLastWords(t *testing.T) {
	eachVersion(t, func(t *testing.T, v uint16) {
		p := newHost(nil).secure(v).dialTLS(t)
		defer p.close()
		p.send(hello + "SUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\n")
		if err := p.nc.(*tls.Conn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		p.expectEnd("MSG a 1 2\r\nhi\r\nPONG\r\n")
		if r := p.reason(); r != conn.ClientClosed {
			t.Errorf("ended for %q", r)
		}
	})
}

// TestTLSBrokenRecord: what is no TLS after the handshake ends the connection.
func TestTLSBrokenRecord(t *testing.T) {
	eachVersion(t, func(t *testing.T, v uint16) {
		p := newHost(nil).secure(v).dialTLS(t)
		defer p.close()
		p.send(hello + "PING\r\n")
		p.expect("PONG")
		if _, err := p.nc.(*tls.Conn).NetConn().Write([]byte("PING\r\nPING\r\n")); err != nil {
			t.Fatal(err)
		}
		if r := p.reason(); r != conn.ReadError {
			t.Errorf("ended for %q, want %q", r, conn.ReadError)
		}
	})
}

// TestTLSCloseInHandshake: closing ends a handshake that waits for the peer, and
// is right at any other time too.
func TestTLSCloseInHandshake(t *testing.T) {
	eachVersion(t, func(t *testing.T, v uint16) {
		h := newHost(nil).secure(v)
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				near, far := sockets(t)
				defer near.Close()
				c, done := h.take(far)
				go c.Serve(nil)
				if i%3 == 0 { // the peer is silent
					c.Close(conn.ServerShutdown)
					<-done
					return
				}
				secure := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
				go func() {
					for range mrand.IntN(2000) {
						runtime.Gosched()
					}
					c.Close(conn.ServerShutdown)
				}()
				_ = secure.Handshake() // either way
				_, _ = io.Copy(io.Discard, secure)
				<-done
			})
		}
		wg.Wait()
	})
}

// TestTLSIdleMemory: a connection that waits holds no buffer for input, which
// would be 256 KiB.
func TestTLSIdleMemory(t *testing.T) {
	const conns = 64
	h := newHost(nil).secure(tls.VersionTLS13)
	used := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := used()
	peers := make([]*peer, conns)
	for i := range peers {
		peers[i] = h.dialTLS(t)
		peers[i].send(hello + "SUB a 1\r\nPING\r\n")
		peers[i].expect("PONG")
	}
	if each := (used() - before) / conns; each > 100<<10 {
		t.Errorf("%d bytes for a connection, both ends of it", each)
	}
	for _, p := range peers {
		p.close()
	}
}
