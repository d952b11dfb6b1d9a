package server_test

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"moonwire/server/conn"
	"moonwire/server/servertest"
)

// stuck returns a client that subscribes and then reads nothing more.
func stuck(t testing.TB, addr, subs string) *rawClient {
	t.Helper()
	c := connect(t, addr)
	must(t, c.send(subs))
	must(t, c.sync(nil))
	return c
}

// watched is a publisher and a receiver that behave well, beside those that do
// not.
type watched struct {
	pub, rcv *rawClient
	size     int // of a payload
	n        int // messages so far
}

func newWatched(t testing.TB, addr, subject string, size int) *watched {
	t.Helper()
	w := &watched{pub: connect(t, addr), rcv: connect(t, addr), size: size}
	must(t, w.rcv.send("SUB "+subject+" 1\r\n"))
	must(t, w.rcv.sync(nil))
	return w
}

// exchange has the publisher send messages and wait for its PONG, and the
// receiver read and check them all.
func (w *watched) exchange(messages int) error {
	sent := make(chan error, 1)
	first := w.n
	w.n += messages
	go func() {
		var b strings.Builder
		for n := first; n < first+messages; n++ {
			p := fmt.Sprintf("%d %s", n, padding[:w.size])
			fmt.Fprintf(&b, "PUB x %d\r\n%s\r\n", len(p), p)
		}
		b.WriteString("PING\r\n")
		err := w.pub.send(b.String())
		if err == nil {
			err = w.pub.untilPong(nil)
		}
		sent <- err
	}()
	for n := first; n < w.n; n++ {
		f, err := w.rcv.message()
		if err != nil {
			return fmt.Errorf("the receiver, before message %d: %w", n, err)
		}
		if want := strconv.Itoa(n) + " "; !strings.HasPrefix(string(f.payload), want) || len(f.payload) != len(want)+w.size {
			return fmt.Errorf("the receiver got %s in place of message %d", f, n)
		}
	}
	if err := <-sent; err != nil {
		return fmt.Errorf("the publisher: %w", err)
	}
	return nil
}

// reasons returns how many of the closed connections ended for which reason.
func reasons(t testing.TB, b servertest.Broker) map[string]int {
	t.Helper()
	var z connz
	look(t, b, "/connz?state=closed&limit=100000", &z)
	count := make(map[string]int)
	for _, c := range z.Conns {
		count[c.Reason]++
	}
	return count
}

// TestSlowConsumerPending cuts receivers that do not read when more than
// max_pending bytes wait for them. Those that do read, and the publisher, do not
// notice.
func TestSlowConsumerPending(t *testing.T) {
	t.Parallel()
	const limits = monitored + "max_pending: 1MB\nmax_payload: 64KB\n"
	tests := map[string]struct {
		config string
		stuck  []string
	}{
		"one":               {limits, []string{"SUB x 1\r\n"}},
		"in a fan-out":      {limits, []string{"SUB x 1\r\n", "SUB > 1\r\n", "SUB x 2\r\nSUB x 3\r\n", "SUB * 1\r\n"}},
		"with a max":        {limits, []string{"SUB x 1\r\nUNSUB 1 1000000\r\n"}},
		"without stalling":  {limits + "no_fast_producer_stall: true\n", []string{"SUB x 1\r\n", "SUB x 1\r\n", "SUB x 1\r\n"}},
		"of large messages": {limits, []string{"SUB x 1\r\n"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := servertest.Start(t, tt.config)
			size, messages := 2000, 200
			if name == "of large messages" {
				size, messages = 60_000, 10
			}
			var bad []*rawClient
			for _, subs := range tt.stuck {
				bad = append(bad, stuck(t, b.Addr(), subs))
			}
			w := newWatched(t, b.Addr(), "x", size)
			eventually(t, func() string {
				must(t, w.exchange(messages))
				if n := lookVarz(t, b).SlowConsumers; n != int64(len(bad)) {
					return fmt.Sprintf("%d slow consumers, want %d", n, len(bad))
				}
				return ""
			})
			must(t, w.exchange(messages))
			if got := reasons(t, b); got[string(conn.SlowConsumerPending)] != len(bad) || len(got) != 1 {
				t.Errorf("connections ended for %v, want %d for %q", got, len(bad), conn.SlowConsumerPending)
			}
			for i, c := range bad {
				if all, err := c.ended(); err != nil || strings.Contains(all, "-ERR") {
					t.Errorf("slow consumer %d: %v, %d bytes, the last %q", i, err, len(all), all[max(0, len(all)-80):])
				}
			}
		})
	}
}

// TestSlowConsumerDeadline cuts a receiver of which the kernel takes nothing for
// as long as write_deadline, however little it is that waits. One that reads
// slowly, but reads, stays.
func TestSlowConsumerDeadline(t *testing.T) {
	t.Parallel()
	b := servertest.Start(t, monitored+"write_deadline: \"1000ms\"\n")
	bad := stuck(t, b.Addr(), "SUB x 1\r\n")
	steady := connect(t, b.Addr())
	must(t, steady.send("SUB x 1\r\n"))
	must(t, steady.sync(nil))
	w := newWatched(t, b.Addr(), "x", 60_000)
	steady.dawdle(1)
	const messages = 200 // 12 MB: more than sockets hold, less than max_pending
	var work crew
	work.do("well-behaved pair", func() error { return w.exchange(messages) })
	work.do("slow but steady receiver", func() error {
		for n := range messages {
			if _, err := steady.message(); err != nil {
				return fmt.Errorf("before message %d: %w", n, err)
			}
		}
		return nil
	})
	work.wait(t)
	eventually(t, func() string {
		if n := lookVarz(t, b).SlowConsumers; n != 1 {
			return fmt.Sprintf("%d slow consumers, want 1", n)
		}
		return ""
	})
	if got := reasons(t, b); got[string(conn.SlowConsumerDeadline)] != 1 || len(got) != 1 {
		t.Errorf("connections ended for %v, want one for %q", got, conn.SlowConsumerDeadline)
	}
	_, err := bad.ended()
	must(t, err)
	must(t, w.exchange(10))
}

// TestSlowConsumerInProcess is TestSlowConsumerPending for connections that have
// no socket whose room could fill up.
func TestSlowConsumerInProcess(t *testing.T) {
	t.Parallel()
	b := servertest.Start(t, monitored+"max_pending: 1MB\nmax_payload: 64KB\n")
	nc, err := b.InProcessConn()
	must(t, err)
	defer nc.Close()
	bad, err := newRawClient(nc)
	must(t, err)
	must(t, bad.send(quiet+"SUB x 1\r\n"))
	must(t, bad.sync(nil))
	w := newWatched(t, b.Addr(), "x", 5000)
	eventually(t, func() string {
		must(t, w.exchange(100)) // less than what may wait for the one that does read
		if n := lookVarz(t, b).SlowConsumers; n != 1 {
			return fmt.Sprintf("%d slow consumers, want 1", n)
		}
		return ""
	})
	if _, err := io.Copy(io.Discard, nc); err != nil {
		t.Errorf("the slow consumer: %v", err)
	}
	must(t, w.exchange(100))
}

// TestSlowMemory: what waits for receivers that do not read takes no more memory
// than max_pending allows, whatever is published. It does not run beside other
// tests, as it looks at the memory of the process.
func TestSlowMemory(t *testing.T) {
	const receivers, pending = 20, 1 << 20
	b := servertest.Start(t, fmt.Sprintf("%smax_pending: %d\nmax_payload: 64KB\nno_fast_producer_stall: true\n", monitored, pending))
	for range receivers {
		stuck(t, b.Addr(), "SUB x 1\r\n")
	}
	w := newWatched(t, b.Addr(), "x", 4000)
	before := heap()
	most := uint64(0)
	for range 40 { // 160 KB × 40 × 20 receivers = 128 MB
		must(t, w.exchange(40))
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
	}
	if limit := before + receivers*pending*2 + 48<<20; most > limit {
		t.Errorf("the heap grew from %d to %d MiB, want at most %d", before>>20, most>>20, limit>>20)
	}
}

// heap returns the bytes of the heap that are in use, after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// TestStall has a receiver that reads steadily, at a fraction of its publisher's
// speed. The publisher is slowed down when the receiver's backlog nears
// max_pending, so that nobody is cut.
func TestStall(t *testing.T) {
	t.Parallel()
	const (
		messages, size = 6000, 8000
		pace           = 200 << 10 // bytes in 5 ms: 40 MiB/s
	)
	b := servertest.Start(t, monitored+"max_pending: 16MB\n")
	rcv, pub := connect(t, b.Addr()), connect(t, b.Addr())
	must(t, rcv.send("SUB x 1\r\n"))
	must(t, rcv.sync(nil))
	var work crew
	work.do("publisher", func() error {
		msg := fmt.Sprintf("PUB x %d\r\n%s\r\n", size, padding[:size])
		for range messages {
			if err := pub.send(msg); err != nil {
				return err
			}
		}
		return pub.sync(nil)
	})
	work.do("receiver", func() error {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for left := int64(messages * size); left > 0; {
			<-tick.C
			_ = rcv.nc.SetReadDeadline(time.Now().Add(patience))
			n, err := io.CopyN(io.Discard, rcv.r, min(pace, left))
			left -= n
			if err != nil {
				return fmt.Errorf("%d bytes before the end: %w", left, err)
			}
		}
		return nil
	})
	work.wait(t)
}
