package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// dialWait and writeWait bound what a server should do at once.
const (
	dialWait  = 5 * time.Second
	writeWait = 10 * time.Second
)

// earliestPing is how long after its opening a connection may get the first PING
// of the server's own accord, due after two seconds. protocol.md §1.11
const earliestPing = 1500 * time.Millisecond

// peer is one client connection of a run. A goroutine reads whatever comes into
// buf; the run, which owns the peer, takes it from there.
type peer struct {
	name   string          // immutable
	nc     net.Conn        // immutable
	wake   chan<- struct{} // immutable; one slot, filled when buf or err changed
	opened time.Time       // immutable
	pings  bool            // immutable; the script says which PINGs the server sends
	done   chan struct{}   // run only; closed when the reading goroutine has ended

	mu  sync.Mutex
	buf []byte // guarded by mu; came and was not yet expected
	err error  // guarded by mu; why reading ended, nil while it goes on
}

// dial opens a connection and begins to read.
func dial(name, addr string, pings bool, wake chan<- struct{}) (*peer, error) {
	nc, err := net.DialTimeout("tcp", addr, dialWait)
	if err != nil {
		return nil, err
	}
	p := &peer{name: name, nc: nc, wake: wake, opened: time.Now(), pings: pings}
	p.start()
	return p, nil
}

// start starts the reading goroutine, at first and after a hold.
func (p *peer) start() {
	p.done = make(chan struct{})
	go p.read(p.done)
}

// hold stops the reading goroutine and leaves the connection open. The receive
// buffer stays small, as the kernel lets it grow for those only who read.
func (p *peer) hold() error {
	if err := p.nc.SetReadDeadline(time.Now()); err != nil {
		return fmt.Errorf("holding %s: %w", p.name, err)
	}
	<-p.done
	if err := p.nc.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("holding %s: %w", p.name, err)
	}
	return nil
}

// read is the reading goroutine. A deadline that passes is a hold, no end.
func (p *peer) read(done chan<- struct{}) {
	defer close(done)
	chunk := make([]byte, 64<<10)
	for {
		n, err := p.nc.Read(chunk)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return
		}
		p.mu.Lock()
		p.buf = append(p.buf, chunk[:n]...)
		p.err = err
		p.mu.Unlock()
		select {
		case p.wake <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// write sends bytes. A connection that the server has closed is no error here:
// the next expectation tells.
func (p *peer) write(data []byte) error {
	if err := p.nc.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return fmt.Errorf("sending on %s: %w", p.name, err)
	}
	if _, err := p.nc.Write(data); err != nil && !isClosed(err) {
		return fmt.Errorf("sending on %s: %w", p.name, err)
	}
	return nil
}

// take removes the first n bytes that came and returns them; the slice is the
// caller's.
func (p *peer) take(n int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	head := append([]byte(nil), p.buf[:n]...)
	p.buf = append(p.buf[:0], p.buf[n:]...)
	return head
}

// pass drops the PING that the server sends of its own accord to a connection that
// is two seconds old, which happens where the machine is slow, and tells whether
// there was one. Where the script expects any PING, it must expect all.
func (p *peer) pass() bool {
	ping := []byte("PING\r\n")
	if got, _ := p.state(); p.pings || time.Since(p.opened) < earliestPing || !bytes.HasPrefix(got, ping) {
		return false
	}
	p.take(len(ping))
	return true
}

// state returns what came so far and why reading ended, if it did. The bytes are
// valid until the next take.
func (p *peer) state() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf[:len(p.buf):len(p.buf)], p.err
}

// close ends the connection and its goroutine.
func (p *peer) close() {
	_ = p.nc.Close() // nothing is left to be lost
	<-p.done
}

// isClosed tells whether an error of a connection means that the other side has
// closed it.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
