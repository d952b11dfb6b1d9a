package plugins

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"moonwire/hooks"
	"moonwire/plugins/api/frame"
	hookv1 "moonwire/plugins/api/v1"
)

// link is the stream to one process: questions out in frames, answers in by id.
type link struct {
	plugin *Plugin
	stream grpc.ClientStream
	cancel context.CancelFunc
	self   weak.Pointer[link] // by which clients know it; immutable
	key    any                // of a client's refs; immutable
	gone   error              // why calls fail when the stream is broken; immutable
	frames frame.Pool

	wake    chan struct{} // there may be something to write
	tick    chan struct{} // there are batches whose time may end
	doubted chan struct{} // somebody has waited for an answer in vain
	dead    chan struct{} // closed when the link is of no more use
	done    sync.WaitGroup

	commands chan *hookv1.Command

	lastBatch, lastRef atomic.Uint64 // the newest names
	late               atomic.Uint64 // answers that nobody waited for
	forgotten          atomic.Uint64 // clients that the plugin was told to forget
	writing            atomic.Uint64 // frames that were begun and ended: odd while one is written

	mu struct {
		sync.Mutex
		err      error    // why the link is dead
		queue    []*batch // to be written, in order
		stale    int      // of the queue, batches that nobody waits for any more
		waiting  waiting  // batches that are written or to be, and not answered in full
		out      int      // frames that are not answered in full
		ticking  bool     // the clock runs
		cleanups map[*refs]runtime.Cleanup
	}
}

// streamDesc is that of Stream, which link calls without the generated code: its
// frames are bytes.
var streamDesc = grpc.StreamDesc{StreamName: "Stream", ServerStreams: true, ClientStreams: true}

// mostReplies is how many bytes a frame of replies may have: one changed message
// of the largest kind that a broker takes, and some more.
const mostReplies = 68 << 20

// newLink opens the stream to a process.
func newLink(p *Plugin, conn grpc.ClientConnInterface) (*link, error) {
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := conn.NewStream(ctx, &streamDesc, hookv1.Hook_Stream_FullMethodName,
		grpc.ForceCodecV2(frame.Codec{}), grpc.MaxCallRecvMsgSize(mostReplies))
	if err != nil {
		cancel()
		return nil, fmt.Errorf("opening the stream: %w", err)
	}
	l := &link{
		plugin: p, stream: stream, cancel: cancel, key: extension{p.o.Name}, gone: errGone,
		wake: make(chan struct{}, 1), tick: make(chan struct{}, 1), doubted: make(chan struct{}, 1), dead: make(chan struct{}),
		commands: make(chan *hookv1.Command, mostCommands),
	}
	if p.o.Attach != "" {
		l.gone = errLost
	}
	l.self = weak.Make(l)
	l.mu.cleanups = make(map[*refs]runtime.Cleanup)
	l.done.Go(l.write)
	l.done.Go(l.read)
	l.done.Go(l.clock)
	// Nobody waits for what a command does to connections before there is another
	// process: they may be waiting for that one.
	p.orders.Go(l.obey)
	return l, nil
}

// errGone is why calls fail whose process has ended, and errLost why they do whose
// process is nobody's here.
var (
	errGone = &hooks.Error{Kind: hooks.KindTransport, Err: errors.New("the plugin's process has ended")}
	errLost = &hooks.Error{Kind: hooks.KindTransport, Err: errors.New("the connection to the plugin is lost")}
)

// close ends the link and waits for its goroutines, but for the one that obeys.
func (l *link) close() {
	l.fail(l.gone)
	l.done.Wait()
}

// fail ends the link: all that wait get err.
func (l *link) fail(err error) {
	l.mu.Lock()
	if l.mu.err != nil {
		l.mu.Unlock()
		return
	}
	l.mu.err = err
	left, cleanups := l.mu.waiting.list, l.mu.cleanups
	l.mu.waiting, l.mu.queue, l.mu.cleanups, l.mu.out, l.mu.stale = waiting{}, nil, nil, 0, 0
	close(l.dead)
	l.mu.Unlock()
	l.cancel()
	for _, b := range left {
		b.err = err
		b.done <- struct{}{}
	}
	for _, c := range cleanups {
		c.Stop() // or clients would hold dead links for as long as they live
	}
}

// why returns why the link is dead, or nil.
func (l *link) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.err
}

// diesWithin reports whether the link is dead, or is within d.
func (l *link) diesWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.dead:
		return true
	case <-t.C:
		return false
	}
}

// enqueue hands batches to the writer.
func (l *link) enqueue(list []*batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.err != nil {
		return l.mu.err
	}
	for _, b := range list {
		l.mu.waiting.add(b)
	}
	l.mu.queue = append(l.mu.queue, list...)
	l.wakeLocked()
	if !l.mu.ticking {
		l.mu.ticking = true
		nudge(l.tick)
	}
	return nil
}

// wakeLocked has the writer look again.
func (l *link) wakeLocked() { nudge(l.wake) }

// nudge tells whoever listens to c, which has room for one, to look at what the
// sender has changed before.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is going to
	}
}

// abandonLocked ends the waiting for a batch that has its error.
func (l *link) abandonLocked(b *batch) {
	l.mu.waiting.remove(b)
	if b.frame != nil {
		l.answeredLocked(b.frame, b.left)
	} else {
		// It is in the queue, where those that nobody waits for do not pile up while
		// the process takes nothing.
		b.stale = true
		l.mu.stale++
		if l.mu.stale > len(l.mu.queue)/2 {
			l.mu.queue = slices.DeleteFunc(l.mu.queue, func(b *batch) bool { return b.stale })
			l.mu.stale = 0
		}
	}
	b.late = true
	b.done <- struct{}{}
}

// doubt has the process asked whether it is well: it let somebody wait in vain.
func (l *link) doubt() { nudge(l.doubted) }

// answeredLocked notes that n requests of a frame are answered, or given up.
func (l *link) answeredLocked(f *sent, n int) {
	if f.left -= n; f.left == 0 && n > 0 && !f.beside {
		l.mu.out--
		l.wakeLocked()
	}
}

// write sends frames, as long as not too many are out.
func (l *link) write() {
	for {
		select {
		case <-l.wake:
		case <-l.dead:
			return
		}
		// Those who were answered together ask again together, but the first of them
		// wakes the writer, which would run next and send one question in a frame. A
		// frame costs far more than a question: let the others ask first.
		runtime.Gosched()
		for f := l.next(); f != nil; f = l.next() {
			l.writing.Add(1)
			err := l.stream.SendMsg(f)
			l.writing.Add(1)
			if err != nil {
				break // the reader learns why
			}
		}
	}
}

// next returns the next frame, or nil.
func (l *link) next() *frame.Frame {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := &l.plugin.o
	if l.mu.err != nil || l.mu.out >= o.Window || len(l.mu.queue) == 0 {
		return nil
	}
	f, s, beside, n := l.frames.New(), new(sent), &sent{beside: true}, 0
	for _, b := range l.mu.queue {
		if len(f.Data) > 0 && (s.left+beside.left+b.requests > o.BatchMax || len(f.Data)+len(b.data) > o.BatchBytes) {
			break
		}
		n++
		switch {
		case b.stale:
			l.mu.stale--
			continue
		case b.requests > 0 && b.waits:
			b.frame = beside
			beside.left += b.requests
		case b.requests > 0:
			b.frame = s
			s.left += b.requests
		}
		f.Data = append(f.Data, b.data...)
	}
	l.mu.queue = slices.Delete(l.mu.queue, 0, n)
	if s.left > 0 {
		l.mu.out++
	}
	if len(f.Data) == 0 {
		f.Free()
		return nil
	}
	return f
}

// read takes in answers until the stream ends.
func (l *link) read() {
	var whole []*batch
	for {
		var in frame.Frame
		if err := l.stream.RecvMsg(&in); err != nil {
			l.fail(l.transport(err))
			return
		}
		var err error
		if whole, err = l.take(in.Data, whole[:0]); err != nil {
			l.fail(&hooks.Error{Kind: hooks.KindTransport, Err: fmt.Errorf("the plugin sent what is no frame of replies: %w", err)})
			return
		}
		if !l.order(in.Data) {
			return
		}
	}
}

// take gives the replies of a frame to those who wait for them. Whole is scratch
// space for the batches that are answered in full.
func (l *link) take(data []byte, whole []*batch) ([]*batch, error) {
	l.mu.Lock()
	r := frame.Read(data)
	for r.Next() {
		if r.Number != frame.RepliesReplies || r.Type != protowire.BytesType {
			continue
		}
		id := replyID(r.Bytes)
		b := l.mu.waiting.byName[id>>placeBits]
		place := id & (1<<placeBits - 1)
		if b == nil || place >= uint64(b.requests) || b.replies[place] != nil || b.frame == nil {
			l.late.Add(1)
			continue
		}
		b.keep(place, r.Bytes, len(data))
		b.left--
		l.answeredLocked(b.frame, 1)
		if b.left == 0 {
			l.mu.waiting.remove(b)
			whole = append(whole, b)
		}
	}
	l.mu.Unlock()
	for _, b := range whole {
		b.done <- struct{}{}
	}
	clear(whole)
	return whole, r.Err()
}

// mostCommands is how many commands wait; beyond it the plugin's answers do.
const mostCommands = 1024

// order hands on the commands of a frame. It reports false when the link is dead.
func (l *link) order(data []byte) bool {
	for r := frame.Read(data); r.Next(); {
		if r.Number != frame.RepliesCommands || r.Type != protowire.BytesType {
			continue
		}
		c := new(hookv1.Command)
		if err := proto.Unmarshal(r.Bytes, c); err != nil {
			c = nil // refused as one that is not known
		}
		select {
		case l.commands <- c:
		case <-l.dead:
			return false
		}
	}
	return true
}

// transport is the end of a stream as a failure of a hook.
func (l *link) transport(err error) error {
	if s, ok := status.FromError(err); ok && s.Code() != codes.Unavailable && s.Code() != codes.Canceled {
		return &hooks.Error{Kind: hooks.KindTransport, Err: fmt.Errorf("the plugin ended its stream: %s: %s", s.Code(), brief(s.Message()))}
	}
	return l.gone
}
