package account

import (
	"fmt"
	"testing"

	"moonwire/server/config"
	"moonwire/server/delivery"
	"moonwire/server/interest"
	"moonwire/server/wire"
)

// swallow takes everything.
type swallow struct{ interest.Target }

// Submit implements interest.Sink.
func (*swallow) Submit(*interest.Staged) bool { return true }

func newSwallow(ordinal uint32) *swallow {
	s := new(swallow)
	s.Sink, s.Ordinal = s, ordinal
	return s
}

const batch = 100

// streamPublisher returns a function that publishes a batch of messages to n
// subscribers of an account that imports them, under another name.
func streamPublisher(tb testing.TB, n int, queue string) func() {
	w := newWorld(tb,
		config.Account{Name: "A", Exports: streams(">")},
		importing("B", config.Import{Account: "A", Subject: "ev.>", Prefix: "p"}))
	for i := range n {
		s := newSwallow(uint32(i))
		w.set.Get("B").Subscribe(&interest.Sub{Subject: "p.ev.one", Queue: queue, Sid: "1", Target: &s.Target})
	}
	c := new(delivery.Pool).Get(&newSwallow(uint32(n)).Target, w.set.Get("A").Index)
	m := pubOf(tb, "PUB ev.one 16\r\n0123456789abcdef\r\n")
	publish := func() {
		for range batch {
			c.Publish(m)
		}
		c.Flush()
	}
	publish()
	publish()
	return publish
}

// TestStreamAllocates: an import costs its messages no memory.
func TestStreamAllocates(t *testing.T) {
	for _, n := range []int{1, 100} {
		for _, queue := range []string{"", "q"} {
			if got := testing.AllocsPerRun(100, streamPublisher(t, n, queue)); got != 0 {
				t.Errorf("publishing to %d (queue %q) allocates %v times", n, queue, got)
			}
		}
	}
}

func BenchmarkStream(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("to %d", n), func(b *testing.B) {
			publish := streamPublisher(b, n, "")
			b.ReportAllocs()
			for b.Loop() {
				publish()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch*n), "ns/delivery")
		})
	}
}

// BenchmarkService is a request to another account, and its answer.
func BenchmarkService(b *testing.B) {
	w := newWorld(b, pair(config.Export{Subject: "svc.*"}, config.Import{Subject: "svc.*", To: "mine.*"})...)
	there, here := w.set.Get("A"), w.set.Get("B")
	responder, requester := newSwallow(1), newSwallow(2)
	there.Subscribe(&interest.Sub{Subject: "svc.add", Queue: "q", Sid: "1", Target: &responder.Target})
	here.Subscribe(&interest.Sub{Subject: "inbox.*", Sid: "1", Target: &requester.Target})
	ask := new(delivery.Pool).Get(&requester.Target, here.Index)
	answer := new(delivery.Pool).Get(&responder.Target, there.Index)
	m := pubOf(b, "PUB mine.add inbox.1 16\r\n0123456789abcdef\r\n")
	reply := wire.Pub{Header: wire.NoHeader, Size: 2, Tail: []byte("2\r\nok\r\n")}
	r := service1(here).answers
	b.ReportAllocs()
	for b.Loop() {
		ask.Publish(m)
		ask.Flush()
		r.mu.Lock()
		k := r.mu.newest.key
		r.mu.Unlock()
		reply.Subject = append(append(reply.Subject[:0], r.mu.prefix...), k[:]...)
		if !answer.Publish(&reply) {
			b.Fatal("the answer was not taken")
		}
		answer.Flush()
	}
}
