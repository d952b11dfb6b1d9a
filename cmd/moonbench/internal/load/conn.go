//go:build linux

package load

import (
	"errors"
	"fmt"
	"io"

	"moonwire/cmd/moonbench/internal/poll"
)

var errClosed = errors.New("the server closed the connection")

// conn is a connection to the server under test. It belongs to its loop once
// that runs.
type conn struct {
	name    string // "subscriber 3", for errors; immutable
	fd      int
	token   int32 // index in loop.conns; immutable
	loop    *loop // immutable
	handler handler
	raw     bool    // the server forwards publishes as they are; immutable
	secure  *secure // nil without TLS; immutable

	cache lineCache
	tail  []byte // an incomplete message, kept until the next read

	// What is to be written: first the rest of a publisher's block, which
	// aliases its buffer, then lines and replies. With TLS it moves on to
	// secure, encrypted.
	block  []byte
	out    []byte
	sent   int  // bytes of out that are written
	closed bool // for good; no more events

	waitsForRoom bool // watched for writability
}

// readable reads once and handles what came. Level-triggered polling reports
// the rest again.
func (c *conn) readable() error {
	if c.secure != nil {
		return c.readSealed()
	}
	buf := c.loop.buf
	n := copy(buf, c.tail)
	m, err := poll.ReadFrom(c.fd, buf[n:])
	switch {
	case errors.Is(err, poll.ErrAgain):
		return nil
	case errors.Is(err, io.EOF):
		return errClosed
	case err != nil:
		return err
	}
	if err := c.take(buf[:n+m]); err != nil || len(c.out) == 0 || c.closed {
		return err
	}
	return c.flush()
}

// take handles what was read into the loop's buffer and keeps the incomplete
// end of it.
func (c *conn) take(b []byte) error {
	rest, err := c.consume(b)
	if c.closed {
		return nil // by its handler: the rest does not matter
	}
	c.tail = append(c.tail[:0], rest...)
	if size := len(c.loop.buf); err == nil && len(c.tail) == size {
		err = fmt.Errorf("the server sent a message larger than %d B", size)
	}
	return err
}

// flush writes what is waiting, as far as it fits.
func (c *conn) flush() error {
	if c.secure != nil {
		return c.flushSealed()
	}
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
	return c.roomAgain()
}

// roomAgain ends the waiting for room: everything is written.
func (c *conn) roomAgain() error {
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
func (c *conn) idle() bool {
	return len(c.block) == 0 && len(c.out) == 0 && (c.secure == nil || c.secure.written())
}

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
