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
// brought in, and writes keep what the socket does not take; neither waits.
type edge struct {
	net.Conn
	rc syscall.RawConn

	// Read loop only.
	buf  *[]byte // what was read, in[from:to] of it; nil if that is nothing
	from int
	to   int

	write struct {
		sync.Mutex        // not held while anybody waits for the peer
		fd         int    // immutable
		ready      bool   // the handshake is over
		rest       []byte // what the socket did not take
		flushing   bool   // what lay before rest is on its way
		failed     error  // half a record may have left, and nothing may follow it
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

// below returns the socket below TLS, or nc itself.
func below(nc net.Conn) net.Conn {
	switch t := nc.(type) {
	case *tls.Conn:
		return below(t.NetConn())
	case *edge:
		return t.Conn
	}
	return nc
}

// SyscallConn implements [syscall.Conn].
func (e *edge) SyscallConn() (syscall.RawConn, error) { return e.rc, nil }

// Read implements [net.Conn].
func (e *edge) Read(b []byte) (int, error) {
	if !e.ready() {
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

func (e *edge) ready() bool {
	e.write.Lock()
	defer e.write.Unlock()
	return e.write.ready
}

// drop gives the buffer back.
func (e *edge) drop() {
	if e.buf != nil {
		putBuffer(e.buf)
		e.buf = nil
	}
}

// maxRest is how much may be kept for the socket. What is published is bounded
// further above; beyond that a peer can only ask for new keys again and again,
// without reading the answers.
const maxRest = 2 * portion

var errRest = errors.New("the peer does not read what TLS itself has to say")

// rests hold what sockets did not take.
var rests = sync.Pool{New: func() any { b := make([]byte, 0, portion+portion/8); return &b }}

// Write implements [net.Conn].
func (e *edge) Write(b []byte) (int, error) {
	w := &e.write
	w.Lock()
	if !w.ready {
		w.Unlock()
		return e.Conn.Write(b)
	}
	defer w.Unlock()
	if w.failed != nil {
		return 0, w.failed
	}
	n := 0
	if len(w.rest) == 0 && !w.flushing {
		if n, w.failed = tryWrite(w.fd, b); w.failed != nil || n == len(b) {
			return n, w.failed
		}
	}
	if len(w.rest)+len(b)-n > maxRest {
		w.failed = errRest
		return n, w.failed
	}
	if w.rest == nil {
		w.rest = *rests.Get().(*[]byte)
	}
	w.rest = append(w.rest, b[n:]...)
	return len(b), nil
}

func (e *edge) behind() bool {
	e.write.Lock()
	defer e.write.Unlock()
	return len(e.write.rest) > 0
}

// flush sends what is kept, and waits until that has gone.
func (e *edge) flush() error {
	w := &e.write
	for {
		w.Lock()
		rest := w.rest
		w.rest, w.flushing = nil, len(rest) > 0 && w.failed == nil
		err, more := w.failed, w.flushing
		w.Unlock()
		if !more {
			return err
		}
		_, err = e.Conn.Write(rest)
		if err != nil {
			w.Lock()
			w.failed = err
			w.Unlock()
		}
		rest = rest[:0]
		rests.Put(&rest)
	}
}

// sealed reads and writes TLS on an edge: without a buffer while idle, and with
// writes that do not wait, but for those of the drainer.
type sealed struct {
	c    *Client
	tls  *tls.Conn
	edge *edge

	// Read loop only.
	reading func(fd uintptr) bool
	err     error
}

// newSealed returns t, on e, as a source and a writer. The handshake is over.
func newSealed(c *Client, t *tls.Conn, e *edge) *sealed {
	s := &sealed{c: c, tls: t, edge: e}
	s.reading = s.read
	e.write.Lock()
	e.write.ready = true
	e.write.Unlock()
	return s
}

func (s *sealed) descriptor() int { return s.edge.write.fd }

func (s *sealed) drop() { s.edge.drop() }

func (s *sealed) fill() error {
	for {
		n, err := s.tls.Read(s.c.in.room())
		s.c.in.n += n
		switch {
		case n > 0:
			return nil // an error comes again
		case err == nil: // a record without content
		case !errors.Is(err, notNow{}):
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
		// Beside what TLS costs it is cheap to let the scheduler know.
		n, err := syscall.Read(int(fd), *buf)
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

func (s *sealed) behind() bool { return s.edge.behind() }

// Write implements [io.Writer] for the drainer: it waits for the socket.
func (s *sealed) Write(b []byte) (int, error) {
	for done := 0; ; {
		if err := s.edge.flush(); err != nil {
			return done, err
		}
		if done == len(b) {
			return done, nil
		}
		n, err := s.tls.Write(b[done:min(done+portion, len(b))])
		if done += n; err != nil {
			return done, err
		}
	}
}
