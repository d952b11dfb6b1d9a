package conn_test

import (
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"moonwire/server/conn"
)

// eachWay runs a test with a host that may wait when a CONNECT comes, and with one
// that does not.
func eachWay(t *testing.T, test func(t *testing.T, h *host)) {
	for _, mayWait := range []bool{false, true} {
		t.Run(fmt.Sprintf("may wait %v", mayWait), func(t *testing.T) {
			t.Parallel()
			h := newHost(nil)
			h.mayWait = mayWait
			test(t, h)
		})
	}
}

// TestAwaitHolds: where the host may wait a connection has given back its buffer and
// its worker when it asks who somebody is; where it does not wait, nothing is given
// back to be taken again.
func TestAwaitHolds(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, h *host) {
		asked := 0
		h.ask = func(c *conn.Client) {
			asked++
			if worker, buffer := c.Holds(); worker == h.mayWait || buffer == h.mayWait {
				t.Errorf("CONNECT %d: has a worker: %v, a buffer: %v", asked, worker, buffer)
			}
		}
		p := h.dialTCP(t)
		p.send(hello + "PING\r\n" + hello)
		p.send("PING\r\n")
		p.expect("PONG", "PONG")
		p.close()
		if asked != 2 {
			t.Errorf("the host was asked %d times", asked)
		}
	})
}

// TestAwaitOrder: what stands around a CONNECT is run before it and behind it, whatever
// the pieces are in which it comes, beside a message that is larger than a buffer too.
func TestAwaitOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ piece, size int }{{1 << 20, 600_000}, {100_000, 600_000}, {7, 1000}} {
		t.Run(fmt.Sprintf("pieces of %d", tt.piece), func(t *testing.T) {
			t.Parallel()
			large := strings.Repeat("x", tt.size)
			in := "SUB a 1\r\nPUB a 1\r\n1\r\n" + // before the first CONNECT
				hello + "PUB a 1\r\n2\r\n" +
				hello + "PUB a 1\r\n3\r\n" + // the subscription is gone
				fmt.Sprintf("SUB a 2\r\nPUB a %d\r\n%s\r\n", tt.size, large) +
				hello + hello + "PING\r\n"
			want := []string{
				"+OK", "+OK", "MSG a 1 1", "1", // still verbose
				"MSG a 1 1", "2",
				fmt.Sprintf("MSG a 2 %d", tt.size), large,
				"PONG",
			}
			eachWay(t, func(t *testing.T, h *host) {
				p := h.dial(t)
				defer p.close()
				var wg sync.WaitGroup
				wg.Go(func() {
					for piece := range slices.Chunk([]byte(in), tt.piece) {
						if _, err := p.nc.Write(piece); err != nil {
							t.Error(err)
							return
						}
					}
				})
				defer wg.Wait()
				p.expect(want...)
			})
		})
	}
}

// TestAwaitRefused: who is refused is told so, after the answers to what came before
// the CONNECT, and what comes behind it is not run.
func TestAwaitRefused(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, h *host) {
		p := h.dialTCP(t)
		defer p.close()
		p.send(hello + "PING\r\n")
		p.expect("PONG")
		p.send("PING\r\n" + `CONNECT {"verbose":false,"pass":"wrong"}` + "\r\nPING\r\n")
		p.expectEnd("PONG\r\n-ERR 'Authorization Violation'\r\n")
		if r := p.reason(); r != conn.AuthFailure {
			t.Errorf("ended for %q", r)
		}
	})
}

// TestAwaitMany: a thousand connections that wait at one time, with input behind their
// CONNECTs, hold much less than their buffers, and go on when the wait is over.
func TestAwaitMany(t *testing.T) {
	const many, most = 1000, 32 << 10 // bytes for each, with the goroutine and the other end
	h := newHost(nil)
	h.mayWait = true
	var asked sync.WaitGroup
	asked.Add(many)
	goOn := make(chan struct{})
	h.ask = func(*conn.Client) {
		asked.Done()
		<-goOn
	}
	before := inUse()
	var ends []*peer
	for range many {
		p := h.dial(t)
		p.send(hello + "PING\r\n")
		ends = append(ends, p)
	}
	asked.Wait()
	if each := (inUse() - before) / many; each > most {
		t.Errorf("each holds %d bytes while it waits, want %d at most", each, most)
	}
	close(goOn)
	for _, p := range ends {
		p.expect("PONG")
		p.close()
	}
}

// inUse returns how many bytes of the heap and of stacks are in use.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// TestAwaitClosed: a connection that is closed while the host waits has ended when the
// wait is over, and what stands behind its CONNECT is not run.
func TestAwaitClosed(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, h *host) {
		asked, goOn := make(chan struct{}), make(chan struct{})
		h.ask = func(*conn.Client) {
			close(asked)
			<-goOn
		}
		near, far := net.Pipe()
		p := h.serve(t, near, far)
		defer p.close()
		p.send(hello + "PING\r\nSUB a 1\r\n")
		<-asked
		p.c.Close(conn.ServerShutdown)
		close(goOn)
		_ = p.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
		p.expectEnd("")
		if r := p.reason(); r != conn.ServerShutdown {
			t.Errorf("ended for %q", r)
		}
	})
}
