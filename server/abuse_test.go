package server_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"moonwire/server/servertest"
)

// undisturbed runs a well-behaved pair while work goes on, and then checks that
// nothing of all the others is left.
func undisturbed(t testing.TB, b servertest.Broker, work *crew) {
	t.Helper()
	w := newWatched(t, b.Addr(), "x", 100)
	done := make(chan struct{})
	var pair crew
	pair.do("well-behaved pair", func() error {
		for {
			if err := w.exchange(50); err != nil {
				return err
			}
			select {
			case <-done:
				return w.exchange(50)
			default:
			}
		}
	})
	work.wg.Wait()
	close(done)
	pair.wait(t)
	work.wait(t)
	w.pub.close()
	w.rcv.close()
	empty(t, b)
}

// TestAbruptEnds has connections break in all ways, at all places, thousands of
// times.
func TestAbruptEnds(t *testing.T) {
	t.Parallel()
	ends := map[string]func(c *rawClient, n int) error{
		"RST within a payload": func(c *rawClient, n int) error {
			defer c.reset()
			return c.send("PUB x 1000\r\n" + padding[:n%1000])
		},
		"FIN within a payload": func(c *rawClient, n int) error {
			defer c.close()
			return c.send("PUB x 1000\r\n" + padding[:n%1000])
		},
		"RST within a large payload": func(c *rawClient, n int) error {
			defer c.reset()
			return c.send("PUB y 1000000\r\n" + padding[:n*1000%900_000])
		},
		"FIN within a control line": func(c *rawClient, n int) error {
			defer c.close()
			line := "SUB something 1\r"
			return c.send(line[:1+n%(len(line)-1)])
		},
		"RST at once": func(c *rawClient, n int) error {
			c.reset()
			return nil
		},
		"subscribed, published, closed": func(c *rawClient, n int) error {
			defer c.close()
			return c.send(quiet + "SUB x 1\r\nSUB x.> 2\r\nSUB * q 3\r\nUNSUB 2 5\r\nPUB y 1\r\na\r\n")
		},
		"reset during a fan-out": func(c *rawClient, n int) error {
			defer c.reset()
			if err := c.send(quiet + "SUB x 1\r\nSUB x 2\r\nSUB > 3\r\n"); err != nil {
				return err
			}
			for range n % 4 {
				if _, err := c.message(); err != nil {
					return err
				}
			}
			return nil
		},
		"closed in the middle of a PONG": func(c *rawClient, n int) error {
			defer c.close()
			return c.send(strings.Repeat("PING\r\n", n))
		},
		"a fault, and more behind it": func(c *rawClient, n int) error {
			defer c.close()
			if err := c.send("SUB x 1\r\nNONSENSE\r\n" + strings.Repeat("PUB x 3\r\nabc\r\n", n%50)); err != nil {
				return nil // it may be closed already
			}
			return nil
		},
	}
	b := servertest.Start(t, monitored)
	var work crew
	for name, end := range ends {
		work.do(name, func() error {
			for n := range 200 {
				c, err := dial(b.Addr())
				if err != nil {
					return err
				}
				if err := end(c, n); err != nil {
					c.close()
					return fmt.Errorf("time %d: %w", n, err)
				}
			}
			return nil
		})
	}
	undisturbed(t, b, &work)
}

// TestFloods sends what nobody should, beside a pair that behaves well. It does
// not run beside other tests, as it looks at the memory of the process.
func TestFloods(t *testing.T) {
	b := servertest.Start(t, monitored)
	before := heap()
	floods := map[string]struct {
		times int
		send  func(c *rawClient, rng *rand.Rand) error
		want  string // in what comes back
	}{
		"random bytes": {40, func(c *rawClient, rng *rand.Rand) error {
			junk := make([]byte, 64<<10)
			for i := range junk {
				junk[i] = byte(rng.Uint32())
			}
			return c.send(string(junk))
		}, "-ERR 'Unknown Protocol Operation'"},
		"a line without an end": {10, func(c *rawClient, _ *rand.Rand) error {
			return c.send("SUB " + strings.Repeat("a", 1<<20))
		}, "-ERR 'maximum control line exceeded'"},
		"blanks without an end": {10, func(c *rawClient, _ *rand.Rand) error {
			return c.send("PUB" + strings.Repeat(" ", 1<<20))
		}, "-ERR 'maximum control line exceeded'"},
		"a CONNECT without an end": {10, func(c *rawClient, _ *rand.Rand) error {
			return c.send(`CONNECT {"name":"` + strings.Repeat("a", 1<<20))
		}, "-ERR 'maximum control line exceeded'"},
		"too large a payload": {10, func(c *rawClient, _ *rand.Rand) error {
			return c.send("PUB x 1048577\r\n" + padding)
		}, "-ERR 'Maximum Payload Violation'"},
	}
	var work crew
	for name, f := range floods {
		work.do(name, func() error {
			rng := rand.New(rand.NewPCG(1, uint64(len(name))))
			for range f.times {
				c, err := dial(b.Addr())
				if err != nil {
					return err
				}
				_ = f.send(c, rng) // it is cut short by the server
				all, err := c.ended()
				c.close()
				if err != nil || !strings.Contains(all, f.want) {
					return fmt.Errorf("got %q, %v; want %q", all, err, f.want)
				}
			}
			return nil
		})
	}
	work.do("a PING without an end", func() error {
		c, err := dial(b.Addr())
		if err != nil {
			return err
		}
		defer c.close()
		if err := c.send("PING"); err != nil {
			return err
		}
		for range 16 {
			if err := c.send(padding); err != nil {
				return err
			}
		}
		if err := c.send("\n"); err != nil {
			return err
		}
		return c.untilPong(nil)
	})
	work.do("payloads that never come", func() error {
		for n := range 200 {
			c, err := dial(b.Addr())
			if err != nil {
				return err
			}
			defer c.close()
			if err := c.send(fmt.Sprintf("%sPUB x %d\r\n%s", quiet, 1<<20, padding[:n*50])); err != nil {
				return err
			}
		}
		if used, limit := heap(), before+64<<20; used > limit {
			return fmt.Errorf("the heap grew from %d to %d MiB, want at most %d", before>>20, used>>20, limit>>20)
		}
		return nil
	})
	undisturbed(t, b, &work)
}

// TestMaxConnections: there are never more connections than max_connections, in
// a storm of connects and closes, and when it is over there is room for exactly
// so many.
func TestMaxConnections(t *testing.T) {
	t.Parallel()
	const most, clients, rounds = 5, 12, 40
	const refusal = "-ERR 'maximum connections exceeded'"
	b := servertest.Start(t, fmt.Sprintf("%smax_connections: %d\n", monitored, most))
	var work crew
	var admitted, refused atomic.Int64
	for i := range clients {
		work.do("client "+strconv.Itoa(i), func() error {
			for n := range rounds {
				c, err := dial(b.Addr())
				if err != nil {
					return err
				}
				err = c.sync(nil)
				switch {
				case err == nil:
					if now := admitted.Add(1); now > most {
						return fmt.Errorf("%d connections at once, want at most %d", now, most)
					}
					admitted.Add(-1)
				case strings.Contains(err.Error(), refusal):
					refused.Add(1)
				default:
					c.close()
					return err
				}
				if n%2 == 0 {
					c.reset()
				} else {
					c.close()
				}
			}
			return nil
		})
	}
	work.wait(t)
	if refused.Load() == 0 {
		t.Error("nobody was refused: this is no storm")
	}
	empty(t, b)
	for range most {
		must(t, connect(t, b.Addr()).sync(nil))
	}
	c, err := dial(b.Addr())
	must(t, err)
	defer c.close()
	if all, err := c.ended(); err != nil || !strings.Contains(all, refusal) {
		t.Errorf("one more got %q, %v; want %q", all, err, refusal)
	}
}

// TestNoConnections: max_connections -1 lets nobody in.
func TestNoConnections(t *testing.T) {
	t.Parallel()
	o := loopback()
	o.MaxConnections = -1
	b := servertest.StartOptions(t, o)
	c, err := dial(b.Addr())
	must(t, err)
	defer c.close()
	if err := c.sync(nil); err == nil || !strings.Contains(err.Error(), "maximum connections exceeded") {
		t.Errorf("got %v, want a refusal", err)
	}
}
