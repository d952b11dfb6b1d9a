//go:build unix

package conn

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// edge is the socket below a TLS connection. Package tls knows only calls that
// wait: a read that waits would hold a buffer, and a write that waits a
// publisher. So once the handshake is over, reads give out what [sealed] has
// brought in and never wait, and writes keep what the socket does not take.
type edge struct {
	net.Conn
	rc syscall.RawConn

	// Read loop only.
	ready bool    // the handshake is over
	buf   *[]byte // what was read, from in[from:to]; nil if that is nothing
	from  int
	to    int

	write struct {
		sync.Mutex
		fd   int
		wait bool   // writes wait: the drainer's
		rest []byte // what the socket did not take
	}
}

// notNow is the error of a read that has nothing to give. That it is temporary
// lets package tls go on afterwards.
type notNow struct{}

func (notNow) Error() string   { return "nothing to read" }
func (notNow) Timeout() bool   { return true }
func (notNow) Temporary() bool { return true }

// newEdge returns what TLS is to be spoken on in the place of nc; nc itself if it
// is no socket.
func newEdge(nc net.Conn) net.Conn {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		rc, err := nc.(syscall.Conn).SyscallConn()
		if err != nil {
			return nc
		}
		e := &edge{Conn: nc, rc: rc}
		_ = rc.Control(func(fd uintptr) { e.write.fd = int(fd) })
		return e
	}
	return nc
}

// SyscallConn implements [syscall.Conn].
func (e *edge) SyscallConn() (syscall.RawConn, error) { return e.rc, nil }

// CloseWrite closes the half that writes.
func (e *edge) CloseWrite() error {
	half, ok := e.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// Read implements [net.Conn].
func (e *edge) Read(b []byte) (int, error) {
	if !e.ready {
		return e.Conn.Read(b)
	}
	if e.buf == nil {
		return 0, notNow{}
	}
	n := copy(b, (*e.buf)[e.from:e.to])
	if e.from += n; e.from == e.to {
		e.drop()
	}
	return n, nil
}

// drop gives the buffer back.
func (e *edge) drop() {
	if e.buf != nil {
		putBuffer(e.buf)
		e.buf = nil
	}
}

// Write implements [net.Conn].
func (e *edge) Write(b []byte) (int, error) {
	w := &e.write
	w.Lock()
	defer w.Unlock()
	if !e.ready || w.wait {
		return e.Conn.Write(b)
	}
	n := 0
	if len(w.rest) == 0 {
		var err error
		if n, err = tryWrite(w.fd, b); err != nil {
			return n, err
		}
	}
	w.rest = append(w.rest, b[n:]...)
	return len(b), nil
}

// sealed reads and writes TLS on an edge: without a buffer while idle, and with
// writes that do not wait.
type sealed struct {
	c    *Client
	tls  *tls.Conn
	edge *edge

	// Read loop only.
	reading func(fd uintptr) bool
	err     error
}

func newSealed(c *Client, t *tls.Conn, e *edge) *sealed {
	s := &sealed{c: c, tls: t, edge: e}
	s.reading = s.read
	e.ready = true
	return s
}

func (s *sealed) descriptor() int { return s.edge.write.fd }

func (s *sealed) fill() error {
	for {
		n, err := s.tls.Read(s.c.in.room())
		s.c.in.n += n
		switch {
		case n > 0:
			return nil
		case err == nil: // a record without content
		case !errors.Is(err, notNow{}):
			s.edge.drop()
			return err
		default:
			s.err = nil
			if err := s.edge.rc.Read(s.reading); err != nil {
				return err
			}
			if s.err != nil {
				return s.err
			}
		}
	}
}

// read brings in what the socket has, or reports false.
func (s *sealed) read(fd uintptr) bool {
	buf := getBuffer()
	for {
		n, err := readNow(int(fd), *buf)
		switch {
		case n > 0:
			s.edge.buf, s.edge.from, s.edge.to = buf, 0, n
			return true
		case err == syscall.EINTR:
			continue
		}
		putBuffer(buf)
		switch {
		case err == syscall.EAGAIN:
			s.c.idle()
			return false
		case err == nil:
			s.err = io.EOF
		default:
			s.err = err
		}
		return true
	}
}

// portion is how much is encrypted until it is asked whether the socket still
// takes it.
const portion = 64 << 10

func (s *sealed) try(b []byte) (int, error) {
	done := 0
	for done < len(b) && !s.behind() {
		n, err := s.tls.Write(b[done:min(done+portion, len(b))])
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

func (s *sealed) behind() bool {
	w := &s.edge.write
	w.Lock()
	defer w.Unlock()
	return len(w.rest) > 0
}

func (s *sealed) wait(on bool) error {
	w := &s.edge.write
	w.Lock()
	defer w.Unlock()
	w.wait = on
	if !on || len(w.rest) == 0 {
		return nil
	}
	_, err := s.edge.Conn.Write(w.rest)
	w.rest = nil
	return err
}
