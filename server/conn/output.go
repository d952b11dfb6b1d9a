package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"moonwire/server/account"
	"moonwire/server/interest"
	"moonwire/server/wire"
)

const (
	// chunk is the size of a pooled piece of a backlog.
	chunk = 64 << 10
	// rounds is how often the holder of the right to write takes what others
	// queued meanwhile, before a drainer does.
	rounds = 4
	// part is how much of a backlog the drainer writes under one deadline.
	part = 1 << 20
)

var chunks = sync.Pool{New: func() any { b := make([]byte, 0, chunk); return &b }}

// queue is the output of a connection that its socket did not take yet.
// Guarded by Client.mu.
type queue struct {
	chunks  []*[]byte
	bytes   int64 // in chunks, and in what the drainer holds
	writing bool  // somebody has the right to write to the socket
	// idle is closed when writing ends; nil if nobody waits for that.
	idle chan struct{}
	// slow is not nil while the backlog is so long that publishers wait.
	slow chan struct{}
	// moved is when the drainer last got rid of something.
	moved time.Time

	msgs, payload int64 // delivered, for statistics
}

// add copies b to the end.
func (q *queue) add(b []byte) {
	q.bytes += int64(len(b))
	if n := len(q.chunks); n > 0 {
		last := q.chunks[n-1]
		k := min(chunk-len(*last), len(b))
		*last = append(*last, b[:k]...)
		b = b[k:]
	}
	q.chunks = appendChunks(q.chunks, b)
}

// unread puts b in front: it was not taken by the socket.
func (q *queue) unread(b []byte) {
	q.bytes += int64(len(b))
	q.chunks = append(appendChunks(nil, b), q.chunks...)
}

func appendChunks(list []*[]byte, b []byte) []*[]byte {
	for len(b) > 0 {
		p := chunks.Get().(*[]byte)
		k := min(chunk, len(b))
		*p = append((*p)[:0], b[:k]...)
		list = append(list, p)
		b = b[k:]
	}
	return list
}

// take removes up to most bytes of chunks, at least one chunk.
func (q *queue) take(most int) []*[]byte {
	n, size := 0, 0
	for n < len(q.chunks) && (n == 0 || size+len(*q.chunks[n]) <= most) {
		size += len(*q.chunks[n])
		n++
	}
	taken := q.chunks[:n:n]
	if q.chunks = q.chunks[n:]; len(q.chunks) == 0 {
		q.chunks = nil
	}
	return taken
}

// drop forgets the backlog. Its memory serves the next one: a peer that was cut
// because it does not read often comes back, and does not read again.
func (q *queue) drop() {
	for _, p := range q.chunks {
		chunks.Put(p)
	}
	q.chunks, q.bytes = nil, 0
}

// release lets waiting publishers go on.
func (q *queue) release() {
	if q.slow != nil {
		close(q.slow)
		q.slow = nil
	}
}

// stuckAfter is after how long without progress nobody waits any more.
const stuckAfter = 2 * time.Second

// awaited returns what publishers wait for: nothing, if the peer seems to have
// stopped reading, as waiting does not help it then.
func (q *queue) awaited() <-chan struct{} {
	if q.slow == nil || time.Since(q.moved) > stuckAfter {
		return nil
	}
	return q.slow
}

// ended gives up the right to write.
func (q *queue) ended() {
	q.writing = false
	if q.idle != nil {
		close(q.idle)
		q.idle = nil
	}
}

// Submit implements [interest.Sink].
func (c *Client) Submit(b *interest.Staged) bool {
	c.mu.Lock()
	if c.mu.closed {
		c.mu.Unlock()
		return false
	}
	data := b.Data
	var finished []*interest.Sub
	of := c.account.Load() // that of the subscriptions: giving them up takes the lock
	if len(b.Counts) > 0 {
		if b.Generation != c.Generation.Load() || limited(b.Counts) {
			data, finished = c.filterLocked(b)
		} else {
			for i := range b.Counts {
				b.Counts[i].Sub.Delivered += uint64(b.Counts[i].N)
			}
		}
	}
	if r := c.rights.Load(); r.replies != nil && len(b.Counts) > 0 {
		r.received(b)
	}
	q := &c.mu.queue
	direct := c.out != nil && !q.writing
	if !direct && !c.addLocked(data) {
		c.mu.Unlock()
		c.drop(of, finished)
		return false
	}
	q.msgs += int64(b.Msgs)
	q.payload += int64(b.Bytes)
	drain := !q.writing && !direct && len(data) > 0
	if drain || direct && len(data) > 0 {
		q.writing = true
	}
	b.Slow = q.awaited()
	c.mu.Unlock()

	switch {
	case drain:
		go c.drain()
	case direct && len(data) > 0:
		b.Slow = c.write(data)
	}
	if c.env.Tracing.Load() {
		c.traceOutput(data)
	}
	c.drop(of, finished)
	return true
}

// drop takes subscriptions that had all they asked for out of the index.
func (c *Client) drop(a *account.Account, finished []*interest.Sub) {
	if len(finished) == 0 {
		return
	}
	for _, sub := range finished {
		a.Unsubscribe(sub)
	}
	c.tellUnsubscribed(hearing(a), finished...)
}

// limited reports whether some subscription has a max, and its messages are to
// be counted one by one. Only the target knows: the publisher may have looked
// the subscription up before it had one.
func limited(counts []interest.Count) bool {
	return slices.ContainsFunc(counts, func(n interest.Count) bool { return n.Sub.Max > 0 })
}

// addLocked queues b at the end. It reports false, and closes the connection,
// when that is more than may be queued.
func (c *Client) addLocked(b []byte) bool {
	q := &c.mu.queue
	if q.bytes+int64(len(b)) > c.limits.MaxPending {
		c.closeLocked(SlowConsumerPending)
		return false
	}
	q.add(b)
	c.slowLocked()
	return true
}

// slowLocked marks the connection as slow when three quarters of what may be
// queued are.
func (c *Client) slowLocked() {
	q := &c.mu.queue
	if q.slow == nil && q.bytes > c.limits.MaxPending/4*3 {
		q.slow = make(chan struct{})
		q.moved = time.Now()
		c.Full.Store(true)
	}
}

// filterLocked leaves out what is staged for subscriptions that are closed or
// have reached their max, and counts the rest. It returns the subscriptions
// that have now had all that they asked for.
func (c *Client) filterLocked(b *interest.Staged) (data []byte, finished []*interest.Sub) {
	var m wire.Pub
	data = make([]byte, 0, len(b.Data))
	b.Msgs, b.Bytes = 0, 0
	end := 0
	for _, count := range b.Counts {
		data = append(data, b.Data[end:count.At]...)
		end = count.At
		sub := count.Sub
		for range count.N {
			n := wire.NextFrame(b.Data[end:], &m)
			frame := b.Data[end : end+n]
			end += n
			if sub.Closed() || sub.Max > 0 && sub.Delivered >= sub.Max {
				if sub.Queue != "" {
					b.Dropped = append(b.Dropped, interest.Frame{Sub: sub, Data: frame})
				}
				continue
			}
			data = append(data, frame...)
			b.Msgs++
			b.Bytes += m.Size
			if sub.Delivered++; sub.Max > 0 && sub.Delivered == sub.Max && sub.Close() {
				delete(c.mu.subs, sub.Sid)
				finished = append(finished, sub)
			}
		}
	}
	return append(data, b.Data[end:]...), finished
}

// write writes data, and then what others queued meanwhile. The caller has the
// right to write; it goes to a drainer if the socket is full. The result is
// what the publisher should wait for, if anything.
func (c *Client) write(data []byte) (slow <-chan struct{}) {
	var own *[]byte // data lies in this chunk
	for round := 0; ; round++ {
		n, err := c.out.try(data)
		c.mu.Lock()
		q := &c.mu.queue
		if own != nil {
			q.bytes -= int64(len(data))
		}
		switch {
		case err != nil:
			q.ended()
			c.closeLocked(WriteError)
			c.mu.Unlock()
			return nil
		case n < len(data) || c.out.behind():
			if n < len(data) {
				q.unread(data[n:])
			}
			c.slowLocked()
			slow = q.slow
			if q.bytes > c.limits.MaxPending {
				c.closeLocked(SlowConsumerPending)
			}
			c.mu.Unlock()
			go c.drain()
			return slow
		case len(q.chunks) == 0:
			q.ended()
			c.mu.Unlock()
			if own != nil {
				chunks.Put(own)
			}
			return nil
		case round == rounds:
			c.mu.Unlock()
			go c.drain()
			return nil
		}
		if own != nil {
			chunks.Put(own)
		}
		own = q.take(1)[0]
		data = *own
		c.mu.Unlock()
	}
}

// drain writes the backlog, with ordinary writes that wait, until there is
// none. It has the right to write.
func (c *Client) drain() {
	var bufs net.Buffers
	to := c.patient()
	if !c.drainFirst(to) {
		return
	}
	for {
		c.mu.Lock()
		q := &c.mu.queue
		if len(q.chunks) == 0 {
			if !c.mu.closed {
				_ = c.nc.SetWriteDeadline(time.Time{})
			}
			q.ended()
			c.mu.Unlock()
			return
		}
		taken := q.take(part)
		c.deadlineLocked()
		c.mu.Unlock()

		bufs = bufs[:0]
		for _, p := range taken {
			bufs = append(bufs, *p)
		}
		rest := bufs // WriteTo consumes its receiver
		n, err := rest.WriteTo(to)
		for _, p := range taken {
			chunks.Put(p)
		}

		c.mu.Lock()
		if q.bytes -= n; err != nil {
			c.writeFailedLocked(err)
			c.mu.Unlock()
			return
		}
		if q.slow != nil && q.bytes <= c.limits.MaxPending/2 {
			q.release()
			c.Full.Store(false)
		}
		c.mu.Unlock()
	}
}

// patient returns what writes to the connection and waits for it.
func (c *Client) patient() io.Writer {
	if w, ok := c.out.(io.Writer); ok {
		return w
	}
	return c.nc
}

// drainFirst sends what the writer itself keeps, by an empty write to to. It
// reports whether that went well.
func (c *Client) drainFirst(to io.Writer) bool {
	if c.out == nil || !c.out.behind() {
		return true
	}
	c.mu.Lock()
	c.deadlineLocked()
	c.mu.Unlock()
	_, err := to.Write(nil)
	if err != nil {
		c.mu.Lock()
		c.writeFailedLocked(err)
		c.mu.Unlock()
	}
	return err == nil
}

// deadlineLocked gives the peer time for the next part of the backlog.
func (c *Client) deadlineLocked() {
	c.mu.queue.moved = time.Now()
	if !c.mu.closed { // otherwise closeLocked has set the last one
		_ = c.nc.SetWriteDeadline(c.mu.queue.moved.Add(c.limits.WriteDeadline))
	}
}

// writeFailedLocked gives up the right to write, and the backlog.
func (c *Client) writeFailedLocked(err error) {
	c.mu.queue.ended()
	c.mu.queue.drop()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.closeLocked(SlowConsumerDeadline)
	} else {
		c.closeLocked(WriteError)
	}
}

// quiet returns what is closed when nobody writes to the socket any more; nil if nobody
// does. Read loop only, as one at a time may wait for it.
func (c *Client) quiet() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := &c.mu.queue
	if !q.writing {
		return nil
	}
	idle := make(chan struct{})
	q.idle = idle
	return idle
}

// awaitWriter waits until nobody writes to the socket any more. The connection
// is closed, so that is soon.
func (c *Client) awaitWriter() {
	idle := c.quiet()
	if idle == nil {
		return
	}
	if c.out != nil {
		<-idle
		return
	}
	// A pipe has no room of its own: a peer that is writing does not read the
	// last that we have to say, unless we read what it writes.
	swallowed := make(chan struct{})
	_ = c.nc.SetReadDeadline(time.Now().Add(lastWrite)) // here, as it is over when idle comes
	go func() {
		defer close(swallowed)
		swallow(c.nc)
	}()
	<-idle
	_ = c.nc.SetReadDeadline(past)
	<-swallowed
}
