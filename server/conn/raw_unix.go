//go:build unix

package conn

import (
	"io"
	"net"
	"syscall"
)

// newSource picks how nc is read and written: TCP and Unix sockets without a
// buffer while idle, and with writes that do not wait; anything else plainly.
func newSource(c *Client, nc net.Conn) (source, writer) {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		if rc, err := nc.(syscall.Conn).SyscallConn(); err == nil {
			r := &raw{c: c, rc: rc, fd: -1}
			r.reading, r.writing = r.read, r.write
			_ = rc.Control(func(fd uintptr) { r.fd = int(fd) })
			return r, r
		}
	}
	return plainSource{c}, nil
}

// raw reads and writes a socket through its descriptor. The callbacks are
// made once, as closures cost an allocation.
type raw struct {
	c  *Client
	rc syscall.RawConn

	// Read loop only.
	reading func(fd uintptr) bool
	fd      int
	err     error

	// Whoever has the right to write.
	writing  func(fd uintptr) bool
	pending  []byte
	written  int
	writeErr error
}

func (r *raw) descriptor() int { return r.fd }

func (r *raw) fill() error {
	r.err = nil
	if err := r.rc.Read(r.reading); err != nil {
		return err
	}
	return r.err
}

// read reports false when there is nothing to read: the runtime then parks the
// goroutine until there is.
func (r *raw) read(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), r.c.in.room())
		switch {
		case n > 0:
			r.c.in.n += n
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			r.c.idle()
			return false
		case err == nil:
			r.err = io.EOF
		default:
			r.err = err
		}
		return true
	}
}

func (r *raw) try(b []byte) (int, error) {
	r.pending, r.written, r.writeErr = b, 0, nil
	err := r.rc.Write(r.writing)
	r.pending = nil
	if err == nil {
		err = r.writeErr
	}
	return r.written, err
}

// write makes one write and never waits.
func (r *raw) write(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), r.pending)
		switch {
		case n > 0:
			r.written = n
		case err == syscall.EINTR:
			continue
		case err != syscall.EAGAIN:
			r.writeErr = err
		}
		return true
	}
}
