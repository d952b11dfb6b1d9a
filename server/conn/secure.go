package conn

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"moonwire/server/wire"
)

// secure runs one step of the beginning of TLS, and reports whether the
// connection goes on.
func (c *Client) secure(step func(net.Conn) (net.Conn, error)) bool {
	if idle := c.quiet(); idle != nil {
		<-idle // the INFO is on its way
	}
	c.mu.Lock()
	if c.mu.closed {
		c.mu.Unlock()
		return false
	}
	c.mu.securing = true
	c.mu.Unlock()

	socket := newEdge(c.nc)
	after, err := step(socket)

	c.mu.Lock()
	c.mu.securing = false
	closed := c.mu.closed
	if err == nil && !closed && after != socket { // a closed socket is not to be written to
		c.nc = after
		c.src, c.out = newSource(c, after)
		if t, ok := after.(*tls.Conn); ok {
			state := t.ConnectionState()
			c.presented.TLS = &state
		}
	}
	c.mu.Unlock()
	if err != nil && !closed {
		c.env.Failures.Error(fmt.Sprintf("%s - TLS handshake error: %v", c, err))
		c.failSecure(err)
	}
	return err == nil && !closed
}

// failSecure ends a connection whose handshake failed. It is told why if the
// error knows what it can be told in clear.
func (c *Client) failSecure(err error) {
	var told *wire.Error
	if errors.As(err, &told) {
		c.Fail(told)
		return
	}
	c.Close(TLSHandshake)
}
