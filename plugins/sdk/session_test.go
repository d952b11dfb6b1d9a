package sdk

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	hookv1 "moonwire/plugins/api/v1"
)

// plain is a plugin that does what the subjects say.
type plain struct {
	broker *Broker
	hold   chan struct{} // "hold" waits for it
}

func (p *plain) Configure(_ context.Context, c *Config) error {
	p.broker = c.Broker
	return nil
}

func (p *plain) Publish(_ context.Context, m *Message) Decision {
	switch m.Subject {
	case "hold":
		<-p.hold
	case "who":
		return Deny(m.Client.User)
	case "broken":
		return AllowAs(Identity{User: "\xff"})
	}
	return Allow()
}

func (p *plain) Inspect(_ context.Context, m *Message) Decision {
	m.SetPayload([]byte(strings.Repeat("x", m.Size)))
	return Pass()
}

type peer = grpc.BidiStreamingClient[hookv1.Batch, hookv1.Replies]

// connectTo serves a plugin, and returns a stream to it.
func connectTo(t *testing.T, plugin any) peer {
	t.Helper()
	s, err := NewServer(plugin)
	if err != nil {
		t.Fatal(err)
	}
	l := bufconn.Listen(1 << 20)
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(l) })
	conn, err := grpc.NewClient("passthrough:plugin", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(func() {
		cancel()
		s.Stop()
		_ = conn.Close()
		served.Wait()
	})
	hook := hookv1.NewHookClient(conn)
	if _, err := hook.Configure(ctx, &hookv1.ConfigureRequest{}); err != nil {
		t.Fatal(err)
	}
	stream, err := hook.Stream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func send(t *testing.T, s peer, b *hookv1.Batch) {
	t.Helper()
	if err := s.Send(b); err != nil {
		t.Fatal(err)
	}
}

// receive returns the next n replies by their ids, and what frames they came in.
func receive(t *testing.T, s peer, n int) (map[uint64]*hookv1.Reply, []*hookv1.Replies) {
	t.Helper()
	got := make(map[uint64]*hookv1.Reply)
	var frames []*hookv1.Replies
	for len(got) < n {
		f, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
		for _, r := range f.GetReplies() {
			got[r.GetId()] = r
		}
	}
	return got, frames
}

func publish(id uint64, subject string, ref uint64) *hookv1.Request {
	return &hookv1.Request{Id: id, Point: hookv1.Point_POINT_PUBLISH, Subject: []byte(subject), Client: ref}
}

// TestNobodyWaits: a question that is not answered holds up neither the others of
// its frame nor those of the next.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	p := &plain{hold: make(chan struct{})}
	s := connectTo(t, p)
	first := &hookv1.Batch{}
	for i := range 100 {
		subject := "x"
		if i == 30 || i == 60 {
			subject = "hold"
		}
		first.Requests = append(first.Requests, publish(uint64(i+1), subject, 0))
	}
	send(t, s, first)
	got, _ := receive(t, s, 98)
	if got[31] != nil || got[61] != nil {
		t.Error("what waits is answered")
	}
	send(t, s, &hookv1.Batch{Requests: []*hookv1.Request{publish(200, "x", 0)}})
	if got, _ = receive(t, s, 1); got[200].GetVerdict() != hookv1.Verdict_VERDICT_ALLOW {
		t.Errorf("got %v", got)
	}
	close(p.hold)
	if got, _ = receive(t, s, 2); got[31] == nil || got[61] == nil {
		t.Errorf("got %v", got)
	}
}

// tardy is a plugin that takes about as long as the session has patience.
type tardy struct{ broker *Broker }

func (p *tardy) Configure(_ context.Context, c *Config) error {
	p.broker = c.Broker
	return nil
}

func (p *tardy) Publish(ctx context.Context, m *Message) Decision {
	switch m.Size % 7 {
	case 0:
		p.broker.Invalidate()
	case 1:
		select {
		case <-time.After(patience * time.Duration(m.Size%5) / 2):
		case <-ctx.Done():
		}
	}
	return Deny(m.Client.User)
}

func (p *tardy) Connect(context.Context, *Connect) Decision { return Allow() }

// TestEachOnce: whoever receives, answers and sends, and however often that is handed
// over, each question is answered once, about its client, and no command is lost.
func TestEachOnce(t *testing.T) {
	t.Parallel()
	const frames, size = 100, 40
	s := connectTo(t, new(tardy))
	commands := 0
	var sent sync.WaitGroup
	sent.Go(func() {
		for f := range uint64(frames) {
			b := &hookv1.Batch{Clients: []*hookv1.Client{{Ref: f + 1, User: fmt.Sprint(f)}}, Gone: []uint64{f + 1}}
			for i := range uint64(size) {
				q := publish(f*size+i+1, "x", f+1)
				q.Size = uint32(f*3 + i*i)
				if i == 5 {
					q.Point = hookv1.Point_POINT_CONNECT
				}
				b.Requests = append(b.Requests, q)
			}
			if err := s.Send(b); err != nil {
				t.Error(err)
			}
		}
	})
	asked := 0
	for f := range frames {
		for i := range size {
			if i != 5 && (f*3+i*i)%7 == 0 {
				asked++
			}
		}
	}
	got := make(map[uint64]bool)
	for len(got) < frames*size || commands < asked {
		in, err := s.Recv()
		if err != nil {
			t.Fatalf("after %d answers and %d of %d commands: %v", len(got), commands, asked, err)
		}
		commands += len(in.GetCommands())
		for _, r := range in.GetReplies() {
			if got[r.GetId()] {
				t.Errorf("%d is answered twice", r.GetId())
			}
			got[r.GetId()] = true
			if want := fmt.Sprint((r.GetId() - 1) / size); r.GetError() != "" || r.GetVerdict() == hookv1.Verdict_VERDICT_DENY && r.GetReason() != want {
				t.Errorf("%d: got %v, want %s", r.GetId(), r, want)
			}
		}
	}
	sent.Wait()
	if commands != asked {
		t.Errorf("%d commands for %d", commands, asked)
	}
}

// TestClients: a question is about the client that it names, and a failure if the
// broker has not told of that one.
func TestClients(t *testing.T) {
	t.Parallel()
	s := connectTo(t, &plain{})
	send(t, s, &hookv1.Batch{
		Requests: []*hookv1.Request{publish(1, "who", 7), publish(2, "who", 8), publish(3, "who", 0)},
		Clients:  []*hookv1.Client{{Ref: 7, User: "ann"}},
		Gone:     []uint64{7}, // with the frame that speaks of it last
	})
	send(t, s, &hookv1.Batch{Requests: []*hookv1.Request{publish(4, "who", 7)}})
	got, _ := receive(t, s, 4)
	for id, want := range map[uint64]string{
		1: "ann/", 2: "/the broker has not said who client 8 is", 3: "/", 4: "/the broker has not said who client 7 is",
	} {
		if r := got[id]; r.GetReason()+"/"+r.GetError() != want {
			t.Errorf("%d: got %v, want %s", id, r, want)
		}
	}
}

// TestBadQuestions: what cannot be answered is a failure, and nothing else.
func TestBadQuestions(t *testing.T) {
	t.Parallel()
	s := connectTo(t, &plain{})
	send(t, s, &hookv1.Batch{Requests: []*hookv1.Request{
		{Id: 1},
		{Id: 2, Point: 99},
		{Id: 3, Point: hookv1.Point_POINT_CONNECT},
		{Id: 4, Point: hookv1.Point_POINT_EVENT},
		publish(5, "broken", 0), publish(6, "x", 0),
	}})
	got, _ := receive(t, s, 6)
	for id, want := range map[uint64]string{
		1: "the plugin is not for the point POINT_UNSPECIFIED", 2: "the plugin is not for the point 99",
		3: "the plugin is not for the point POINT_CONNECT", 4: "the plugin is not for the point POINT_EVENT",
		5: "the identity: ", 6: "",
	} {
		if r := got[id]; !strings.HasPrefix(r.GetError(), want) || (want == "") != (r.GetError() == "") {
			t.Errorf("%d: got %v, want %q", id, r, want)
		}
	}
}

// TestCommands: what the plugin wants goes at once, and before an answer that is
// given later.
func TestCommands(t *testing.T) {
	t.Parallel()
	p := &plain{hold: make(chan struct{})}
	s := connectTo(t, p)
	p.broker.Disconnect(Selector{User: "\xff"}, "") // is not sent
	p.broker.Invalidate()
	f, err := s.Recv()
	if err != nil || len(f.GetCommands()) != 1 || f.GetCommands()[0].GetInvalidate() == nil {
		t.Errorf("got %v, %v", f, err)
	}
}

// TestManyBytes: large answers come in several frames.
func TestManyBytes(t *testing.T) {
	t.Parallel()
	s := connectTo(t, &plain{})
	b := &hookv1.Batch{}
	for i := range 10 {
		b.Requests = append(b.Requests, &hookv1.Request{Id: uint64(i + 1), Point: hookv1.Point_POINT_INSPECT, Size: 700 << 10})
	}
	send(t, s, b)
	got, frames := receive(t, s, 10)
	for id, r := range got {
		if r.GetVerdict() != hookv1.Verdict_VERDICT_REPLACE || len(r.GetMessage().GetPayload()) != 700<<10 {
			t.Errorf("%d: %v, %d bytes", id, r.GetVerdict(), len(r.GetMessage().GetPayload()))
		}
	}
	if len(frames) < 5 {
		t.Errorf("they come in %d frames", len(frames))
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	m := &Message{Header: []byte("NATS/1.0\r\nA: 1\r\nb:2\r\na: 3\r\n\r\n")}
	if diff := cmp.Diff([]string{"1", "3"}, m.Values("A")); diff != "" || m.Get("B") != "2" || m.Get("c") != "" {
		t.Errorf("values %q, b %q, c %q", m.Values("A"), m.Get("B"), m.Get("c"))
	}
	m.DeleteHeader("none")
	if m.newHeader != nil {
		t.Error("it has changed")
	}
	for _, tt := range []struct{ name, value string }{{"", "x"}, {"a b", "x"}, {"a:", "x"}, {"a", "x\r\ny"}, {"a", "\x00"}} {
		if err := m.SetHeader(tt.name, tt.value); err == nil {
			t.Errorf("%q: %q is taken", tt.name, tt.value)
		}
	}
	if err := m.SetHeader("A", "4"); err != nil {
		t.Fatal(err)
	}
	m.DeleteHeader("B")
	if got := string(m.newHeader); got != "NATS/1.0\r\nA: 4\r\n\r\n" {
		t.Errorf("got %q", got)
	}
	m = &Message{}
	if err := m.SetHeader("A", "1"); err != nil || string(m.newHeader) != "NATS/1.0\r\nA: 1\r\n\r\n" {
		t.Errorf("got %q, %v", m.newHeader, err)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]uint32{
		0: 0, -time.Second: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, 100 * 24 * time.Hour: 1<<32 - 1,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("%v: got %d ms, want %d", d, got, want)
		}
	}
	if d := Allow().For(0); !d.noCache {
		t.Error("an answer for no time is kept")
	}
	if d := Allow().For(time.Minute); d.noCache || d.ttl != time.Minute {
		t.Error("an answer for a minute is not kept for that")
	}
}

// TestContext: the context of a question ends with its time, without a timer for
// those that do not look.
func TestContext(t *testing.T) {
	t.Parallel()
	parent, cancel := context.WithCancel(t.Context())
	a := &asking{Context: parent, deadline: time.Now().Add(time.Millisecond)}
	if _, ok := a.Deadline(); !ok || a.inner != nil {
		t.Error("it has no deadline, or a timer")
	}
	<-a.Done()
	if a.Err() != context.DeadlineExceeded {
		t.Errorf("got %v", a.Err())
	}
	a.end()
	b := &asking{Context: parent}
	if _, ok := b.Deadline(); ok || b.Err() != nil {
		t.Error("it has a deadline")
	}
	cancel()
	<-b.Done()
	b.end()
	c := &asking{Context: parent}
	c.end() // whoever has kept it
	if fmt.Sprint(c.Err()) != "context canceled" {
		t.Errorf("got %v", c.Err())
	}
}
