package sdk

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"moonwire/plugins/api/frame"
	hookv1 "moonwire/plugins/api/v1"
)

// patience is after how long the questions of a frame, and other frames, no longer
// wait for the one that is being answered: somebody is waiting for something, and
// the others need not.
const patience = 500 * time.Microsecond

// mostFrame is how large a frame of replies becomes before there is another.
const mostFrame = 1 << 20

// session is one stream. One goroutine at a time receives frames, and answers each
// before it receives the next: there is no faster way. When that takes too long
// another one receives.
type session struct {
	service *service
	stream  grpc.ServerStream
	ctx     context.Context    // of the questions; ends with the stream
	clients map[uint64]*Client // by ref; the receiver's only
	work    sync.WaitGroup     // whoever receives or answers
	ended   chan error         // why nobody receives any more
	frames  frame.Pool

	mu struct {
		sync.Mutex
		out     []*frame.Frame // to be sent
		sending bool           // somebody does
		gone    bool           // the stream has ended: nothing is sent any more
	}
}

// Stream implements the protocol.
func (s *service) Stream(stream grpc.BidiStreamingServer[hookv1.Batch, hookv1.Replies]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	t := &session{service: s, stream: stream, ctx: ctx, clients: make(map[uint64]*Client), ended: make(chan error, 1)}
	var orders sync.WaitGroup
	orders.Go(t.order)
	t.work.Go(t.receive)
	err := <-t.ended
	cancel()
	t.work.Wait()
	orders.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// order sends the commands of the plugin that do not go along with an answer. Those
// that this stream can no longer take are left to the next one.
func (t *session) order() {
	defer t.service.broker.nudge()
	for {
		select {
		case <-t.service.broker.wake:
			t.flush()
		case <-t.ctx.Done():
			return
		}
	}
}

// receive takes frames and answers them, until the stream ends or somebody else
// does so.
func (t *session) receive() {
	for {
		var in frame.Frame
		if err := t.stream.RecvMsg(&in); err != nil {
			t.ended <- err
			return
		}
		f, err := t.read(in.Data)
		if err != nil {
			t.ended <- err
			return
		}
		if !t.answer(f) {
			return
		}
	}
}

// asked is the questions of a frame.
type asked struct {
	list  []question
	taken atomic.Int64 // of the list, those that somebody answers
	over  chan struct{}
}

// take returns a question that nobody answers yet, or nil.
func (f *asked) take() *question {
	if i := int(f.taken.Add(1)) - 1; i < len(f.list) {
		return &f.list[i]
	}
	return nil
}

// answer answers the questions of a frame, one after another, as long as that does
// not take too long: then it reports false, and another goroutine receives.
func (t *session) answer(f *asked) (receiving bool) {
	if len(f.list) == 0 {
		return true
	}
	timer := time.AfterFunc(patience, func() { t.overdue(f) })
	for q := f.take(); q != nil; q = f.take() {
		if q.point == AtConnect {
			t.work.Go(func() { t.decide(q, true) }) // it has to ask somebody, as a rule
			continue
		}
		t.decide(q, false)
	}
	t.flush()
	if timer.Stop() {
		return true
	}
	<-f.over
	return false
}

// overdue has somebody else receive, and the questions of a frame that nobody
// answers yet answered by a goroutine each.
func (t *session) overdue(f *asked) {
	defer close(f.over)
	t.flush()
	t.work.Go(t.receive)
	for q := f.take(); q != nil; q = f.take() {
		t.work.Go(func() { t.decide(q, true) })
	}
}

// decide answers a question. The answer is sent at once, or with those of others.
func (t *session) decide(q *question, atOnce bool) {
	d := t.service.decide(t.ctx, q)
	t.mu.Lock()
	n := len(t.mu.out)
	if n == 0 || len(t.mu.out[n-1].Data) >= mostFrame {
		t.mu.out = append(t.mu.out, t.frames.New())
		n++
	}
	last := t.mu.out[n-1]
	last.Data = q.appendReply(last.Data, &d)
	t.mu.Unlock()
	if atOnce {
		t.flush()
	}
}

// flush sends the answers and commands that there are, unless somebody does so
// already, who then sees to these too.
func (t *session) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.sending {
		return
	}
	t.mu.sending = true
	for t.nextLocked() {
		out := t.mu.out[0]
		t.mu.out = slices.Delete(t.mu.out, 0, 1)
		t.mu.Unlock()
		var commands []*hookv1.Command
		out.Data, commands = t.service.broker.take(out.Data)
		err := t.stream.SendMsg(out)
		if err != nil { // the stream has ended, of which the receiver learns
			t.service.broker.giveBack(commands)
		}
		t.mu.Lock()
		t.mu.gone = t.mu.gone || err != nil
	}
	t.mu.sending = false
}

// nextLocked reports whether there is something to send, and makes a frame for
// commands if there are no answers.
func (t *session) nextLocked() bool {
	if t.mu.gone {
		t.mu.out = nil
		return false
	}
	if len(t.mu.out) == 0 && t.service.broker.waiting.Load() {
		t.mu.out = append(t.mu.out, t.frames.New())
	}
	return len(t.mu.out) > 0
}
