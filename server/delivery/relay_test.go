package delivery

import (
	"fmt"
	"strings"
	"testing"

	"moonwire/server/interest"
	"moonwire/server/wire"
)

// passage relays to another index, below a prefix.
type passage struct {
	interest.Target
	prefix  string
	to      *interest.Index
	relayed []bool
	out     wire.Pub
}

func newPassage(prefix string, to *interest.Index) *passage {
	p := &passage{prefix: prefix, to: to}
	p.Ordinal, p.Sink, p.Relays = 1<<32-1, p, true
	return p
}

// Submit implements interest.Sink.
func (*passage) Submit(*interest.Staged) bool { panic("staged for a relay") }

// Relay implements interest.Relay.
func (p *passage) Relay(b interest.Batch, s *interest.Sub, m *wire.Pub) bool {
	p.relayed = append(p.relayed, b.Relayed())
	p.out = *m
	p.out.Subject = []byte(p.prefix + string(m.Subject))
	taken := b.Into(p.to, &p.out)
	clear(p.out.Subject) // it is not kept
	return taken
}

// TestRelay: a message passes relays in order with the others, and is taken if
// somebody at the end takes it.
func TestRelay(t *testing.T) {
	t.Parallel()
	for _, receivers := range []int{0, 1, 5} {
		w, mid, far := newWorld(t), newWorld(t), newWorld(t)
		first, second := newPassage("m.", mid.index), newPassage("f.", far.index)
		w.index.Insert(&interest.Sub{Subject: "svc", Target: &first.Target})
		mid.index.Insert(&interest.Sub{Subject: "m.>", Target: &second.Target})
		x := far.receiver("X")
		for i := range receivers {
			s := &interest.Sub{Subject: "f.>", Sid: fmt.Sprint(i), Target: &far.receiver(fmt.Sprint("R", i)).Target}
			far.index.Insert(s)
			// What came from elsewhere does not go on by itself.
			far.index.Insert((&interest.Sub{Subject: "x", Sid: "x", Target: &x.Target}).Shadow("f.m.*", nil))
			far.index.Insert((&interest.Sub{Subject: "x", Queue: "q", Sid: "x", Target: &x.Target}).Shadow("f.m.*", nil))
			w.index.Insert((&interest.Sub{Subject: "y", Sid: "s", Target: s.Target}).Shadow("ev", nil))
		}
		own := w.receiver("P")
		c := w.pool.Get(&own.Target, w.index)
		p := wire.Parser{MaxControlLine: 64, MaxPayload: 10}
		for i := range 20 {
			for _, subject := range []string{"ev", "svc"} {
				if _, _, err := p.Next(fmt.Appendf(nil, "PUB %s r 2\r\n%02d\r\n", subject, i)); err != nil {
					t.Fatal(err)
				}
				if got := c.Publish(&p.Pub); got != (receivers > 0) {
					t.Errorf("%s was taken: %t, with %d receivers", subject, got, receivers)
				}
				c.EndRun()
			}
		}
		c.Flush()
		w.pool.Put(c)
		for i := range receivers {
			var want strings.Builder
			for j := range 20 {
				fmt.Fprintf(&want, "MSG ev s r 2\r\n%02d\r\nMSG f.m.svc %d r 2\r\n%02d\r\n", j, i, j)
			}
			far.expect(fmt.Sprint("R", i), want.String())
		}
		far.expect("X", "")
		if first.relayed[0] || !second.relayed[0] {
			t.Error("a relay does not know whether there was one before")
		}
	}
}

// TestRelayClosed: nothing goes to a relay whose subscription is closed.
func TestRelayClosed(t *testing.T) {
	t.Parallel()
	w, far := newWorld(t), newWorld(t)
	p := newPassage("", far.index)
	far.sub("A", "> 1")
	s := &interest.Sub{Subject: "svc", Target: &p.Target}
	w.index.Insert(s)
	s.Close()
	c := w.pool.Get(&w.receiver("P").Target, w.index)
	w.publish(c, "PUB svc 1\r\nx\r\n")
	c.Flush()
	far.expect("A", "")
}

// TestRelayCircle: relays that form a circle come to an end.
func TestRelayCircle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPassage("", w.index)
	w.index.Insert(&interest.Sub{Subject: ">", Target: &p.Target})
	w.sub("A", "> 1")
	c := w.pool.Get(&w.receiver("P").Target, w.index)
	w.publish(c, "PUB svc 1\r\nx\r\n")
	c.Flush()
	if got := w.receiver("A").counts["1"]; got != maxDepth+1 {
		t.Errorf("got %d messages, want %d", got, maxDepth+1)
	}
}

// once relays what has not passed it before, and tells what has.
type once struct {
	through
	again int
}

// Relay implements interest.Relay.
func (r *once) Relay(b interest.Batch, s *interest.Sub, m *wire.Pub) bool {
	if !b.Once(r) {
		r.again++
		return false
	}
	return r.through.Relay(b, s, m)
}

// TestRelayOnce: a relay sees that a message passes it again, which another
// message of the batch does not.
func TestRelayOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := &once{through: through{to: w.index}}
	r.Sink, r.Relays = r, true
	w.index.Insert(&interest.Sub{Subject: ">", Target: &r.Target})
	w.sub("A", "> 1")
	c := w.pool.Get(&w.receiver("P").Target, w.index)
	w.publish(c, strings.Repeat("PUB svc 1\r\nx\r\n", 3))
	c.Flush()
	if got := w.receiver("A").counts["1"]; got != 6 || r.again != 3 {
		t.Errorf("%d messages arrived and %d came again, want 6 and 3", got, r.again)
	}
}

// TestRelayQueue: what a member of a queue group behind a relay refuses goes to
// another one there.
func TestRelayQueue(t *testing.T) {
	t.Parallel()
	w, far := newWorld(t), newWorld(t)
	p := newPassage("f.", far.index)
	w.index.Insert(&interest.Sub{Subject: ">", Target: &p.Target})
	far.sub("A", "f.svc q 1")
	far.sub("B", "f.* q 2")
	w.sub("C", "f.svc q 3") // where it was published this is another group
	far.receiver("A").closed = true
	c := w.pool.Get(&w.receiver("P").Target, w.index)
	for range 3 {
		w.publish(c, strings.Repeat("PUB svc 1\r\nx\r\n", 100))
		c.Flush()
	}
	if got := far.receiver("B").got.String(); got != strings.Repeat("MSG f.svc 2 1\r\nx\r\n", 300) {
		t.Errorf("B got %d of 300", far.receiver("B").counts["2"])
	}
	w.expect("C", "")
}

// TestRelayAllocates: passing a message on allocates nothing.
func TestRelayAllocates(t *testing.T) {
	far := interest.New()
	s := new(swallow)
	s.Sink = s
	far.Insert(&interest.Sub{Subject: "svc", Queue: "q", Sid: "1", Target: &s.Target})
	x := interest.New()
	thru := &through{to: far}
	thru.Sink, thru.Relays = thru, true
	x.Insert(&interest.Sub{Subject: "svc", Target: &thru.Target})
	own := new(swallow)
	own.Sink, own.Ordinal = own, 1
	c := new(Pool).Get(&own.Target, x)
	p := wire.Parser{MaxControlLine: 64, MaxPayload: 10}
	if _, _, err := p.Next([]byte("PUB svc 1\r\nx\r\n")); err != nil {
		t.Fatal(err)
	}
	publish := func() {
		for range 100 {
			c.Publish(&p.Pub)
		}
		c.Flush()
	}
	publish()
	publish()
	if got := testing.AllocsPerRun(100, publish); got != 0 {
		t.Errorf("a batch through a relay allocates %v times", got)
	}
}

// through relays messages as they are.
type through struct {
	interest.Target
	to *interest.Index
}

// Submit implements interest.Sink.
func (*through) Submit(*interest.Staged) bool { return false }

// Relay implements interest.Relay.
func (r *through) Relay(b interest.Batch, _ *interest.Sub, m *wire.Pub) bool { return b.Into(r.to, m) }
