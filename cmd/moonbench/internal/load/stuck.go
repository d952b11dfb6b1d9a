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
)

// nudgeEvery is how often a stuck subscriber sends a PING. A server that has
// closed the connection answers with a reset; without it nothing would tell,
// as the end of the stream waits behind data that nobody reads.
const nudgeEvery = 100 * time.Millisecond

// stuckGroup is subscribers that never read. A server may cut them; each then
// comes back at once, so that there is always one.
type stuckGroup struct {
	addr  netip.AddrPort
	lines []byte // SUBs; immutable
	fds   []int  // connected by Open; each goes to its goroutine in start
	quit  chan struct{}
	wg    sync.WaitGroup
	cut   atomic.Int64
}

func newStuckGroup(addr netip.AddrPort, lines []byte, n int) (*stuckGroup, error) {
	g := &stuckGroup{addr: addr, lines: lines, quit: make(chan struct{})}
	for range n {
		fd, err := g.connect()
		if err != nil {
			g.close()
			return nil, err
		}
		g.fds = append(g.fds, fd)
	}
	return g, nil
}

func (g *stuckGroup) connect() (int, error) {
	gr, err := greet(g.addr, g.lines, nil)
	if err != nil {
		return -1, fmt.Errorf("subscriber that does not read: %w", err)
	}
	if err := poll.ShrinkReceiveBuffer(gr.fd); err != nil {
		poll.Close(gr.fd)
		return -1, err
	}
	return gr.fd, nil
}

// start lets the subscribers hang. fail is called if one cannot come back.
func (g *stuckGroup) start(fail context.CancelCauseFunc) {
	for _, fd := range g.fds {
		g.wg.Go(func() {
			if err := g.hang(fd); err != nil {
				fail(err)
			}
		})
	}
	g.fds = nil
}

// hang owns fd and its successors.
func (g *stuckGroup) hang(fd int) error {
	tick := time.NewTicker(nudgeEvery)
	defer tick.Stop()
	for {
		select {
		case <-g.quit:
			poll.Close(fd)
			return nil
		case <-tick.C:
		}
		_, err := poll.WriteTo(fd, []byte(pingLine))
		if err == nil || errors.Is(err, poll.ErrAgain) {
			continue
		}
		poll.Close(fd)
		g.cut.Add(1)
		if fd, err = g.connect(); err != nil {
			return err
		}
	}
}

// stop ends what start began and returns how often the server cut one.
func (g *stuckGroup) stop() int {
	close(g.quit)
	g.wg.Wait()
	return int(g.cut.Load())
}

// close ends connections that were never started.
func (g *stuckGroup) close() {
	for _, fd := range g.fds {
		poll.Close(fd)
	}
	g.fds = nil
}
