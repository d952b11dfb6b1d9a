//go:build linux

package load

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/cmd/moonbench/internal/scenario"
)

// pour is a server that greets and then sends without end. It counts the
// connections and the bytes that they took.
type pour struct {
	addr string

	mu    sync.Mutex
	conns int // guarded by mu
	taken int // guarded by mu
}

// startPour makes a server that cuts each connection after limit bytes; 0 is
// never.
func startPour(t *testing.T, limit int) *pour {
	t.Helper()
	p := &pour{}
	p.addr, _ = fake(t, "INFO {} \r\n", func(nc net.Conn) {
		if !awaitPing(nc) {
			return
		}
		p.mu.Lock()
		p.conns++
		p.mu.Unlock()
		_, _ = io.WriteString(nc, pongLine)
		junk := []byte(strings.Repeat("x", 1<<10))
		for sent := 0; limit == 0 || sent < limit; {
			n, err := nc.Write(junk)
			sent += n
			p.mu.Lock()
			p.taken += n
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	return p
}

func awaitPing(r io.Reader) bool {
	buf := make([]byte, 1<<10)
	var said []byte
	for !strings.Contains(string(said), pingLine) {
		n, err := r.Read(buf)
		if err != nil {
			return false
		}
		said = append(said, buf[:n]...)
	}
	return true
}

func startGroup(t *testing.T, addr string, sc scenario.Scenario) (*stuckGroup, <-chan error) {
	t.Helper()
	ap, err := resolve(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newStuckGroup(ap, []byte("SUB a 1\r\n"), &sc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	failed := make(chan error, 1)
	context.AfterFunc(ctx, func() { failed <- context.Cause(ctx) })
	g.start(cancel)
	return g, failed
}

// A slow reader takes what it may, and no more; nobody else takes anything.
func TestSlowReaderKeepsItsPace(t *testing.T) {
	t.Parallel()
	const rate, enough = 1_000_000, 300_000
	p := startPour(t, 0)
	begin := time.Now()
	g, failed := startGroup(t, p.addr, scenario.Scenario{Slow: 2, SlowRate: rate, Stuck: 1})
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for g.taken.Load() < enough {
		select {
		case err := <-failed:
			t.Fatal(err)
		case <-tick.C:
		}
	}
	cut := g.stop()
	took := time.Since(begin)
	most := 2 * laggard{rate: rate}.due(took+maxDebt)
	if got := int(g.taken.Load()); got > most {
		t.Errorf("read %d B in %v, at most %d B are due", got, took, most)
	}
	t.Logf("%d B in %v, %.0f B/s each", g.taken.Load(), took, float64(g.taken.Load())/2/took.Seconds())
	if cut != 0 {
		t.Errorf("cut %d", cut)
	}
}

// Whoever is cut comes back, is counted, and is what it was before.
func TestLaggardsComeBack(t *testing.T) {
	t.Parallel()
	for _, sc := range []scenario.Scenario{{Name: "stuck", Stuck: 1}, {Name: "slow", Slow: 1, SlowRate: 10_000_000}} {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			p := startPour(t, 16<<10)
			g, failed := startGroup(t, p.addr, sc)
			tick := time.NewTicker(readEvery)
			defer tick.Stop()
			for g.cut.Load() < 3 {
				select {
				case err := <-failed:
					t.Fatal(err)
				case <-tick.C:
				}
			}
			cut := g.stop()
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.conns < cut || p.conns > cut+1 {
				t.Errorf("cut %d, connected %d times", cut, p.conns)
			}
			if slow := sc.Slow > 0; slow != (g.taken.Load() > 0) {
				t.Errorf("read %d B", g.taken.Load())
			}
		})
	}
}

// A server that cannot be reached any more ends the run; no descriptor stays.
func TestLaggardCannotComeBack(t *testing.T) {
	for _, sc := range []scenario.Scenario{{Name: "stuck", Stuck: 2}, {Name: "slow", Slow: 2, SlowRate: 1 << 20}} {
		t.Run(sc.Name, func(t *testing.T) {
			before := openFiles(t)
			quit := make(chan struct{})
			addr, stop := fake(t, "INFO {} \r\n", func(nc net.Conn) {
				if awaitPing(nc) {
					_, _ = io.WriteString(nc, pongLine)
					<-quit
				}
			})
			g, failed := startGroup(t, addr, sc)
			close(quit)
			stop()
			if err := <-failed; err == nil || !strings.Contains(err.Error(), "subscriber that ") {
				t.Errorf("got %v", err)
			}
			if cut := g.stop(); cut < 1 {
				t.Errorf("cut %d", cut)
			}
			if after := openFiles(t); after != before {
				t.Errorf("%d descriptors are left open", after-before)
			}
		})
	}
}

// If one of a group cannot connect, the others are closed.
func TestGroupFailsAsAWhole(t *testing.T) {
	before := openFiles(t)
	var mu sync.Mutex
	n := 0
	addr, stop := fake(t, "INFO {} \r\n", func(nc net.Conn) {
		mu.Lock()
		n++
		last := n == 2
		mu.Unlock()
		if !last && awaitPing(nc) {
			_, _ = io.WriteString(nc, pongLine)
		}
		hangUp(nc)
	})
	ap, err := resolve(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	_, err = newStuckGroup(ap, nil, &scenario.Scenario{Stuck: 1, Slow: 1, SlowRate: 1})
	if err == nil || !strings.Contains(err.Error(), "subscriber that reads slowly: ") {
		t.Errorf("got %v", err)
	}
	stop()
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors are left open", after-before)
	}
}

func TestLaggardDue(t *testing.T) {
	t.Parallel()
	got := []int{
		laggard{}.due(time.Hour), laggard{rate: 1000}.due(time.Second), laggard{rate: 1000}.due(readEvery),
		laggard{rate: 1 << 30}.due(maxDebt),
	}
	if diff := cmp.Diff([]int{0, 1000, 5, 21474836}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
