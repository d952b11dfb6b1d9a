package server_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"moonwire/server"
	"moonwire/server/servertest"
)

// TestLameDuck: clients that understand it are told at once; nobody is closed
// before the grace period is over; then one after the other is, and the broker
// stops.
func TestLameDuck(t *testing.T) {
	t.Parallel()
	const (
		clients  = 6
		grace    = 200 * time.Millisecond
		duration = grace + 1200*time.Millisecond
		shortest = (duration - grace) / clients / 2 // between two closes
	)
	o := loopback()
	o.LameDuckGracePeriod, o.LameDuckDuration = grace, duration
	b := servertest.StartOptions(t, o)
	var work crew
	ended := make(chan time.Time, clients)
	begin := make(chan time.Time)
	for i := range clients {
		c := connect(t, b.Addr())
		understands := i%2 == 0
		if understands {
			must(t, c.send(hello))
		}
		must(t, c.sync(nil))
		work.do("client "+strconv.Itoa(i), func() error {
			all, err := c.ended()
			ended <- time.Now()
			if got := strings.Contains(all, `"ldm":true`); got != understands || strings.Contains(all, "-ERR") {
				t.Errorf("client %d: got %q", i, all)
			}
			return err
		})
	}
	work.do("times", func() error {
		start, first, last := <-begin, time.Time{}, time.Time{}
		for range clients {
			last = <-ended
			if first.IsZero() {
				first = last
			}
		}
		if first.Sub(start) < grace {
			t.Errorf("the first connection was closed after %v, want %v", first.Sub(start), grace)
		}
		// Half of it, as the first end may be seen late on a busy machine.
		if took := last.Sub(first); took < (clients-1)*shortest/2 {
			t.Errorf("all were closed within %v, want %v at least", took, (clients-1)*shortest)
		}
		return nil
	})
	addr := b.Addr()
	start := time.Now()
	b.LameDuck()
	begin <- start
	if nc, err := net.Dial("tcp", addr); err == nil {
		_ = nc.Close()
		t.Error("a lame duck accepts connections")
	}
	if !b.InLameDuck() {
		t.Error("InLameDuck is false")
	}
	b.WaitForShutdown()
	work.wait(t)
}

// TestLameDuckEnds: without clients a lame duck stops at once, and Shutdown cuts
// the wait short.
func TestLameDuckEnds(t *testing.T) {
	t.Parallel()
	o := server.Options{Host: "127.0.0.1", Port: -1, LameDuckGracePeriod: time.Hour, LameDuckDuration: 2 * time.Hour}
	servertest.StartOptions(t, o).LameDuck()

	b := servertest.StartOptions(t, o)
	c := connect(t, b.Addr())
	must(t, c.sync(nil))
	b.LameDuck()
	b.LameDuck()
	b.Shutdown()
	_, err := c.ended()
	must(t, err)
}
