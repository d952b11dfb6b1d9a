//go:build linux

package load

import (
	"errors"
	"net/netip"
	"sync/atomic"

	"moonwire/cmd/moonbench/internal/poll"
)

// connectOnce is what a connection says that comes and goes. Protocol 0: the
// server sends nothing behind the PONG, so that nothing is left unread when
// the connection is closed, which would turn the end into a reset.
const connectOnce = `CONNECT {"verbose":false,"pedantic":false,"lang":"moonbench","version":"1","protocol":0}` + crlf + pingLine

// connector opens connections, waits for INFO, sends CONNECT and PING, waits
// for the PONG and closes, in as many slots as it has. Each round trip is one
// unit.
type connector struct {
	loop    *loop
	addr    netip.AddrPort
	sources []netip.Addr // taken in turn; a zero Addr leaves it to the kernel
	slots   []*slot
	started atomic.Uint64
}

// slot is one place for a connection; it is the handler of the one that has it.
type slot struct {
	conn *conn
	open bool
}

// sourcesFor returns addresses to connect from. The side that closes first,
// which is this one, keeps the pair of addresses for a minute (TIME_WAIT); on
// the loopback network there are other addresses to go on with.
//
// A pair includes the server's port, and each server under test that moonbench
// starts has one of its own: the first of two servers takes no pair away from
// the second. 200 sources with 28,000 ports each are enough for 90,000
// connections a second, for as long as one likes. What all servers share is
// the kernel's table (tcp_max_tw_buckets): when it is full, a pair is free at
// once, which saves the kernel some work, part of it in the server's name.
// Taking turns evens that out.
func sourcesFor(addr netip.AddrPort) []netip.Addr {
	if !addr.Addr().Is4() || !addr.Addr().IsLoopback() {
		return []netip.Addr{{}}
	}
	const n = 200
	out := make([]netip.Addr, n)
	for i := range out {
		out[i] = netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)})
	}
	return out
}

func newConnector(l *loop, addr netip.AddrPort, slots int) *connector {
	k := &connector{loop: l, addr: addr, sources: sourcesFor(addr)}
	for range slots {
		s := &slot{}
		s.conn = &conn{name: "connector", handler: s, loop: l, token: int32(len(l.conns)), closed: true}
		l.conns = append(l.conns, s.conn)
		k.slots = append(k.slots, s)
	}
	return k
}

// step implements worker: it fills the free slots.
func (k *connector) step(_ int64, ph phase) (bool, int64, error) {
	if ph >= draining {
		return false, never, nil
	}
	for _, s := range k.slots {
		if s.open {
			continue
		}
		n := k.started.Add(1)
		fd, err := poll.StartDial(k.addr, k.sources[n%uint64(len(k.sources))])
		if err != nil {
			return false, never, named(s.conn, err)
		}
		c := s.conn
		c.fd, c.closed, c.waitsForRoom, s.open = fd, false, false, true
		c.tail, c.out, c.sent = c.tail[:0], c.out[:0], 0
		if err := k.loop.poller.Add(fd, c.token, poll.Read); err != nil {
			return false, never, named(c, err)
		}
	}
	return false, never, nil
}

// info implements handler.
func (s *slot) info(c *conn) error {
	c.out = append(c.out, connectOnce...)
	return nil
}

// pong implements handler: the round is over.
func (s *slot) pong(c *conn) error {
	c.close()
	s.open = false
	c.loop.units++
	return nil
}

// message implements handler.
func (s *slot) message(*conn, *delivery) error {
	return errors.New("got a message without a subscription")
}
