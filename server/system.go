package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"moonwire/server/account"
	"moonwire/server/interest"
	"moonwire/server/wire"
)

const (
	// Requests that wait to be answered, and their bytes. What is more is lost,
	// as on a slow consumer. One request may be as large as any message.
	maxRequests     = 1024
	maxRequestBytes = 16 << 20
	// maxQuestions is how many questions of the server are open at one time;
	// others wait for their turn.
	maxQuestions = 32
	// maxAnswerStall is how long one answer waits for an asker that has fallen far
	// behind.
	maxAnswerStall = 100 * time.Millisecond
)

// system is the server as somebody in the system account: it answers requests
// there, one by one in a goroutine of its own, and asks others.
type system struct {
	interest.Target

	// Immutable.
	server   *Server
	account  *account.Account
	handlers map[*interest.Sub]func(*request) // once run is called
	inbox    string                           // of answers to questions, with a dot behind
	answers  *interest.Sub                    // to them

	read     atomic.Bool // the account's JWT was taken in
	requests chan *request
	queued   atomic.Int64  // bytes of requests
	lost     atomic.Int64  // requests that there was no room for
	sequence atomic.Uint64 // of answers that tell of the server
	asking   chan struct{} // holds one for each open question

	mu struct {
		sync.Mutex
		open map[string]chan<- []byte // questions, by the subjects of their answers
	}
}

// request is a message that the server got.
type request struct {
	handle         func(*request)
	subject, reply string // reply is "" if nobody waits for an answer
	header, body   []byte // header is nil if there is none
	size           int64  // bytes of memory
}

// newSystem returns the server in an account. Say what it answers by handle,
// before run.
func newSystem(s *Server, a *account.Account) *system {
	y := &system{
		server: s, account: a, handlers: make(map[*interest.Sub]func(*request)),
		inbox:    "$SYS._INBOX." + rand.Text() + ".",
		requests: make(chan *request, maxRequests),
		asking:   make(chan struct{}, maxQuestions),
	}
	y.Ordinal, y.Sink, y.NoEcho, y.Uncounted = s.ordinals.Take(), y, true, true
	y.mu.open = make(map[string]chan<- []byte)
	y.answers = y.subscribe(y.inbox+"*", "")
	return y
}

// handle has f called with each request to the subjects of a pattern, by a member
// of a queue group where queue is not "".
func (y *system) handle(pattern, queue string, f func(*request)) {
	y.handlers[y.subscribe(pattern, queue)] = f
}

func (y *system) subscribe(pattern, queue string) *interest.Sub {
	sub := &interest.Sub{Subject: pattern, Queue: queue, Sid: "1", Target: &y.Target}
	y.account.Index.Insert(sub)
	return sub
}

// run answers requests until the server stops.
func (y *system) run() {
	for {
		select {
		case <-y.server.quit:
			return
		case r := <-y.requests:
			y.queued.Add(-r.size)
			y.attend(r)
			if n := y.lost.Swap(0); n > 0 {
				y.server.log.Warn(fmt.Sprintf("%d requests to the server are lost: they come faster than it answers", n))
			}
		}
	}
}

// attend answers a request. Should that panic, the others are answered all the
// same.
func (y *system) attend(r *request) {
	defer func() {
		if p := recover(); p != nil {
			y.server.log.Error(fmt.Sprintf("Request on %q: panic: %v\n%s", r.subject, p, debug.Stack()))
		}
	}()
	r.handle(r)
}

// Submit implements [interest.Sink]. It only notes what there is to do.
func (y *system) Submit(b *interest.Staged) bool {
	var m wire.Pub
	for _, c := range b.Counts {
		data := b.Data[c.At:]
		for range c.N {
			n := wire.NextFrame(data, &m)
			y.take(c.Sub, slices.Clone(data[:n]))
			data = data[n:]
		}
	}
	return true
}

// take notes the message in a frame, which nobody else has.
func (y *system) take(by *interest.Sub, frame []byte) {
	var m wire.Pub
	if wire.NextFrame(frame, &m) == 0 {
		return
	}
	r := &request{subject: string(m.Subject), reply: string(m.Reply), body: m.Body(), handle: y.handlers[by], size: int64(len(frame))}
	if m.Header != wire.NoHeader {
		r.header, r.body = r.body[:m.Header], r.body[m.Header:]
	}
	if by == y.answers {
		y.answered(r)
		return
	}
	if queued := y.queued.Add(r.size); queued <= maxRequestBytes || queued == r.size {
		select {
		case y.requests <- r:
			return
		default:
		}
	}
	y.queued.Add(-r.size)
	y.lost.Add(1)
}

// publish sends a message, and reports whether anybody takes it.
func (y *system) publish(subject, reply string, body []byte) bool {
	m := wire.Pub{Subject: []byte(subject), Reply: []byte(reply), Header: wire.NoHeader, Size: len(body)}
	m.Tail = wire.AppendTail(nil, m.Reply, nil, body)
	ctx := y.server.contexts.Get(&y.Target, y.account.Index)
	taken := ctx.Publish(&m)
	ctx.Flush()
	y.account.Traffic.Out(ctx.Msgs, ctx.Bytes)
	y.server.traffic.Out(ctx.Msgs, ctx.Bytes)
	slow := ctx.Slow()
	y.server.contexts.Put(ctx)
	if slow != nil {
		t := time.NewTimer(maxAnswerStall)
		defer t.Stop()
		select {
		case <-slow:
		case <-t.C:
		case <-y.server.quit:
		}
	}
	return taken
}

// answer sends what it is shown as JSON to whoever waits for it.
func (y *system) answer(r *request, what any) {
	if r.reply == "" {
		return
	}
	body, err := json.Marshal(what)
	if err != nil {
		y.server.log.Error(fmt.Sprintf("A request on %q cannot be answered: %v", r.subject, err))
		return
	}
	y.publish(r.reply, "", body)
}

// errNobody is of a question that nobody listens to.
var errNobody = errors.New("nobody is there to answer")

// ask returns the first answer to a question, and waits for it until ctx is done.
// It may be empty.
func (y *system) ask(ctx context.Context, subject string, body []byte) ([]byte, error) {
	select {
	case y.asking <- struct{}{}:
		defer func() { <-y.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-y.server.quit:
		return nil, ErrNotRunning
	}
	reply, answer := y.inbox+rand.Text(), make(chan []byte, 1)
	y.mu.Lock()
	y.mu.open[reply] = answer
	y.mu.Unlock()
	defer func() {
		y.mu.Lock()
		delete(y.mu.open, reply)
		y.mu.Unlock()
	}()
	if !y.publish(subject, reply, body) {
		return nil, errNobody
	}
	select {
	case text := <-answer:
		return text, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-y.server.quit:
		return nil, ErrNotRunning
	}
}

// answered hands an answer to whoever asked.
func (y *system) answered(r *request) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if c := y.mu.open[r.subject]; c != nil {
		delete(y.mu.open, r.subject)
		c <- r.body // which has room for it
	}
}

// serverInfo tells in answers who gives them.
type serverInfo struct {
	Name      string    `json:"name"`
	Host      string    `json:"host"`
	ID        string    `json:"id"`
	Version   string    `json:"ver"`
	JetStream bool      `json:"jetstream"`
	Flags     int       `json:"flags"` // of JetStream
	Seq       uint64    `json:"seq"`   // of the answer, from 1
	Time      time.Time `json:"time"`
}

func (y *system) info() serverInfo {
	s := y.server
	return serverInfo{
		Name: s.name, Host: s.options().Host, ID: s.id, Version: CompatibleVersion,
		Seq: y.sequence.Add(1), Time: time.Now().UTC(),
	}
}
