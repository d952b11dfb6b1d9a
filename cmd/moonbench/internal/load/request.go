//go:build linux

package load

import (
	"strconv"

	"moonwire/cmd/moonbench/internal/sequence"
)

// responder answers each request with its own payload.
type responder struct {
	receiver
	in []sequence.Ordered // by requester
}

// message implements handler. The loop flushes the answers when the read is
// done, so that requests that came together are answered together.
func (r *responder) message(c *conn, d *delivery) error {
	st, err := r.stamp(d, len(r.in))
	if err != nil {
		return err
	}
	if !r.in[st.publisher].Accept(st.number) {
		r.shared.flag()
	}
	c.out = append(c.out, "PUB "...)
	c.out = append(c.out, d.reply...)
	c.out = append(c.out, ' ')
	c.out = strconv.AppendInt(c.out, int64(len(d.payload())), 10)
	c.out = append(c.out, crlf...)
	c.out = append(c.out, d.payload()...)
	c.out = append(c.out, crlf...)
	return nil
}

// requester receives the answers to the requests that its publisher sends on
// the same connection. Its stream has chunks of one message and a ring of as
// many as may be in flight.
type requester struct {
	receiver
	id     uint32
	in     sequence.Ordered
	stream *stream
	sentAt []int64 // when request n was sent: sentAt[n%len]
}

// sent is the publisher's onSend.
func (r *requester) sent(first uint64, n int, now int64) {
	for i := range uint64(n) {
		r.sentAt[(first+i)%uint64(len(r.sentAt))] = now
	}
}

// message implements handler.
func (r *requester) message(c *conn, d *delivery) error {
	st, err := r.stamp(d, int(r.id)+1)
	if err != nil {
		return err
	}
	if st.publisher != r.id || !r.in.Accept(st.number) {
		r.shared.flag()
		return nil
	}
	l := c.loop
	l.units++
	l.record(l.now - r.sentAt[st.number%uint64(len(r.sentAt))])
	r.stream.count(l, st.number, 1)
	if st.number%1024 == 0 {
		return r.intact(d)
	}
	return nil
}
