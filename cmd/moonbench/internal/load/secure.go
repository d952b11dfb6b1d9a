//go:build linux

package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"moonwire/cmd/moonbench/internal/poll"
)

// secure is the TLS of a connection. crypto/tls is made for connections that
// block. Once the handshake is done it is given memory in place of a socket:
// ciphertext that the loop has read goes in, ciphertext to write comes out.
type secure struct {
	tls *tls.Conn
	channel
}

// clientTLS is the TLS configuration of a scenario's connections: nil without
// TLS.
func clientTLS(cfg *Config) (*tls.Config, error) {
	if !cfg.Scenario.TLS {
		return nil, nil
	}
	if cfg.TLS == nil {
		return nil, fmt.Errorf("%w: nothing says whose certificate to trust", ErrUnable)
	}
	c := cfg.TLS.Clone()
	if c.ServerName == "" {
		host, _, err := net.SplitHostPort(cfg.Addr)
		if err != nil {
			return nil, fmt.Errorf("server address: %w", err)
		}
		c.ServerName = host
	}
	return c, nil
}

// startTLS does the TLS handshake on a blocking socket. rest is what came
// behind INFO in plain text: nothing, unless the server is out of its mind.
func startTLS(fd int, info *serverInfo, rest []byte, cfg *tls.Config) (*secure, error) {
	if !info.TLSRequired && !info.TLSAvailable {
		return nil, fmt.Errorf("%w: its INFO does not offer TLS", ErrUnable)
	}
	s := &secure{channel: channel{live: patient(fd), in: rest}}
	s.tls = tls.Client(&s.channel, cfg)
	if err := s.tls.Handshake(); err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", sealedError(err))
	}
	return s, nil
}

// detach ends the time of blocking and returns what was received but not yet
// read: nothing on the socket would tell of it.
func (s *secure) detach() ([]byte, error) {
	s.live = -1
	var rest []byte
	buf := make([]byte, 4<<10)
	for {
		n, err := s.tls.Read(buf)
		rest = append(rest, buf[:n]...)
		switch {
		case errors.Is(err, errDry):
			return rest, nil
		case err != nil:
			return nil, sealedError(err)
		}
	}
}

// unseal decrypts into b what has come in. It returns errDry when there is no
// more, or nil if b is full.
func (s *secure) unseal(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = s.tls.Read(b[n:])
		n += m
	}
	return n, err
}

// seal encrypts b to be written.
func (s *secure) seal(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_, err := s.tls.Write(b)
	return err
}

// readSealed is readable for a connection with TLS. All of what it reads goes
// through crypto/tls before it returns, so that nothing is left where polling
// does not see it.
func (c *conn) readSealed() error {
	l := c.loop
	m, err := poll.ReadFrom(c.fd, l.sealed)
	if errors.Is(err, poll.ErrAgain) {
		return nil
	}
	if err != nil {
		return sealedError(err)
	}
	c.secure.in = l.sealed[:m]
	for err == nil {
		n := copy(l.buf, c.tail)
		var got int
		got, err = c.secure.unseal(l.buf[n:])
		if got > 0 {
			if err := c.take(l.buf[:n+got]); err != nil {
				return err
			}
		}
	}
	if !errors.Is(err, errDry) {
		return sealedError(err)
	}
	if len(c.out) == 0 && c.secure.written() { // crypto/tls may have something to say too
		return nil
	}
	return c.flush()
}

// flushSealed is flush for a connection with TLS. Everything that waits is
// encrypted at once; what waits for room from then on is ciphertext.
func (c *conn) flushSealed() error {
	s := c.secure
	if err := errors.Join(s.seal(c.block), s.seal(c.out)); err != nil {
		return sealedError(err)
	}
	c.block, c.out = nil, c.out[:0]
	for !s.written() {
		n, err := poll.WriteTo(c.fd, s.out[s.sent:])
		if err != nil {
			return c.writeFailed(err)
		}
		s.sent += n
	}
	s.out, s.sent = s.out[:0], 0
	return c.roomAgain()
}

// sealedError says what an error of crypto/tls or of its socket means.
func sealedError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errClosed
	}
	return err
}

// channel is a socket as crypto/tls sees it.
type channel struct {
	live patient // the socket during the handshake; -1 when memory takes its place
	in   []byte  // received and not yet taken; aliases the loop's buffer
	out  []byte  // to be written
	sent int     // bytes of out that are written
}

// written reports whether no ciphertext waits.
func (c *channel) written() bool { return c.sent == len(c.out) }

// Read implements net.Conn. With nothing to read it returns errDry.
func (c *channel) Read(b []byte) (int, error) {
	if len(c.in) == 0 {
		if c.live >= 0 {
			return c.live.Read(b)
		}
		return 0, errDry
	}
	n := copy(b, c.in)
	c.in = c.in[n:]
	return n, nil
}

// Write implements net.Conn. It takes everything.
func (c *channel) Write(b []byte) (int, error) {
	if c.live >= 0 {
		return c.live.Write(b)
	}
	c.out = append(c.out, b...)
	return len(b), nil
}

// The rest of net.Conn, which crypto/tls does not need here.

func (*channel) Close() error                     { return nil }
func (*channel) LocalAddr() net.Addr              { return nil }
func (*channel) RemoteAddr() net.Addr             { return nil }
func (*channel) SetDeadline(time.Time) error      { return nil }
func (*channel) SetReadDeadline(time.Time) error  { return nil }
func (*channel) SetWriteDeadline(time.Time) error { return nil }

// errDry says that what has come in so far is read. crypto/tls remembers
// errors for good, except those that are a temporary net.Error.
var errDry net.Error = dry{}

type dry struct{}

func (dry) Error() string   { return "no more ciphertext" }
func (dry) Timeout() bool   { return true }
func (dry) Temporary() bool { return true }
