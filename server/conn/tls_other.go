//go:build !unix

package conn

import (
	"crypto/tls"
	"net"
)

// newEdge returns nc: there are no reads and writes that do not wait.
func newEdge(nc net.Conn) net.Conn { return nc }

// below returns the socket below TLS, or nc itself.
func below(nc net.Conn) net.Conn {
	if t, ok := nc.(*tls.Conn); ok {
		return t.NetConn()
	}
	return nc
}
