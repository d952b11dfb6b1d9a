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

// stream publishes numbered messages on one subject without an end.
type stream struct {
	*rawClient
	name    string
	subject string
	begun   atomic.Int64 // the last number whose sending has begun
	stop    atomic.Bool
}

// run publishes until it is told to stop, in batches of most messages or less.
// Its backlog stays short: it waits for the PONG of the batch before last.
func (s *stream) run(seed uint64, most int) error {
	rng := rand.New(rand.NewPCG(seed, 3))
	n := int64(0)
	var b strings.Builder
	for first := true; !s.stop.Load(); first = false {
		b.Reset()
		for range 1 + rng.IntN(most) {
			n++
			p := s.name + " " + strconv.FormatInt(n, 10)
			fmt.Fprintf(&b, "PUB %s %d\r\n%s\r\n", s.subject, len(p), p)
		}
		b.WriteString("PING\r\n")
		s.begun.Store(n)
		if err := s.send(b.String()); err != nil {
			return err
		}
		if first {
			continue
		}
		if err := s.untilPong(nil); err != nil {
			return err
		}
	}
	return nil
}

// number returns which message of which stream f is.
func number(f frame) (name string, n int64, err error) {
	name, digits, _ := strings.Cut(string(f.payload), " ")
	n, err = strconv.ParseInt(digits, 10, 64)
	return name, n, err
}

// churner subscribes and unsubscribes under load. Each round has a sid of its
// own, so that a message of an earlier one is told from the present ones.
type churner struct {
	*rawClient
	pattern string
	streams map[string]*stream
	rounds  int

	sid     string
	last    map[string]int64 // by stream, in this round
	counted int              // messages of this round
}

// see checks a message: it must be of this round, and follow the one before.
func (c *churner) see(f frame) error {
	if f.sid == "steady" {
		return nil
	}
	name, n, err := number(f)
	if err != nil {
		return err
	}
	if f.sid != c.sid {
		return fmt.Errorf("during the round of sid %s: %s", c.sid, f)
	}
	if c.last[name] != 0 && n != c.last[name]+1 {
		return fmt.Errorf("after message %d: %s", c.last[name], f)
	}
	c.last[name] = n
	c.counted++
	return nil
}

// begin subscribes and waits for the PONG.
func (c *churner) begin(round int) error {
	c.sid, c.counted = strconv.Itoa(round), 0
	clear(c.last)
	if err := c.send("SUB " + c.pattern + " " + c.sid + "\r\nPING\r\n"); err != nil {
		return err
	}
	return c.untilPong(c.see)
}

// complete reads until a message of each stream was there that was sent after
// the subscription: that one may not be missing.
func (c *churner) complete() error {
	for name, s := range c.streams {
		after := s.begun.Load() + 1
		if first := c.last[name]; first > after {
			return fmt.Errorf("message %d of %s came first, %d is missing", first, name, after)
		}
		for c.last[name] < after {
			f, err := c.message()
			if err != nil {
				return err
			}
			missing := c.last[name] == 0
			if err := c.see(f); err != nil {
				return err
			}
			if missing && c.last[name] > after {
				return fmt.Errorf("%s came first, message %d is missing", f, after)
			}
		}
	}
	return nil
}

// unsub sends UNSUB with arguments and waits for the PONG.
func (c *churner) unsub(args string) error {
	if err := c.send("UNSUB " + args + "\r\nPING\r\n"); err != nil {
		return err
	}
	return c.untilPong(c.see)
}

// plain gives up its subscription in each round.
func (c *churner) plain() error {
	for round := 1; round <= c.rounds; round++ {
		if err := c.begin(round); err != nil {
			return err
		}
		if round%3 == 0 {
			if err := c.complete(); err != nil {
				return err
			}
		}
		if err := c.unsub(c.sid); err != nil {
			return err
		}
	}
	c.sid = "none"
	return c.sync(c.see)
}

// again starts each round with a CONNECT, which drops all subscriptions.
func (c *churner) again() error {
	for round := 1; round <= c.rounds; round++ {
		if err := c.begin(round); err != nil {
			return err
		}
		if round%3 == 0 {
			if err := c.complete(); err != nil {
				return err
			}
		}
		if err := c.send(quiet + "PING\r\n"); err != nil {
			return err
		}
		if err := c.untilPong(c.see); err != nil {
			return err
		}
	}
	c.sid = "none"
	return c.sync(c.see)
}

// limited lets its subscription end by a max: set at once or when messages come
// already.
func (c *churner) limited() error {
	rng := rand.New(rand.NewPCG(uint64(c.rounds), uint64(len(c.pattern))))
	for round := 1; round <= c.rounds; round++ {
		if err := c.begin(round); err != nil {
			return err
		}
		if round%3 == 0 {
			if err := c.complete(); err != nil {
				return err
			}
		}
		most := c.counted + 1 + rng.IntN(100)
		if err := c.unsub(c.sid + " " + strconv.Itoa(most)); err != nil {
			return err
		}
		if c.counted > most {
			continue // they were on their way when the UNSUB came
		}
		for c.counted < most {
			f, err := c.message()
			if err == nil {
				err = c.see(f)
			}
			if err != nil {
				return fmt.Errorf("%d of %d messages: %w", c.counted, most, err)
			}
		}
		// No more of this sid may come: the next round would see it.
	}
	c.sid = "none"
	return c.sync(c.see)
}

// TestChurn has clients subscribe and unsubscribe while others publish. What is
// published after the PONG of a SUB arrives, in order; what arrives after the
// PONG of an UNSUB, or beyond its max, is a fault.
func TestChurn(t *testing.T) {
	t.Parallel()
	ways := map[string]struct {
		run  func(*churner) error
		cost int // how much fewer rounds are enough
	}{
		"UNSUB": {(*churner).plain, 1}, "UNSUB max": {(*churner).limited, 1}, "CONNECT": {(*churner).again, 4},
	}
	tests := map[string]struct {
		patterns []string // of the receivers
		steady   int      // other receivers that stay
		rounds   int
		batch    int
	}{
		"1 receiver, literal":    {[]string{"c.x"}, 0, 300, 30},
		"1 receiver, wildcard":   {[]string{"c.*"}, 0, 300, 30},
		"5 receivers, literal":   {[]string{"c.x", "c.x", "c.x", "c.x", "c.x"}, 0, 70, 50},
		"5 receivers, wildcards": {[]string{"c.*", "c.>", "*.x", ">", "c.x"}, 0, 70, 50},
		"1 beside a fan-out":     {[]string{"c.x"}, 4, 90, 80},
		"2 beside a fan-out":     {[]string{"c.x", "*.*"}, 3, 60, 150},
	}
	for name, tt := range tests {
		for way, w := range ways {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				b := servertest.Start(t, roomy)
				var streams, work crew
				all := make(map[string]*stream)
				for i, s := range []string{"a", "b"} {
					st := &stream{rawClient: connect(t, b.Addr()), name: s, subject: "c.x"}
					all[s] = st
					streams.do("stream "+s, func() error { return st.run(uint64(i), tt.batch) })
				}
				var steady []*rawClient
				for range tt.steady {
					c := connect(t, b.Addr())
					must(t, c.send("SUB c.x steady\r\n"))
					must(t, c.sync(func(frame) error { return nil }))
					steady = append(steady, c)
				}
				for i, c := range steady {
					streams.do("steady receiver "+strconv.Itoa(i), func() error {
						return c.untilPong(func(frame) error { return nil })
					})
				}
				for i, p := range tt.patterns {
					c := &churner{
						rawClient: connect(t, b.Addr()), pattern: p, streams: all, rounds: tt.rounds / w.cost,
						last: make(map[string]int64),
					}
					work.do("receiver "+strconv.Itoa(i), func() error { return w.run(c) })
				}
				work.wg.Wait()
				for _, s := range all {
					s.stop.Store(true)
				}
				for _, c := range steady {
					must(t, c.send("PING\r\n"))
				}
				work.wait(t)
				streams.wait(t)
			})
		}
	}
}
