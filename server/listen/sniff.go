package listen

import "net"

// peek waits for the first byte of nc, up to the read deadline, and returns it
// with a connection that still has it to read: nc itself if it is a socket.
func peek(nc net.Conn) (net.Conn, byte, error) {
	if first, ok, err := peekSocket(nc); ok {
		return nc, first, err
	}
	p := &peeked{Conn: nc}
	n, err := nc.Read(p.first[:])
	for n == 0 && err == nil { // an empty write to a pipe
		n, err = nc.Read(p.first[:])
	}
	if n == 0 {
		return nc, 0, err
	}
	return p, p.first[0], nil
}

// peeked is a connection with one byte put back.
type peeked struct {
	net.Conn
	first [1]byte // read loop only
	given bool    // read loop only
}

func (p *peeked) Read(b []byte) (int, error) {
	if p.given || len(b) == 0 {
		return p.Conn.Read(b)
	}
	p.given = true
	return copy(b, p.first[:]), nil
}
