package server_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"moonwire/server/servertest"
)

// tally counts how often each message of each publisher was delivered to a
// group.
type tally struct {
	mu   sync.Mutex
	seen map[string]int
	left atomic.Int64  // messages not seen yet
	done chan struct{} // closed when left is 0
}

func newTally(messages int) *tally {
	y := &tally{seen: make(map[string]int, messages), done: make(chan struct{})}
	y.left.Store(int64(messages))
	return y
}

// see counts a message by its payload.
func (y *tally) see(f frame) error {
	y.mu.Lock()
	y.seen[string(f.payload)]++
	n := y.seen[string(f.payload)]
	y.mu.Unlock()
	if n > 1 {
		return fmt.Errorf("twice: %s", f)
	}
	if y.left.Add(-1) == 0 {
		close(y.done)
	}
	return nil
}

// publishJobs publishes n messages on jobs.<publisher>.
func publishJobs(c *rawClient, publisher, n int) error {
	batch := ""
	for i := range n {
		p := fmt.Sprintf("%d-%d", publisher, i)
		batch += fmt.Sprintf("PUB jobs.%d %d\r\n%s\r\n", publisher, len(p), p)
		if len(batch) > 4<<10 || i == n-1 {
			if err := c.send(batch); err != nil {
				return err
			}
			batch = ""
		}
	}
	return c.sync(nil)
}

// TestQueueOnce has several publishers and two groups, with slow and fast
// members on different subjects: each message goes to each group exactly once.
func TestQueueOnce(t *testing.T) {
	t.Parallel()
	const publishers, messages = 3, 5000
	b := servertest.Start(t, roomy)
	var work, readers crew
	tallies := map[string]*tally{"a": newTally(publishers * messages), "b": newTally(publishers * messages)}
	for queue, y := range tallies {
		for i, subj := range []string{"jobs.*", "jobs.>", "jobs.*", "*.*", ">"} {
			c := connect(t, b.Addr())
			must(t, c.send("SUB "+subj+" "+queue+" "+queue+strconv.Itoa(i)+"\r\n"))
			must(t, c.sync(nil))
			if i%2 == 0 {
				c.dawdle(uint64(i))
			}
			readers.do(queue+" "+strconv.Itoa(i), func() error { return c.untilPong(y.see) })
			t.Cleanup(c.close)
			work.do("waiting", func() error {
				<-y.done
				return c.send("PING\r\n")
			})
		}
	}
	for p := range publishers {
		c := connect(t, b.Addr())
		work.do("publisher "+strconv.Itoa(p), func() error { return publishJobs(c, p, messages) })
	}
	readers.wait(t)
	work.wait(t)
}

// TestQueueLeaving has members that leave while the group is under load, and
// come again. One that leaves by UNSUB and reads until the PONG takes no message
// with it: each is delivered exactly once.
func TestQueueLeaving(t *testing.T) {
	t.Parallel()
	for _, leave := range []string{"UNSUB 1\r\n", "UNSUB 1 40\r\n"} {
		t.Run(leave[:len(leave)-2], func(t *testing.T) {
			t.Parallel()
			const publishers, messages, leavers = 3, 6000, 4
			b := servertest.Start(t, roomy)
			y := newTally(publishers * messages)
			var work crew
			steady := connect(t, b.Addr())
			must(t, steady.send("SUB jobs.* g 1\r\n"))
			must(t, steady.sync(nil))
			work.do("steady member", func() error { return steady.untilPong(y.see) })
			work.do("waiting", func() error {
				<-y.done
				return steady.send("PING\r\n")
			})
			for i := range leavers {
				c := connect(t, b.Addr())
				work.do("leaving member "+strconv.Itoa(i), func() error {
					for {
						if err := c.send("SUB jobs.* g 1\r\nPING\r\n"); err != nil {
							return err
						}
						if err := c.untilPong(y.see); err != nil {
							return err
						}
						if err := c.send(leave + "PING\r\n"); err != nil {
							return err
						}
						if err := c.untilPong(y.see); err != nil {
							return err
						}
						select {
						case <-y.done:
							return nil
						default:
						}
						if len(leave) > len("UNSUB 1\r\n") { // it may have messages to come
							if err := c.send("UNSUB 1\r\n"); err != nil {
								return err
							}
							if err := c.sync(y.see); err != nil {
								return err
							}
						}
					}
				})
			}
			for p := range publishers {
				c := connect(t, b.Addr())
				work.do("publisher "+strconv.Itoa(p), func() error { return publishJobs(c, p, messages) })
			}
			work.wait(t)
		})
	}
}

// TestQueueAbrupt has members that cut their connections under load: no message
// is delivered twice, and who leaves takes no more with it than was on its way.
func TestQueueAbrupt(t *testing.T) {
	t.Parallel()
	const publishers, messages, leavers = 3, 8000, 3
	b := servertest.Start(t, monitored+roomy)
	y := newTally(publishers*messages + 1) // +1: done is not used
	var work, readers crew
	steady := connect(t, b.Addr())
	must(t, steady.send("SUB jobs.* g 1\r\n"))
	must(t, steady.sync(nil))
	readers.do("steady member", func() error { return steady.untilPong(y.see) })
	var stop atomic.Bool
	var current [leavers]atomic.Pointer[rawClient]
	for i := range leavers {
		readers.do("leaving member "+strconv.Itoa(i), func() error {
			for {
				c, err := dial(b.Addr())
				if err != nil {
					return err
				}
				current[i].Store(c)
				if stop.Load() {
					c.reset()
					return nil
				}
				err = takeSome(c, y)
				c.reset()
				if stop.Load() {
					return nil
				}
				if err != nil {
					return err
				}
			}
		})
	}
	for p := range publishers {
		c := connect(t, b.Addr())
		work.do("publisher "+strconv.Itoa(p), func() error {
			defer c.close()
			return publishJobs(c, p, messages)
		})
	}
	work.wait(t)
	stop.Store(true)
	for i := range current {
		if c := current[i].Load(); c != nil {
			c.reset()
		}
	}
	must(t, steady.send("PING\r\n"))
	readers.wait(t)
	steady.close()
	empty(t, b)
	t.Logf("%d of %d messages went to members that left", y.left.Load()-1, publishers*messages)
}

// takeSome joins the group and takes a few messages.
func takeSome(c *rawClient, y *tally) error {
	if err := c.send(quiet + "SUB jobs.* g 1\r\n"); err != nil {
		return err
	}
	for range 5 {
		f, err := c.message()
		if err == nil {
			err = y.see(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
