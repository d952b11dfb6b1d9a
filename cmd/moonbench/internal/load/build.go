//go:build linux

package load

import (
	"context"
	"fmt"

	"moonwire/cmd/moonbench/internal/poll"
	"moonwire/cmd/moonbench/internal/scenario"
	"moonwire/cmd/moonbench/internal/sequence"
)

// blockBytes is about how much a publisher writes at once.
const blockBytes = 64 << 10

// minChunks is into how many chunks a window is cut at least, so that a
// publisher goes on while the rest of its window is under way.
const minChunks = 4

// builder puts the roles of a scenario together.
type builder struct {
	*Session
	ctx   context.Context
	sc    *scenario.Scenario
	dealt int // connections dealt out to the loops
}

func (b *builder) build() error {
	if err := b.look(); err != nil {
		return err
	}
	switch b.sc.Kind {
	case scenario.Publish, scenario.Request:
		return b.buildTraffic()
	case scenario.Idle:
		return b.buildIdle()
	case scenario.Connect:
		return b.buildConnectors()
	}
	return fmt.Errorf("scenario %q: kind %d is not known", b.sc.Name, b.sc.Kind)
}

// look sees what kind of server is there.
func (b *builder) look() error {
	g, err := greet(b.addr, nil, b.tls)
	if err != nil {
		return err
	}
	poll.Close(g.fd)
	b.info = g.info
	traffic := b.sc.Kind == scenario.Publish || b.sc.Kind == scenario.Request
	if traffic && b.info.RawForward && !b.sc.Forwardable() {
		return fmt.Errorf("%w: the copying forwarder takes only plain publishing of one publisher to each subscriber", ErrUnable)
	}
	return nil
}

// buildIdle makes connections that do nothing, with subscriptions dealt out to
// them.
func (b *builder) buildIdle() error {
	for i := range b.sc.Connections {
		subs := background(i, b.sc.Connections, b.sc.Subscriptions, 1)
		if _, err := b.connect(fmt.Sprintf("idle connection %d", i), subs); err != nil {
			return err
		}
	}
	return nil
}

// buildConnectors deals out the places for connections that come and go.
func (b *builder) buildConnectors() error {
	for i, l := range b.loops {
		n := b.sc.Connections / len(b.loops)
		if i < b.sc.Connections%len(b.loops) {
			n++
		}
		k := newConnector(l, b.addr, n)
		l.workers = append(l.workers, k)
		b.counts = append(b.counts, &k.started)
	}
	return nil
}

// connect makes a connection, subscribes, and gives it to a loop in turn.
func (b *builder) connect(name string, subs []byte) (*conn, error) {
	if err := b.ctx.Err(); err != nil {
		return nil, err
	}
	g, err := greet(b.addr, subs, b.tls)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := &conn{name: name, fd: g.fd, tail: g.rest, raw: g.info.RawForward, secure: g.secure, handler: silent{}}
	l := b.loops[b.dealt%len(b.loops)]
	b.dealt++
	if err := l.add(c); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (b *builder) buildTraffic() error {
	streams := make([]*stream, b.sc.Publishers)
	for i := range streams {
		streams[i] = b.newStream(i)
	}
	if err := b.buildReceivers(streams); err != nil {
		return err
	}
	if b.sc.Stuck+b.sc.Slow > 0 {
		g, err := newStuckGroup(b.addr, b.subscriptions(0), b.sc)
		if err != nil {
			return err
		}
		b.stuck = g
	}
	for i := range b.sc.Bystanders {
		if _, err := b.connect(fmt.Sprintf("bystander %d", i), nil); err != nil {
			return err
		}
	}
	if b.sc.Churn > 0 {
		c, err := b.connect("churner", nil)
		if err != nil {
			return err
		}
		k := newChurner(b.sc)
		k.conn, c.handler = c, k
		c.loop.workers = append(c.loop.workers, k)
	}
	for i, st := range streams {
		if err := b.addPublisher(i, st); err != nil {
			return err
		}
	}
	return nil
}

// newStream cuts a publisher's window into chunks.
func (b *builder) newStream(i int) *stream {
	st := &stream{id: uint32(i), need: 1, chunk: 1}
	ring := b.sc.InFlight
	if b.sc.Kind == scenario.Publish {
		window := b.sc.Window
		if window == 0 {
			window = scenario.DefaultWindow
		}
		size := messageSize(b.sc)
		share := 1
		if b.sc.Fan == scenario.Partition {
			share = b.sc.Subscribers // a chunk gives each subscriber the same number
		}
		chunk := max(1, min(blockBytes, window/minChunks)/size)
		chunk = (chunk + share - 1) / share * share
		st.chunk = uint64(chunk)
		ring = max(minChunks, window/(chunk*size))
		switch b.sc.Fan {
		case scenario.Broadcast, scenario.Partition:
			st.need = int32(b.sc.Subscribers)
		case scenario.Queue:
			st.need = int32(chunk)
		}
	}
	st.done = makeCounters(ring)
	if b.sc.Rate > 0 {
		st.pace(b.sc.Rate, i, b.sc.Publishers, b.sc.Unbatched)
	}
	return st
}

func (b *builder) addPublisher(i int, st *stream) error {
	var subs []byte
	inbox := ""
	if b.sc.Kind == scenario.Request {
		inbox = inboxOf(i)
		subs = fmt.Appendf(nil, "SUB %s* 1\r\n", inbox)
	}
	c, err := b.connect(fmt.Sprintf("publisher %d", i), subs)
	if err != nil {
		return err
	}
	st.owner = c.loop
	count := int(st.chunk)
	if b.sc.Kind == scenario.Request {
		count = b.sc.InFlight
	}
	p := &publisher{
		conn: c, stream: st, unbatched: b.sc.Unbatched, pongEach: b.sc.Fan == scenario.Nobody,
		block: newBlock(blockSpec{
			publisher: uint32(i), base: baseSubject(b.sc, i), subjects: b.sc.Subjects, inbox: inbox,
			header: b.sc.Header, payload: b.sc.Payload, count: count, ping: b.sc.Fan == scenario.Nobody,
		}),
	}
	c.handler = p
	if b.sc.Kind == scenario.Request {
		r := &requester{
			receiver: b.receiver(), id: uint32(i), stream: st,
			in: sequence.NewOrdered(0, 1), sentAt: make([]int64, b.sc.InFlight),
		}
		p.onSend, c.handler = r.sent, r
		b.probeLater(c)
		b.check(fmt.Sprintf("requester %d", i), func() sequence.Report { return r.in.Report(st.published.Load()) })
	}
	c.loop.workers = append(c.loop.workers, p)
	b.counts = append(b.counts, &st.published)
	return nil
}

func (b *builder) receiver() receiver {
	return receiver{shared: b.shared, size: b.sc.Payload, filler: filler(b.sc.Payload - stampBytes)}
}

func (b *builder) probeLater(c *conn) {
	c.loop.probed = append(c.loop.probed, c)
	b.receivers++
}

func (b *builder) check(what string, report func() sequence.Report) {
	b.checks = append(b.checks, check{what: what, report: report})
}

// buildReceivers makes the connections that messages are delivered to.
func (b *builder) buildReceivers(streams []*stream) error {
	var groups []*sequence.Unique
	if b.sc.Fan == scenario.Queue {
		for i, st := range streams {
			u := sequence.NewUnique(int(st.chunk) * len(st.done))
			groups = append(groups, u)
			b.check(fmt.Sprintf("queue group, publisher %d", i), func() sequence.Report { return u.Report(st.published.Load()) })
		}
	}
	for i := range b.sc.Subscribers {
		subs := b.subscriptions(i)
		subs = append(subs, background(i, b.sc.Subscribers, b.sc.Background, b.sc.Publishers*max(1, b.sc.Subjects)+1)...)
		name := fmt.Sprintf("subscriber %d", i)
		c, err := b.connect(name, subs)
		if err != nil {
			return err
		}
		b.probeLater(c)
		switch {
		case b.sc.Kind == scenario.Request:
			b.addResponder(c, streams)
		case b.sc.Fan == scenario.Queue:
			b.addMember(c, name, streams, groups)
		default:
			b.addSubscriber(c, name, i, streams)
		}
	}
	return nil
}

// subscriptions is the SUB lines of subscriber i.
func (b *builder) subscriptions(i int) []byte {
	switch {
	case b.sc.Kind == scenario.Request:
		return fmt.Appendf(nil, "SUB %s workers 1\r\n", baseSubject(b.sc, 0))
	case b.sc.Fan == scenario.Queue:
		return fmt.Appendf(nil, "SUB %s workers 1\r\n", baseSubject(b.sc, 0))
	case b.sc.Fan == scenario.Pairs:
		return b.subscribe(nil, baseSubject(b.sc, i), 1, 0, 1)
	case b.sc.Fan == scenario.Partition:
		var lines []byte
		for p := range b.sc.Publishers {
			lines = b.subscribe(lines, baseSubject(b.sc, p), p*b.sc.Subjects+1, i, b.sc.Subscribers)
		}
		return lines
	}
	return b.subscribe(nil, baseSubject(b.sc, 0), 1, 0, 1)
}

// subscribe appends a SUB for every step-th subject below base from first on.
func (b *builder) subscribe(lines []byte, base string, firstSid, first, step int) []byte {
	for n := first; n < max(1, b.sc.Subjects); n += step {
		lines = fmt.Appendf(lines, "SUB %s %d\r\n", subject(base, n, b.sc.Subjects), firstSid+n)
	}
	return lines
}

func (b *builder) addSubscriber(c *conn, name string, i int, streams []*stream) {
	s := &subscriber{receiver: b.receiver(), in: make([]inflow, len(streams))}
	first, stride := uint64(0), uint64(1)
	if b.sc.Fan == scenario.Partition {
		first, stride = uint64(i), uint64(b.sc.Subscribers)
	}
	for p, st := range streams {
		if b.sc.Fan == scenario.Pairs && p != i {
			continue
		}
		in := &s.in[p]
		*in = inflow{order: sequence.NewOrdered(first, stride), stream: st, boundary: st.chunk}
		b.check(fmt.Sprintf("%s, publisher %d", name, p), func() sequence.Report {
			return in.order.Report(st.published.Load())
		})
	}
	c.handler = s
}

func (b *builder) addMember(c *conn, name string, streams []*stream, groups []*sequence.Unique) {
	m := &member{receiver: b.receiver(), streams: streams, in: make([]sequence.Member, len(streams))}
	for p := range streams {
		m.in[p] = groups[p].Member()
		in := &m.in[p]
		b.check(fmt.Sprintf("%s, publisher %d", name, p), in.Report)
	}
	c.handler = m
}

func (b *builder) addResponder(c *conn, streams []*stream) {
	r := &responder{receiver: b.receiver(), in: make([]sequence.Ordered, len(streams))}
	for p, st := range streams {
		r.in[p] = sequence.NewOrdered(0, 1)
		b.check(fmt.Sprintf("responder, requester %d", p), func() sequence.Report {
			return r.in[p].Report(st.published.Load())
		})
	}
	c.handler = r
}
