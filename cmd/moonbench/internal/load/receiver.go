//go:build linux

package load

import (
	"bytes"
	"fmt"

	"moonwire/cmd/moonbench/internal/sequence"
)

// receiver is what subscribers, queue members, responders and requesters have
// in common: they take a payload apart and answer probes.
type receiver struct {
	shared *shared
	size   int    // bytes of payload; immutable
	filler []byte // what follows the stamp; immutable
}

// pong implements handler: the answer to a probe.
func (r *receiver) pong(*conn) error {
	r.shared.pongs.Add(1)
	return nil
}

// info implements handler: a server may send INFO at any time.
func (r *receiver) info(*conn) error { return nil }

// stamp reads the stamp of a delivery whose publisher is below n.
func (r *receiver) stamp(d *delivery, n int) (stamp, error) {
	p := d.payload()
	if len(p) != r.size {
		return stamp{}, fmt.Errorf("got a payload of %d B where %d B were published", len(p), r.size)
	}
	st := readStamp(p)
	if int(st.publisher) >= n {
		return stamp{}, fmt.Errorf("got a message of publisher %d, which does not exist", st.publisher)
	}
	return st, nil
}

// intact compares what follows the stamp. Comparing each payload in full would
// make the load generator the bottleneck; receivers do it now and then.
func (r *receiver) intact(d *delivery) error {
	if !bytes.Equal(d.payload()[stampBytes:], r.filler) {
		return fmt.Errorf("the payload was changed on its way: %.80q", d.payload())
	}
	return nil
}

// inflow is one publisher's stream as one subscriber sees it.
type inflow struct {
	order    sequence.Ordered
	stream   *stream
	chunk    uint64 // being received
	boundary uint64 // first number of the next chunk
}

// subscriber expects every stream's messages, or its share of them, in order.
type subscriber struct {
	receiver
	in []inflow // by publisher; stream is nil if nothing may come from it
}

// message implements handler.
func (s *subscriber) message(c *conn, d *delivery) error {
	st, err := s.stamp(d, len(s.in))
	if err != nil {
		return err
	}
	in := &s.in[st.publisher]
	if in.stream == nil {
		return fmt.Errorf("got a message of publisher %d, which was not meant for this subscriber", st.publisher)
	}
	if !in.order.Accept(st.number) {
		s.shared.flag()
		return nil
	}
	l := c.loop
	l.units++
	if in.stream.period > 0 {
		l.record(l.now - in.stream.dueAt(st.number))
	}
	if in.order.Next() < in.boundary {
		return nil
	}
	in.stream.count(l, in.chunk, 1)
	in.chunk++
	in.boundary += in.stream.chunk
	return s.intact(d)
}

// member is a subscriber in a queue group: it gets some of the messages, in
// order, and no other member gets the same.
type member struct {
	receiver
	in      []sequence.Member // by publisher
	streams []*stream
}

// message implements handler.
func (m *member) message(c *conn, d *delivery) error {
	st, err := m.stamp(d, len(m.in))
	if err != nil {
		return err
	}
	if !m.in[st.publisher].Accept(st.number) {
		m.shared.flag()
		return nil
	}
	l, s := c.loop, m.streams[st.publisher]
	l.units++
	if s.period > 0 {
		l.record(l.now - s.dueAt(st.number))
	}
	s.count(l, st.number/s.chunk, 1)
	if st.number%s.chunk == 0 {
		return m.intact(d)
	}
	return nil
}
