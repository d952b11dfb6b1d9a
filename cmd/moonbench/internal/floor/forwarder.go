//go:build linux

package floor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"moonwire/cmd/moonbench/internal/poll"
)

const (
	bufferBytes = 256 << 10
	maxLine     = 4 << 10
)

const listenToken = 0

// Forwarder copies publishers' bytes to subscribers. It belongs to the
// goroutine that calls Serve.
type Forwarder struct {
	addr     netip.AddrPort // immutable
	listener int            // descriptor; immutable
	poller   *poll.Poller
	buf      []byte
	peers    []*peer // by token; 0 is the listener; nil is free
	topics   map[string][]*peer
}

// peer is one connection.
type peer struct {
	fd       int
	token    int32
	tail     []byte        // an incomplete line
	backlog  []byte        // what the socket did not take
	targets  []*peer       // publisher only: where its bytes go
	source   *peer         // subscriber only: the publisher that feeds it
	forwards bool          // is a publisher: nothing is parsed any more
	topics   []string      // subscriptions
	watched  poll.Interest // what the poller was told last
	gone     bool
}

// Listen opens the port. Port 0 picks a free one.
func Listen(addr netip.AddrPort) (*Forwarder, error) {
	fd, bound, err := poll.Listen(addr)
	if err != nil {
		return nil, err
	}
	p, err := poll.New()
	if err == nil {
		err = p.Add(fd, listenToken, poll.Read)
	}
	if err != nil {
		poll.Close(fd)
		return nil, err
	}
	return &Forwarder{
		addr: bound, listener: fd, poller: p, buf: make([]byte, bufferBytes),
		peers: []*peer{nil}, topics: make(map[string][]*peer),
	}, nil
}

// Addr is where the forwarder listens.
func (f *Forwarder) Addr() netip.AddrPort { return f.addr }

// Serve forwards until ctx ends, which is no error. It closes the port and all
// connections when it returns.
func (f *Forwarder) Serve(ctx context.Context) error {
	defer f.close()
	stop := context.AfterFunc(ctx, f.poller.Wake)
	defer stop()
	for ctx.Err() == nil {
		events, err := f.poller.Wait(true)
		if err != nil {
			return err
		}
		for i := range events {
			f.handle(&events[i])
		}
	}
	return nil
}

func (f *Forwarder) close() {
	for _, p := range f.peers {
		if p != nil {
			poll.Close(p.fd)
		}
	}
	poll.Close(f.listener)
	f.poller.Close()
}

func (f *Forwarder) handle(ev *poll.Event) {
	if ev.Token == listenToken {
		f.accept()
		return
	}
	p := f.peers[ev.Token]
	if p == nil {
		return // dropped by an earlier event of the same Wait
	}
	if ev.Writable {
		f.resume(p)
	}
	if ev.Readable && !p.gone {
		if err := f.read(p); err != nil {
			f.drop(p)
		}
	}
}

func (f *Forwarder) accept() {
	fd, err := poll.Accept(f.listener)
	if err != nil {
		return // nobody is there, or it has left already
	}
	p := &peer{fd: fd, watched: poll.Read}
	token := slices.Index(f.peers[1:], nil) + 1
	if token == 0 {
		token = len(f.peers)
		f.peers = append(f.peers, nil)
	}
	p.token = int32(token)
	f.peers[token] = p
	info := fmt.Appendf(nil, `INFO {"server_id":"floor","server_name":"floor","version":"2.15.0","proto":1,"host":%q,"port":%d,`+
		`"headers":true,"max_payload":1048576,"client_id":%d,"moonbench_raw":true} `+"\r\n",
		f.addr.Addr(), f.addr.Port(), p.token)
	if err := f.poller.Add(fd, p.token, poll.Read); err != nil || f.write(p, info) != nil {
		f.drop(p)
	}
}

// read takes one buffer from a connection.
func (f *Forwarder) read(p *peer) error {
	if p.forwards {
		n, err := poll.ReadFrom(p.fd, f.buf)
		if err != nil {
			return ignoreAgain(err)
		}
		return f.forward(p, f.buf[:n])
	}
	n := copy(f.buf, p.tail)
	m, err := poll.ReadFrom(p.fd, f.buf[n:])
	if err != nil {
		return ignoreAgain(err)
	}
	return f.lines(p, f.buf[:n+m])
}

func ignoreAgain(err error) error {
	if errors.Is(err, poll.ErrAgain) {
		return nil
	}
	return err
}

// lines handles control lines, until the first publish.
func (f *Forwarder) lines(p *peer, b []byte) error {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break
		}
		fields := bytes.Fields(b[:i])
		verb := ""
		if len(fields) > 0 {
			verb = string(fields[0])
		}
		switch {
		case verb == "CONNECT", verb == "PONG":
		case verb == "PING":
			if err := f.write(p, []byte("PONG\r\n")); err != nil {
				return err
			}
		case verb == "SUB" && len(fields) == 3:
			topic := string(fields[1])
			f.topics[topic] = append(f.topics[topic], p)
			p.topics = append(p.topics, topic)
		case (verb == "PUB" || verb == "HPUB") && len(fields) >= 3:
			if err := f.becomePublisher(p, string(fields[1])); err != nil {
				return err
			}
			p.tail = nil
			return f.forward(p, b)
		default:
			return f.refuse(p, fmt.Sprintf("The Forwarder Does Not Know %q", verb))
		}
		b = b[i+1:]
	}
	if len(b) > maxLine {
		return f.refuse(p, "Maximum Control Line Exceeded")
	}
	p.tail = append(p.tail[:0], b...)
	return nil
}

func (f *Forwarder) becomePublisher(p *peer, topic string) error {
	p.forwards = true
	p.targets = slices.Clone(f.topics[topic])
	for _, t := range p.targets {
		if t.source != nil && t.source != p {
			return f.refuse(p, "The Forwarder Needs One Publisher For Each Subscriber")
		}
		t.source = p
	}
	return nil
}

// refuse tells a client why it is cut.
func (f *Forwarder) refuse(p *peer, why string) error {
	_ = f.write(p, []byte("-ERR '"+why+"'\r\n")) // it is cut either way
	return errors.New(why)
}

// forward copies b to all of a publisher's subscribers.
func (f *Forwarder) forward(p *peer, b []byte) error {
	for _, t := range p.targets {
		if t.gone {
			continue
		}
		if err := f.write(t, b); err != nil {
			f.drop(t)
		}
	}
	return f.watch(p)
}

// watch waits for what a connection can do: write if it has a backlog, read
// unless it is a publisher whose bytes one of its subscribers does not take.
func (f *Forwarder) watch(p *peer) error {
	in := poll.Read
	if slices.ContainsFunc(p.targets, func(t *peer) bool { return !t.gone && len(t.backlog) > 0 }) {
		in = poll.Nothing
	}
	if len(p.backlog) > 0 {
		in |= poll.Write
	}
	if in == p.watched {
		return nil
	}
	p.watched = in
	return f.poller.Modify(p.fd, p.token, in)
}

// write sends b, or keeps what the socket does not take.
func (f *Forwarder) write(p *peer, b []byte) error {
	if len(p.backlog) > 0 {
		p.backlog = append(p.backlog, b...)
		return nil
	}
	for len(b) > 0 {
		n, err := poll.WriteTo(p.fd, b)
		if errors.Is(err, poll.ErrAgain) {
			p.backlog = append(p.backlog, b...)
			return f.watch(p)
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// resume writes a backlog, and lets the publisher go on when it was the last.
func (f *Forwarder) resume(p *peer) {
	backlog := p.backlog
	p.backlog = nil
	err := f.write(p, backlog)
	if err == nil {
		err = f.watch(p)
	}
	if err != nil {
		f.drop(p)
		return
	}
	f.release(p.source)
}

// release lets a publisher go on if nothing holds it back any more.
func (f *Forwarder) release(p *peer) {
	if p == nil || p.gone {
		return
	}
	if err := f.watch(p); err != nil {
		f.drop(p)
	}
}

// drop forgets a connection.
func (f *Forwarder) drop(p *peer) {
	if p.gone {
		return
	}
	p.gone = true
	poll.Close(p.fd)
	f.peers[p.token] = nil
	for _, topic := range p.topics {
		f.topics[topic] = slices.DeleteFunc(f.topics[topic], func(q *peer) bool { return q == p })
	}
	for _, t := range p.targets {
		t.source = nil
	}
	f.release(p.source)
}
