package delivery

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"moonwire/server/interest"
	"moonwire/server/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a target that remembers what it was given.
type receiver struct {
	interest.Target
	name   string
	closed bool
	drop   bool // leave out frames of closed subscriptions, as a connection does
	slow   chan struct{}
	order  *[]string // of submits, over all receivers
	got    strings.Builder
	counts map[string]int
}

func (r *receiver) Submit(b *interest.Staged) bool {
	if r.closed {
		return false
	}
	*r.order = append(*r.order, r.name)
	b.Slow = r.slow
	if r.drop {
		var m wire.Pub
		for _, c := range b.Counts {
			at := c.At
			for range c.N {
				n := wire.NextFrame(b.Data[at:], &m)
				b.Dropped = append(b.Dropped, interest.Frame{Sub: c.Sub, Data: b.Data[at : at+n]})
				at += n
			}
		}
		b.Msgs, b.Bytes = 0, 0
		return true
	}
	for _, c := range b.Counts {
		r.counts[c.Sub.Sid] += c.N
	}
	r.got.Write(b.Data)
	return true
}

// world is an index with receivers around it.
type world struct {
	t         testing.TB
	index     *interest.Index
	pool      Pool
	ordinals  interest.Ordinals
	receivers map[string]*receiver
	order     []string
}

func newWorld(t testing.TB) *world {
	return &world{t: t, index: interest.New(), receivers: make(map[string]*receiver)}
}

func (w *world) receiver(name string) *receiver {
	r := w.receivers[name]
	if r == nil {
		r = &receiver{name: name, order: &w.order, counts: make(map[string]int)}
		r.Ordinal = w.ordinals.Take()
		r.Sink = r
		w.receivers[name] = r
	}
	return r
}

// sub subscribes a receiver: "subject sid" or "subject queue sid".
func (w *world) sub(name, args string) *interest.Sub {
	f := strings.Fields(args)
	s := &interest.Sub{Subject: f[0], Sid: f[len(f)-1], Target: &w.receiver(name).Target}
	if len(f) == 3 {
		s.Queue = f[1]
	}
	w.index.Insert(s)
	return s
}

// publish parses protocol lines and publishes what is in them; a line "PING"
// is answered in the publisher's own output.
func (w *world) publish(c *Context, in string) {
	w.t.Helper()
	p := wire.Parser{MaxControlLine: 4096, MaxPayload: 1 << 20, Headers: true}
	for b := []byte(in); len(b) > 0; {
		op, n, err := p.Next(b)
		switch {
		case err != nil || op == wire.OpNone:
			w.t.Fatalf("%q: %v", b, err)
		case op == wire.OpPing:
			c.Own(wire.Pong)
		default:
			c.Publish(&p.Pub)
		}
		b = b[n:]
	}
	c.EndRun()
}

func (w *world) expect(name, want string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.receiver(name).got.String()); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", name, diff)
	}
	w.receiver(name).got.Reset()
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	const pub = "PUB foo 1\r\na\r\nPUB bar r 1\r\nb\r\nPUB foo 1\r\nc\r\n"
	w := newWorld(t)
	w.sub("A", "foo 1")
	w.sub("B", "> 7")
	w.sub("B", "bar 8")
	own := w.receiver("P")
	c := w.pool.Get(&own.Target, w.index)
	w.publish(c, pub)
	c.Flush()
	w.expect("A", "MSG foo 1 1\r\na\r\nMSG foo 1 1\r\nc\r\n")
	w.expect("B", "MSG foo 7 1\r\na\r\nMSG bar 8 r 1\r\nb\r\nMSG bar 7 r 1\r\nb\r\nMSG foo 7 1\r\nc\r\n")
	if diff := cmp.Diff([]string{"A", "B"}, w.order); diff != "" {
		t.Errorf("each target is submitted once for a batch (-want +got):\n%s", diff)
	}
	if c.Msgs != 6 || c.Bytes != 6 {
		t.Errorf("got %d messages of %d bytes", c.Msgs, c.Bytes)
	}
}

// TestRun: in a fan-out each receiver gets all messages in order, with its own
// sid, whatever lies between them.
func TestRun(t *testing.T) {
	t.Parallel()
	for _, payload := range []int{1, 2000} { // small runs are staged, large ones go at once
		w := newWorld(t)
		for i := range 5 {
			w.sub(fmt.Sprint("R", i), fmt.Sprintf("foo %d", i%2))
		}
		w.sub("R0", "bar 9")
		w.receiver("H").NoHeaders = true
		w.sub("H", "foo 3")
		own := w.receiver("P")
		c := w.pool.Get(&own.Target, w.index)
		var pub, want, stripped strings.Builder
		for i := range 20 {
			body := strings.Repeat(string(rune('a'+i)), payload)
			fmt.Fprintf(&pub, "PUB foo %d\r\n%s\r\n", payload, body)
			fmt.Fprintf(&want, "MSG foo 0 %d\r\n%s\r\n", payload, body)
			fmt.Fprintf(&stripped, "MSG foo 3 %d\r\n%s\r\n", payload, body)
			if i%7 == 3 {
				pub.WriteString("PUB bar 1\r\nx\r\nHPUB foo 4 6\r\nHHHHhi\r\n")
				want.WriteString("MSG bar 9 1\r\nx\r\nHMSG foo 0 4 6\r\nHHHHhi\r\n")
				stripped.WriteString("MSG foo 3 2\r\nhi\r\n")
			}
		}
		w.publish(c, pub.String())
		c.Flush()
		w.expect("R0", want.String())
		other := strings.ReplaceAll(want.String(), "MSG bar 9 1\r\nx\r\n", "")
		w.expect("R2", other)
		w.expect("R1", strings.ReplaceAll(other, "foo 0 ", "foo 1 "))
		w.expect("H", stripped.String())
		if got := w.receiver("R1").counts["1"]; got != 23 {
			t.Errorf("got a count of %d, want 23", got)
		}
	}
}

// TestOwnLast: the publisher's answers leave behind all that it published.
func TestOwnLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sub("P", "foo 1")
	w.sub("A", "foo 1")
	own := w.receiver("P")
	c := w.pool.Get(&own.Target, w.index)
	w.publish(c, "PUB foo 1\r\na\r\nPING\r\nPUB foo 1\r\nb\r\n")
	c.OwnError(wire.ErrInvalidSubject)
	c.Flush()
	if diff := cmp.Diff([]string{"A", "P"}, w.order); diff != "" {
		t.Errorf("order of submits (-want +got):\n%s", diff)
	}
	w.expect("P", "MSG foo 1 1\r\na\r\nPONG\r\nMSG foo 1 1\r\nb\r\n-ERR 'Invalid Subject'\r\n")
}

func TestNoEcho(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.receiver("P")
	own.NoEcho = true
	w.sub("P", "foo 1")
	w.sub("P", "foo q 2")
	c := w.pool.Get(&own.Target, w.index)
	p := wire.Parser{MaxControlLine: 64, MaxPayload: 10}
	if _, _, err := p.Next([]byte("PUB foo 1\r\na\r\n")); err != nil {
		t.Fatal(err)
	}
	if c.Publish(&p.Pub) {
		t.Error("a message that nobody takes was said to be taken")
	}
	w.sub("A", "foo q 3")
	if !c.Publish(&p.Pub) {
		t.Error("a message that A takes was said not to be taken")
	}
	c.Flush()
	w.expect("P", "")
	w.expect("A", "MSG foo 3 1\r\na\r\n")
}

// TestQueue: one member of each group gets each message, and every member has
// its share.
func TestQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := []string{"A", "B", "C"}
	for _, n := range names {
		w.sub(n, "foo g 1")
		w.sub(n, "* h 2")
	}
	own := w.receiver("P")
	c := w.pool.Get(&own.Target, w.index)
	const total = 3000
	w.publish(c, strings.Repeat("PUB foo 0\r\n\r\n", total))
	c.Flush()
	for _, sid := range []string{"1", "2"} {
		sum := 0
		for _, n := range names {
			got := w.receiver(n).counts[sid]
			if sum += got; got < total/6 || got > total/2 {
				t.Errorf("%s got %d of %d", n, got, total)
			}
		}
		if sum != total {
			t.Errorf("group of sid %s got %d of %d", sid, sum, total)
		}
	}
}

// TestQueuePassesOver: members that are closed, cut or full are passed over,
// before they are chosen and after; a member whose subscription was given up
// meanwhile does not swallow the message.
func TestQueuePassesOver(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(r *receiver)
	}{
		{"gone", func(r *receiver) { r.Gone.Store(true) }},
		{"full", func(r *receiver) { r.Full.Store(true) }},
		{"closed when submitted", func(r *receiver) { r.closed = true }},
		{"unsubscribed when submitted", func(r *receiver) { r.drop = true }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.sub("A", "foo g 1")
			w.sub("B", "foo g 2")
			w.sub("B", "foo 3")
			tt.spoil(w.receiver("A"))
			own := w.receiver("P")
			for _, header := range []bool{false, true} {
				c := w.pool.Get(&own.Target, w.index)
				if header {
					w.publish(c, strings.Repeat("HPUB foo r 2 4\r\nHHhi\r\n", 100))
				} else {
					w.publish(c, strings.Repeat("PUB foo 2\r\nhi\r\n", 100))
				}
				c.Flush()
				w.pool.Put(c)
			}
			if got := w.receiver("B").counts; got["2"] != 200 || got["3"] != 200 {
				t.Errorf("B got %v, want 200 of each", got)
			}
			if want := "HMSG foo 2 r 2 4\r\nHHhi\r\n"; strings.Count(w.receiver("B").got.String(), want) != 100 {
				t.Errorf("the frames that A refused did not reach B as they were")
			}
		})
	}
}

// TestAllFull: when all members are full, one of them takes the message.
func TestAllFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sub("A", "foo g 1")
	w.receiver("A").Full.Store(true)
	own := w.receiver("P")
	c := w.pool.Get(&own.Target, w.index)
	w.publish(c, "PUB foo 1\r\na\r\n")
	c.Flush()
	w.expect("A", "MSG foo 1 1\r\na\r\n")
}

// TestClosedSub: nothing is staged for a subscription that was given up, even
// if a result still names it.
func TestClosedSub(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 4 {
		w.sub(fmt.Sprint("R", i), "foo 1")
	}
	gone := w.sub("G", "foo 1")
	one := w.sub("O", "bar 1")
	own := w.receiver("P")
	c := w.pool.Get(&own.Target, w.index)
	gone.Close()
	one.Close()
	w.publish(c, "PUB foo 1\r\na\r\nPUB bar 1\r\nb\r\n")
	c.Flush()
	w.expect("G", "")
	w.expect("O", "")
	w.expect("R0", "MSG foo 1 1\r\na\r\n")
}

// TestStagedBytesAreBounded: a context never holds much more than it may.
func TestStagedBytesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 50 {
		w.sub(fmt.Sprint("R", i), fmt.Sprintf("foo %d", i)) // no common prefix
	}
	own := w.receiver("P")
	c := w.pool.Get(&own.Target, w.index)
	for range 200 {
		w.publish(c, strings.Repeat("PUB foo 100\r\n"+strings.Repeat("x", 100)+"\r\n", 20))
		if c.staged > maxStaged+64<<10 {
			t.Fatalf("%d bytes are staged", c.staged)
		}
	}
	c.Flush()
	w.pool.Put(c)
	for i := range 50 {
		if got := w.receiver(fmt.Sprint("R", i)).counts[fmt.Sprint(i)]; got != 4000 {
			t.Errorf("R%d got %d of 4000", i, got)
		}
	}
}

// TestOrdinalReused: a slot belongs to a target, not to its number.
func TestOrdinalReused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.receiver("A"), w.receiver("B")
	b.Ordinal = a.Ordinal
	w.sub("A", "foo 1")
	w.sub("B", "bar 2")
	own := w.receiver("P")
	c := w.pool.Get(&own.Target, w.index)
	w.publish(c, "PUB foo 1\r\na\r\nPUB bar 1\r\nb\r\nPUB foo 1\r\nc\r\n")
	c.Flush()
	w.expect("A", "MSG foo 1 1\r\na\r\nMSG foo 1 1\r\nc\r\n")
	w.expect("B", "MSG bar 2 1\r\nb\r\n")
}

// TestOrdinalReusedOneSlot: two targets with one number take turns, and each
// is still submitted once.
func TestOrdinalReusedOneSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.receiver("A"), w.receiver("B")
	b.Ordinal = a.Ordinal
	w.sub("A", "foo 1")
	w.sub("B", "bar 2")
	own := w.receiver("P")
	c := w.pool.Get(&own.Target, w.index)
	w.publish(c, strings.Repeat("PUB foo 1\r\na\r\nPUB bar 1\r\nb\r\n", 10))
	c.Flush()
	if diff := cmp.Diff([]string{"A", "B"}, w.order); diff != "" {
		t.Errorf("submits (-want +got):\n%s", diff)
	}
	if got := w.receiver("B").counts["2"]; got != 10 {
		t.Errorf("B got %d of 10", got)
	}
}

// swallow is a sink that takes everything.
type swallow struct{ interest.Target }

func (*swallow) Submit(*interest.Staged) bool { return true }

// TestPublishAllocates: a publish allocates nothing, whether to nobody, to one
// receiver or to a hundred.
func TestPublishAllocates(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100} {
		for _, queue := range []string{"", "q"} {
			publish := publisher(n, queue)
			if got := testing.AllocsPerRun(100, publish); got != 0 {
				t.Errorf("publishing to %d (queue %q) allocates %v times", n, queue, got)
			}
		}
	}
}

// publisher returns a function that publishes a batch of messages to n
// receivers.
func publisher(n int, queue string) func() {
	index := interest.New()
	var ordinals interest.Ordinals
	for range n {
		s := new(swallow)
		s.Sink, s.Ordinal = s, ordinals.Take()
		index.Insert(&interest.Sub{Subject: "foo.bar", Queue: queue, Sid: "1", Target: &s.Target})
	}
	own := new(swallow)
	own.Sink, own.Ordinal = own, ordinals.Take()
	c := new(Pool).Get(&own.Target, index)
	p := wire.Parser{MaxControlLine: 4096, MaxPayload: 1 << 20, Headers: true}
	in := []byte(strings.Repeat("PUB foo.bar 16\r\n0123456789abcdef\r\n", batch))
	publish := func() {
		for b := in; len(b) > 0; {
			_, n, _ := p.Next(b)
			c.Publish(&p.Pub)
			b = b[n:]
		}
		c.Flush()
	}
	publish()
	publish()
	return publish
}

const batch = 100

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{0, 1, 10, 100} {
		b.Run(fmt.Sprintf("to %d", n), func(b *testing.B) {
			publish := publisher(n, "")
			b.ReportAllocs()
			for b.Loop() {
				publish()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch*max(n, 1)), "ns/delivery")
		})
	}
}

// TestSlow: a publisher waits when most of its receivers are behind, and not
// for one among many, nor for itself.
func TestSlow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		subs, slow []string
		want       bool
	}{
		"nobody":                {subs: []string{"A", "B"}},
		"the only one":          {subs: []string{"A"}, slow: []string{"A"}, want: true},
		"one of two":            {subs: []string{"A", "B"}, slow: []string{"A"}},
		"both":                  {subs: []string{"A", "B"}, slow: []string{"A", "B"}, want: true},
		"one of many":           {subs: []string{"A", "B", "C", "D"}, slow: []string{"C"}},
		"most of many":          {subs: []string{"A", "B", "C", "D"}, slow: []string{"A", "C", "D"}, want: true},
		"the publisher itself":  {subs: []string{"P"}, slow: []string{"P"}},
		"itself and another":    {subs: []string{"P", "A"}, slow: []string{"P"}},
		"another beside itself": {subs: []string{"P", "A"}, slow: []string{"A"}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			own := w.receiver("P")
			for _, s := range tt.subs {
				w.sub(s, "foo 1")
			}
			for _, s := range tt.slow {
				w.receiver(s).slow = make(chan struct{})
			}
			c := w.pool.Get(&own.Target, w.index)
			w.publish(c, "PUB foo 1\r\na\r\nPUB foo 1\r\nb\r\n")
			c.Flush()
			if got := c.Slow() != nil; got != tt.want {
				t.Errorf("the publisher waits: %v, want %v", got, tt.want)
			}
			c.Renew()
			if c.Slow() != nil {
				t.Error("it still waits after Renew")
			}
			w.pool.Put(c)
		})
	}
}
