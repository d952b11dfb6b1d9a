//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"moonwire/cmd/moonbench/internal/poll"
	"moonwire/cmd/moonbench/internal/scenario"
)

// nudgeEvery is how often a stuck subscriber sends a PING. A server that has
// closed the connection answers with a reset; without it nothing would tell,
// as the end of the stream waits behind data that nobody reads.
const nudgeEvery = 100 * time.Millisecond

// A slow subscriber reads a little at each readEvery. What it could have read
// but for a late wake-up it makes up for, but no more than maxDebt. Its
// receive buffer holds little, and enough for the kernel to fill it in time.
const (
	readEvery  = 5 * time.Millisecond
	maxDebt    = 4 * readEvery
	slowBuffer = 64 << 10
)

// stuckGroup is subscribers that never read, or slowly. A server may cut them;
// each then comes back at once, so that there is always one.
type stuckGroup struct {
	addr    netip.AddrPort
	lines   []byte    // SUBs; immutable
	members []laggard // connected by Open; each goes to its goroutine in start
	quit    chan struct{}
	wg      sync.WaitGroup
	cut     atomic.Int64
	taken   atomic.Int64 // bytes read by slow ones
}

// laggard is one connection of the group. It belongs to its goroutine.
type laggard struct {
	fd   int
	rate int // bytes a second that it reads; 0 is a stuck one
}

func newStuckGroup(addr netip.AddrPort, lines []byte, sc *scenario.Scenario) (*stuckGroup, error) {
	g := &stuckGroup{addr: addr, lines: lines, quit: make(chan struct{})}
	for i := range sc.Stuck + sc.Slow {
		rate := 0
		if i >= sc.Stuck {
			rate = sc.SlowRate
		}
		m, err := g.connect(rate)
		if err != nil {
			g.close()
			return nil, err
		}
		g.members = append(g.members, m)
	}
	return g, nil
}

func (g *stuckGroup) connect(rate int) (laggard, error) {
	what, buffer := "subscriber that does not read", 1
	if rate > 0 {
		what, buffer = "subscriber that reads slowly", slowBuffer
	}
	gr, err := greet(g.addr, g.lines, nil)
	if err != nil {
		return laggard{}, fmt.Errorf("%s: %w", what, err)
	}
	if err := poll.SetReceiveBuffer(gr.fd, buffer); err != nil {
		poll.Close(gr.fd)
		return laggard{}, err
	}
	return laggard{gr.fd, rate}, nil
}

// start lets the subscribers hang. fail is called if one cannot come back.
func (g *stuckGroup) start(fail context.CancelCauseFunc) {
	for _, m := range g.members {
		g.wg.Go(func() {
			if err := g.hang(m); err != nil {
				fail(err)
			}
		})
	}
	g.members = nil
}

// hang owns m and its successors.
func (g *stuckGroup) hang(m laggard) error {
	every := nudgeEvery
	if m.rate > 0 {
		every = readEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	buf := make([]byte, m.due(maxDebt))
	last := time.Now()
	nudged := last
	for {
		select {
		case <-g.quit:
			poll.Close(m.fd)
			return nil
		case <-tick.C:
		}
		now := time.Now()
		n, err := m.read(buf[:m.due(min(now.Sub(last), maxDebt))])
		g.taken.Add(int64(n))
		last = now
		if err == nil && now.Sub(nudged) >= nudgeEvery {
			nudged = now
			err = m.nudge()
		}
		if err == nil {
			continue
		}
		poll.Close(m.fd)
		g.cut.Add(1)
		if m, err = g.connect(m.rate); err != nil {
			return err
		}
		last = time.Now()
	}
}

// due is how many bytes are to be read in d.
func (m laggard) due(d time.Duration) int { return int(int64(m.rate) * int64(d) / int64(time.Second)) }

// read reads as much of b as is there. An error says that the connection has
// ended.
func (m laggard) read(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = poll.ReadFrom(m.fd, b[n:])
		n += k
	}
	if errors.Is(err, poll.ErrAgain) {
		err = nil
	}
	return n, err
}

// nudge sends a PING. An error says that the connection has ended.
func (m laggard) nudge() error {
	_, err := poll.WriteTo(m.fd, []byte(pingLine))
	if errors.Is(err, poll.ErrAgain) {
		return nil
	}
	return err
}

// stop ends what start began and returns how often the server cut one.
func (g *stuckGroup) stop() int {
	close(g.quit)
	g.wg.Wait()
	return int(g.cut.Load())
}

// close ends connections that were never started.
func (g *stuckGroup) close() {
	for _, m := range g.members {
		poll.Close(m.fd)
	}
	g.members = nil
}
