//go:build !unix

package conn

import "net"

// newSource reads plainly: this system has no raw reads that fit.
func newSource(c *Client, _ net.Conn) (source, writer) { return &plainSource{c: c}, nil }
