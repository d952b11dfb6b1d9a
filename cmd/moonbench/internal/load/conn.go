//go:build linux

package load

import (
	"errors"
	"fmt"
	"io"

	"moonwire/cmd/moonbench/internal/poll"
)

// conn is a connection to the server under test. It belongs to its loop once
// that runs.
type conn struct {
	name    string // "subscriber 3", for errors; immutable
	fd      int
	token   int32 // index in loop.conns; immutable
	loop    *loop // immutable
	handler handler
	raw     bool // the server forwards publishes as they are; immutable

	cache lineCache
	tail  []byte // an incomplete message, kept until the next read

	// What is to be written: first the rest of a publisher's block, which
	// aliases its buffer, then lines and replies.
	block  []byte
	out    []byte
	sent   int  // bytes of out that are written
	closed bool // for good; no more events

	waitsForRoom bool // watched for writability
}

// readable reads once and handles what came. Level-triggered polling reports
// the rest again.
func (c *conn) readable() error {
	buf := c.loop.buf
	n := copy(buf, c.tail)
	m, err := poll.ReadFrom(c.fd, buf[n:])
	switch {
	case errors.Is(err, poll.ErrAgain):
		return nil
	case errors.Is(err, io.EOF):
		return errors.New("the server closed the connection")
	case err != nil:
		return err
	}
	rest, err := c.consume(buf[:n+m])
	if c.closed {
		return nil // by its handler: the rest does not matter
	}
	c.tail = append(c.tail[:0], rest...)
	if err == nil && len(c.tail) == len(buf) {
		err = fmt.Errorf("the server sent a message larger than %d B", len(buf))
	}
	if err != nil || len(c.out) == 0 {
		return err
	}
	return c.flush()
}

// flush writes what is waiting, as far as it fits.
func (c *conn) flush() error {
	for len(c.block) > 0 {
		n, err := poll.WriteTo(c.fd, c.block)
		if err != nil {
			return c.writeFailed(err)
		}
		c.block = c.block[n:]
	}
	for c.sent < len(c.out) {
		n, err := poll.WriteTo(c.fd, c.out[c.sent:])
		if err != nil {
			return c.writeFailed(err)
		}
		c.sent += n
	}
	c.out, c.sent = c.out[:0], 0
	if !c.waitsForRoom {
		return nil
	}
	c.waitsForRoom = false
	return c.loop.poller.Modify(c.fd, c.token, poll.Read)
}

// writeFailed waits for room if that is all that is wrong.
func (c *conn) writeFailed(err error) error {
	if !errors.Is(err, poll.ErrAgain) {
		return err
	}
	if c.waitsForRoom {
		return nil
	}
	c.waitsForRoom = true
	return c.loop.poller.Modify(c.fd, c.token, poll.Read|poll.Write)
}

// idle reports whether nothing waits to be written.
func (c *conn) idle() bool { return len(c.block) == 0 && len(c.out) == 0 }

// close ends the connection for good.
func (c *conn) close() {
	if !c.closed {
		c.closed = true
		poll.Close(c.fd)
	}
}

// silent is the role of a connection that expects nothing.
type silent struct{}

func (silent) message(*conn, *delivery) error {
	return errors.New("got a message without a subscription")
}
func (silent) pong(*conn) error { return nil }
func (silent) info(*conn) error { return nil }
