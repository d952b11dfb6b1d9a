package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"moonwire/server/delivery"
	"moonwire/server/reuse"
	"moonwire/server/wire"
)

// readBuffer is the size of a pooled read buffer. Measured: 256 KiB cost a tenth
// to a quarter less than 64 KiB for a message, as there are fewer system calls.
const readBuffer = 256 << 10

var buffers reuse.List[[]byte]

func getBuffer() *[]byte {
	if b := buffers.Get(); b != nil {
		return b
	}
	b := make([]byte, readBuffer)
	return &b
}

func putBuffer(b *[]byte) { buffers.Put(b) }

// source brings input into Client.in.
type source interface {
	// fill waits for input and appends it to the client's buffer. Before it
	// waits it calls idle, where the way of reading allows that.
	fill() error
	// descriptor is what the system knows the socket by, or -1 where there is
	// none that could be watched.
	descriptor() int
	// drop gives back what fill has read and not appended yet.
	drop()
}

// writer writes what a socket takes without waiting. It may keep some of that,
// if it is an io.Writer as well: what is written in this way waits for the
// socket, and for what was kept before.
type writer interface {
	// try writes b and returns how much of it was taken; less than all means
	// that the socket is full.
	try(b []byte) (int, error)
	// behind reports whether some of what was taken still waits for the socket.
	behind() bool
}

// input is what was read and not yet consumed.
type input struct {
	buf    *[]byte // nil while idle
	n      int     // bytes in it
	pooled bool    // it goes back to the pool; otherwise it is for one large message
	rest   []byte  // what was not consumed, while idle
}

// room returns where to read to, taking a buffer if there is none.
func (i *input) room() []byte {
	if i.buf == nil {
		i.buf, i.pooled = getBuffer(), true
		i.n = copy(*i.buf, i.rest)
		i.rest = nil
	}
	return (*i.buf)[i.n:]
}

// park gives the buffer back. A buffer for a large message stays: it is what
// the message needs.
func (i *input) park() {
	if i.buf == nil || !i.pooled {
		return
	}
	if i.n > 0 {
		i.rest = append([]byte(nil), (*i.buf)[:i.n]...)
	}
	putBuffer(i.buf)
	i.buf, i.n = nil, 0
}

// resume takes a buffer for what was not consumed, and reports whether there is
// anything.
func (i *input) resume() bool {
	if i.buf == nil && len(i.rest) == 0 {
		return false
	}
	i.room()
	return i.n > 0
}

// drop gives the buffer back, with what is in it.
func (i *input) drop() {
	if i.buf != nil && i.pooled {
		putBuffer(i.buf)
	}
	*i = input{}
}

// leastOwn is the smallest buffer for a large message.
const leastOwn = 64 << 10

// consumed drops the first k bytes, and makes room for an operation of need
// bytes in all (0: not known) when what is left is the beginning of one. One
// that is larger than a pooled buffer gets a buffer of its own, which grows with
// what has arrived, so that an announced size alone costs little.
func (i *input) consumed(k, need int) {
	b := *i.buf
	left := b[k:i.n]
	large := need > readBuffer || len(left) >= readBuffer // a control line has no size
	size := max(2*len(left), leastOwn)
	if need > readBuffer {
		size = min(size, need)
	}
	switch {
	case large && (i.pooled || size > len(b)):
		own := make([]byte, size)
		i.n = copy(own, left)
		if i.pooled {
			putBuffer(i.buf)
		}
		i.buf, i.pooled = &own, false
	case !large && !i.pooled:
		pooled := getBuffer()
		i.n = copy(*pooled, left)
		i.buf, i.pooled = pooled, true
	default:
		i.n = copy(b, left)
	}
}

// process runs what was read.
func (c *Client) process() {
	if c.worker == nil {
		c.work()
	} else {
		c.equip() // who never pauses is told of changes too
	}
	for more := true; more; more = c.saying != nil && c.await() {
		used := c.run((*c.in.buf)[:c.in.n])
		c.settle()
		c.parser.Reset()
		c.ignoring = c.parser.Ignoring
		c.in.consumed(used, c.parser.Need)
	}
	if c.reads++; c.reads >= maxReads || c.ctx.Slow() != nil {
		c.heard()
		c.flush()
	}
}

// await runs the CONNECT at which the last run ended, and reports whether there is
// input behind it. Its sender may have to wait, and many may at one time: nothing is
// held meanwhile that others could use.
func (c *Client) await() bool {
	said := c.saying
	c.saying = nil
	c.release()
	c.in.park()
	if err := c.introduce(said); err != nil {
		c.fault(err, []byte("CONNECT"))
	}
	return !c.Gone.Load() && c.in.resume()
}

// maxReads is after how many reads staged output goes out even though the
// socket is not drained. When a receiver is slow it is one: the publisher waits
// after each.
const maxReads = 16

// idle is called when the socket is drained: it lets go what is staged and
// gives back what a waiting connection does not need.
func (c *Client) idle() {
	c.heard()
	c.release()
	c.in.park()
}

// heard notes a sign of life. It comes before flush, which forgets what came.
func (c *Client) heard() {
	now := time.Now().UnixNano()
	c.lastActive.Store(now)
	if c.busy || c.inMsgs > 0 {
		c.lastData.Store(now)
		c.busy = false
	}
}

// worker is what a connection needs while it has input, and not while it
// waits.
type worker struct {
	parser wire.Parser
	ctx    *delivery.Context
	asking *asking // nil until hooks are asked
}

// work takes a worker for this connection.
func (c *Client) work() {
	w := c.env.workers.Get()
	if w == nil {
		w = new(worker)
	}
	w.parser.MaxControlLine = c.limits.MaxControlLine
	w.parser.Headers = c.headers
	w.parser.Ignoring = c.ignoring
	w.ctx = c.env.Contexts.Get(&c.Target, c.index())
	c.worker = w
	c.equip()
}

// equip gives the worker what others may have changed since the last batch.
func (c *Client) equip() {
	c.slow &^= slowOthers
	if c.env.Tracing.Load() {
		c.slow |= slowTrace
	}
	if c.may = c.rights.Load(); c.may.set.LimitsPublish() {
		c.slow |= slowRights
	}
	if a := c.account.Load(); a != nil {
		if a.Mappings.Load() != nil {
			c.slow |= slowMapped
		}
		if t := a.Hooks.Load(); t != nil {
			c.hook(t)
		}
	}
	if c.worker != nil {
		c.parser.MaxPayload = c.may.maxPayload
	}
}

// release flushes the delivery and gives the worker back.
func (c *Client) release() {
	if c.worker == nil {
		return
	}
	c.flush()
	c.env.Contexts.Put(c.ctx)
	c.worker.ctx = nil
	c.env.workers.Put(c.worker)
	c.worker = nil
}

// flush submits what is staged, adds up the batch's statistics, and waits a
// little when most receivers have fallen far behind.
func (c *Client) flush() {
	ctx, came := c.ctx, c.inBytes
	ctx.FlushOthers()
	c.count() // whoever got the PONG finds its messages counted
	ctx.FlushOwn()
	c.count()
	c.reads = 0
	if slow := ctx.Slow(); slow != nil && !c.limits.NoStall {
		stall(slow, came)
	}
	ctx.Renew()
}

// count adds up the statistics since the last call.
func (c *Client) count() {
	ctx := c.ctx
	if a := c.account.Load(); a != nil && c.inMsgs+ctx.Msgs > 0 {
		c.msgs.Add(int64(c.inMsgs))
		c.bytes.Add(int64(c.inBytes))
		a.Traffic.In(c.inMsgs, c.inBytes)
		a.Traffic.Out(ctx.Msgs, ctx.Bytes)
		c.env.Traffic.In(c.inMsgs, c.inBytes)
		c.env.Traffic.Out(ctx.Msgs, ctx.Bytes)
	}
	c.inMsgs, c.inBytes, ctx.Msgs, ctx.Bytes = 0, 0, 0, 0
}

// maxStall is how long a publisher waits for slow receivers after stallBytes of
// payload, or less than that in one batch.
const (
	maxStall   = 10 * time.Millisecond
	stallBytes = 64 << 10
)

func stall(slow <-chan struct{}, came int) {
	t := time.NewTimer(maxStall * time.Duration(max(1, min(came, readBuffer)/stallBytes)))
	defer t.Stop()
	select {
	case <-slow:
	case <-t.C:
	}
}

// readReason says why reading ended.
func readReason(err error) Reason {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.ErrClosedPipe) {
		return ClientClosed
	}
	return ReadError
}

// plainSource reads with ordinary reads: WebSockets, pipes, and sockets of
// systems without raw reads. It cannot know when a socket is drained, so each
// read is a batch. It waits with a small buffer; when that was filled, more is
// likely to follow.
type plainSource struct {
	c     *Client
	small []byte
	full  bool
}

// smallBuffer is the size of the buffer that such a connection always holds.
const smallBuffer = 2 << 10

func (*plainSource) descriptor() int { return -1 }

func (*plainSource) drop() {}

func (s *plainSource) fill() error {
	s.c.idle()
	if s.small == nil {
		s.small = make([]byte, smallBuffer)
	}
	in := &s.c.in
	var n int
	var err error
	if s.full || in.buf != nil { // which a large message has while it waits, too
		n, err = s.c.nc.Read(in.room())
		s.full = false
	} else {
		small := s.small[:min(smallBuffer, readBuffer-len(in.rest))] // it is to fit behind the rest
		n, err = s.c.nc.Read(small)
		copy(in.room(), small[:n])
		s.full = n == len(small)
	}
	in.n += n
	if n > 0 {
		return nil
	}
	return err // nil for an empty write to a pipe, which is no end
}
