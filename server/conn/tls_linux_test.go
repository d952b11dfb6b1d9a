package conn_test

import (
	"crypto/tls"
	"net"
	"testing"

	"moonwire/server/conn"
)

// halting writes the first part of each piece, and the rest when it is told to.
type halting struct {
	net.Conn
	on chan struct{} // nil: it does not halt
}

func (h *halting) Write(b []byte) (int, error) {
	if h.on == nil {
		return h.Conn.Write(b)
	}
	n, err := h.Conn.Write(b[:len(b)/2])
	if err != nil {
		return n, err
	}
	<-h.on
	m, err := h.Conn.Write(b[n:])
	return n + m, err
}

// TestTLSSleep: a silent connection sleeps over TLS as well, even within a record,
// and is as it was when it wakes.
func TestTLSSleep(t *testing.T) {
	eachVersion(t, func(t *testing.T, v uint16) {
		h := drowsy(t, nil).secure(v)
		near, far := sockets(t)
		halt := &halting{Conn: near}
		p := h.serve(t, tls.Client(halt, &tls.Config{InsecureSkipVerify: true}), far)
		defer p.close()
		p.send(hello + "SUB a 1\r\nPING\r\n")
		p.expect("PONG")
		halt.on = make(chan struct{})
		for range 3 {
			h.awaitAsleep(t, 1)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				p.send("PUB a 5\r\nhello\r\nPIN")
			}()
			h.awaitAsleep(t, 1)
			halt.on <- struct{}{}
			<-sent
			p.expect("MSG a 1 5", "hello")
			h.awaitAsleep(t, 1)
			go p.send("G\r\n")
			halt.on <- struct{}{}
			p.expect("PONG")
		}
		h.awaitAsleep(t, 1)
		p.c.Close(conn.ServerShutdown)
		if r := p.reason(); r != conn.ServerShutdown {
			t.Errorf("ended for %q", r)
		}
		close(halt.on)
	})
}
