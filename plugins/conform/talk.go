package conform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	hookv1 "moonwire/plugins/api/v1"
)

// mostReplies is how many bytes a frame of replies may have.
const mostReplies = 64 << 20

// talk is a stream to a process, by hand. One goroutine asks.
type talk struct {
	process *process
	stream  grpc.BidiStreamingClient[hookv1.Batch, hookv1.Replies]
	cancel  context.CancelFunc
	replies chan *hookv1.Reply // closed at the end of the stream
	ended   chan struct{}      // closed when nobody reads any more
	err     error              // why the stream ended; set before replies is closed
	last    uint64             // the newest id of a request, and ref of a client
	refs    map[uint32]uint64  // ref of the client of a registration
	given   map[uint64]bool    // ids that were asked: whether there was an answer
	odd     []string           // replies that nobody has asked for
}

// talk opens the stream. The caller hangs up.
func (p *process) talk(ctx context.Context) (*talk, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := p.Hook().Stream(ctx, grpc.MaxCallRecvMsgSize(mostReplies))
	if err != nil {
		cancel()
		return nil, fmt.Errorf("opening the stream: %s", status.Convert(err).Message())
	}
	t := &talk{
		process: p, stream: stream, cancel: cancel, replies: make(chan *hookv1.Reply, 1024), ended: make(chan struct{}),
		refs: make(map[uint32]uint64), given: make(map[uint64]bool),
	}
	go t.read(ctx)
	return t, nil
}

// read takes in replies until the stream ends.
func (t *talk) read(ctx context.Context) {
	defer close(t.ended)
	defer close(t.replies)
	for {
		in, err := t.stream.Recv()
		if err != nil {
			t.err = err
			return
		}
		for _, r := range in.GetReplies() {
			select {
			case t.replies <- r:
			case <-ctx.Done():
				t.err = ctx.Err()
				return
			}
		}
	}
}

// hangUp ends the stream.
func (t *talk) hangUp() {
	t.cancel()
	<-t.ended
}

// broken is why the stream has ended.
func (t *talk) broken() error {
	if errors.Is(t.err, io.EOF) {
		return errors.New("the plugin ended the stream")
	}
	s := status.Convert(t.err)
	return fmt.Errorf("the stream broke: %s: %s", s.Code(), s.Message())
}

// question returns a request that a registration is for, of a client that the
// batch introduces if it has to.
func (t *talk) question(b *hookv1.Batch, registration int) *hookv1.Request {
	q := request(t.process.list, registration)
	r := &t.process.list[registration]
	if wantsClient(r) {
		ref := t.refs[q.GetRegistration()]
		if ref == 0 {
			ref = t.introduce(b, registration)
			t.refs[q.GetRegistration()] = ref
		}
		q.Client = ref
	}
	t.add(b, q, t.process.subject.o.Timeout)
	return q
}

// introduce tells of a new client that a registration is for.
func (t *talk) introduce(b *hookv1.Batch, registration int) (ref uint64) {
	t.last++
	b.Clients = append(b.Clients, record(&t.process.list[registration], t.last))
	return t.last
}

// add puts a request in a batch.
func (t *talk) add(b *hookv1.Batch, q *hookv1.Request, timeout time.Duration) {
	t.last++
	q.Id, q.TimeoutMs = t.last, uint32(timeout.Milliseconds())
	b.Requests = append(b.Requests, q)
}

// send sends batches, one after another, without waiting for answers.
func (t *talk) send(list ...*hookv1.Batch) error {
	for _, b := range list {
		for _, q := range b.GetRequests() {
			t.given[q.GetId()] = false
		}
		if err := t.stream.Send(b); err != nil {
			for range t.replies { // to its end
			}
			return t.broken()
		}
	}
	return nil
}

// await returns the answers to the requests of batches by id, when all are there.
func (t *talk) await(ctx context.Context, list ...*hookv1.Batch) (map[uint64]*hookv1.Reply, error) {
	wanted := make(map[uint64]bool)
	for _, b := range list {
		for _, q := range b.GetRequests() {
			wanted[q.GetId()] = true
		}
	}
	all := len(wanted)
	answers := make(map[uint64]*hookv1.Reply, all)
	late := time.NewTimer(t.process.subject.o.Timeout)
	defer late.Stop()
	for len(answers) < all {
		select {
		case r, ok := <-t.replies:
			if !ok {
				return answers, t.broken()
			}
			t.note(r)
			if wanted[r.GetId()] && answers[r.GetId()] == nil {
				answers[r.GetId()] = r
			}
		case <-late.C:
			return answers, fmt.Errorf("%d of %d requests have no answer within %v: %s, and in time", all-len(answers), all, t.process.subject.o.Timeout, once)
		case <-ctx.Done():
			return answers, ctx.Err()
		}
	}
	return answers, nil
}

// note keeps what is wrong with the id of a reply.
func (t *talk) note(r *hookv1.Reply) {
	switch given, asked := t.given[r.GetId()]; {
	case !asked:
		t.odd = append(t.odd, fmt.Sprintf("id %d was never asked", r.GetId()))
	case given:
		t.odd = append(t.odd, fmt.Sprintf("id %d is answered twice", r.GetId()))
	}
	t.given[r.GetId()] = true
}

// strange returns what is wrong with the ids so far, or nil.
func (t *talk) strange() error {
	const most = 3
	switch n := len(t.odd); {
	case n == 0:
		return nil
	case n > most:
		return fmt.Errorf("%s, and %d more: %s", strings.Join(t.odd[:most], ", "), n-most, once)
	}
	return fmt.Errorf("%s: %s", strings.Join(t.odd, ", "), once)
}

// ask sends a batch and returns the answers.
func (t *talk) ask(ctx context.Context, b *hookv1.Batch) (map[uint64]*hookv1.Reply, error) {
	if err := t.send(b); err != nil {
		return nil, err
	}
	return t.await(ctx, b)
}

// well asks each registration once more: what came before has broken nothing.
func (t *talk) well(ctx context.Context) error {
	b := new(hookv1.Batch)
	for _, i := range questions(t.process.list) {
		t.question(b, i)
	}
	if _, err := t.ask(ctx, b); err != nil {
		return fmt.Errorf("afterwards: %w", err)
	}
	return nil
}

// talking starts a process, and has it talked to by f.
func (s *subject) talking(ctx context.Context, f func(*talk, []int) (string, error)) (detail string, err error) {
	p, err := s.launch(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = p.end() }() // which is another check
	places := questions(p.list)
	if len(places) == 0 {
		return "", skip("the plugin is asked nothing")
	}
	t, err := p.talk(ctx)
	if err != nil {
		return "", err
	}
	defer t.hangUp()
	return f(t, places)
}
