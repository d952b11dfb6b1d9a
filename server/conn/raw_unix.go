//go:build unix

package conn

import (
	"crypto/tls"
	"io"
	"net"
	"syscall"
)

// newSource picks how nc is read and written: TCP and Unix sockets, and TLS on
// them, without a buffer while idle, and with writes that do not wait; anything
// else plainly.
func newSource(c *Client, nc net.Conn) (source, writer) {
	switch t := nc.(type) {
	case *tls.Conn:
		if e, ok := t.NetConn().(*edge); ok {
			s := newSealed(c, t, e)
			return s, s
		}
	case *net.TCPConn, *net.UnixConn:
		if rc, err := nc.(syscall.Conn).SyscallConn(); err == nil {
			r := &raw{c: c, rc: rc, fd: -1}
			r.reading = r.read
			_ = rc.Control(func(fd uintptr) { r.fd = int(fd) })
			return r, r
		}
	}
	return &plainSource{c: c}, nil
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
func (r *raw) read(uintptr) bool {
	for {
		read := readNow
		if r.c.reads == maxReads-1 {
			read = syscall.Read // lets the scheduler know of a loop that does not park
		}
		n, err := read(r.fd, r.c.in.room())
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

// try makes one write and never waits. It does without the locks of package
// net: the right to write keeps the socket open, see [Client.finish].
func (r *raw) try(b []byte) (int, error) { return tryWrite(r.fd, b) }

func (r *raw) behind() bool { return false }

func (r *raw) drop() {}

// tryWrite makes one write and never waits.
func tryWrite(fd int, b []byte) (int, error) {
	for {
		n, err := writeNow(fd, b)
		switch {
		case n > 0:
			return n, nil
		case err == syscall.EINTR:
			continue
		case err != syscall.EAGAIN:
			return 0, err
		}
		return 0, nil
	}
}
