package sdk

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc"

	hookv1 "moonwire/plugins/api/v1"
)

// mute is an error that says nothing, and broken one that cannot be asked.
type (
	mute   struct{}
	broken struct{ why *string }
)

func (mute) Error() string { return "" }

func (b *broken) Error() string { return *b.why }

// clumsy is a plugin that fails in all ways.
type clumsy struct{ refuses error }

func (c clumsy) Configure(context.Context, *Config) error { return c.refuses }

func (clumsy) Version() string { return "1.\xff" }

func (clumsy) Publish(_ context.Context, m *Message) Decision {
	switch m.Subject {
	case "nil":
		return Fail(nil)
	case "mute":
		return Fail(mute{})
	case "broken":
		return Fail((*broken)(nil))
	case "odd":
		return Fail(errors.New("of \xff"))
	}
	return Deny("not to \xff")
}

func (clumsy) Inspect(_ context.Context, m *Message) Decision {
	m.SetPayload(make([]byte, m.Size))
	return Pass()
}

// TestFailures: whatever a plugin fails with is a failure, which is told in UTF-8, and
// never a pass.
func TestFailures(t *testing.T) {
	t.Parallel()
	s := connectTo(t, clumsy{})
	send(t, s, &hookv1.Batch{Requests: []*hookv1.Request{
		publish(1, "nil", 0), publish(2, "mute", 0), publish(3, "broken", 0), publish(4, "odd", 0), publish(5, "x", 0),
	}})
	got, _ := receive(t, s, 5)
	for id, want := range map[uint64]string{
		1: "the plugin failed and does not say why", 2: "the plugin failed and does not say why",
		3: "the plugin panicked: ", 4: "of \ufffd", 5: "",
	} {
		if why := got[id].GetError(); !strings.HasPrefix(why, want) || (why == "") != (want == "") {
			t.Errorf("%d: got %v, want %q", id, got[id], want)
		}
	}
	if r := got[5]; r.GetReason() != "not to \ufffd" {
		t.Errorf("got %v", r)
	}
}

// TestTooLarge: a message that has become too large is a failure of its own, and not of
// the frame that would have brought it, with which all others would be lost.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	s := connectTo(t, clumsy{})
	inspect := func(id uint64, size, most uint32) *hookv1.Request {
		return &hookv1.Request{Id: id, Point: hookv1.Point_POINT_INSPECT, Size: size, MaxPayload: most}
	}
	send(t, s, &hookv1.Batch{Requests: []*hookv1.Request{inspect(1, 101, 100), inspect(2, 100, 100), inspect(3, 64<<20+1, 0)}})
	got, _ := receive(t, s, 3)
	for id, want := range map[uint64]string{
		1: "the message has 101 bytes after the change: at most 100", 2: "",
		3: "the message has 67108865 bytes after the change: at most 67108864",
	} {
		if why := got[id].GetError(); why != want {
			t.Errorf("%d: got %q, want %q", id, why, want)
		}
	}
}

// TestRefusal: an error keeps the plugin from being loaded, also one that says nothing.
func TestRefusal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		refuses error
		want    string
	}{
		{mute{}, "the plugin failed and does not say why"},
		{(*broken)(nil), "the plugin panicked: "},
		{errors.New("no \xff"), "no \ufffd"},
		{nil, ""},
	} {
		s, err := newService(clumsy{tt.refuses})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Configure(t.Context(), &hookv1.ConfigureRequest{})
		if err != nil || !strings.HasPrefix(r.GetError(), tt.want) || (r.GetError() == "") != (tt.want == "") || !utf8.ValidString(r.GetVersion()) {
			t.Errorf("got %v, %v, want %q", r, err, tt.want)
		}
	}
}

// TestCommandsLast: what a stream that has ended could not take goes by the next one,
// in its order, and a reason that is no text takes nothing away.
func TestCommandsLast(t *testing.T) {
	t.Parallel()
	p := &plain{}
	first := connectTo(t, p)
	b := p.broker
	gone := &session{service: &service{broker: b}, stream: deaf{}}
	b.mu.Lock() // nobody takes the first before it is given to the stream that is gone
	for _, user := range []string{"ann", "bob"} {
		b.commands = append(b.commands, &hookv1.Command{Command: &hookv1.Command_Disconnect{Disconnect: &hookv1.Disconnect{Of: &hookv1.Selector{User: user}}}})
	}
	b.waiting.Store(true)
	b.mu.Unlock()
	gone.flush()
	b.Disconnect(Selector{User: "eve"}, "of \xff")
	var users, reasons []string
	for len(users) < 3 {
		f, err := first.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f.GetCommands() {
			users, reasons = append(users, c.GetDisconnect().GetOf().GetUser()), append(reasons, c.GetDisconnect().GetReason())
		}
	}
	if got := strings.Join(users, " ") + strings.Join(reasons, "-"); got != "ann bob eve--of \ufffd" {
		t.Errorf("got %q", got)
	}
	gone.decide(&question{id: 1, message: &Message{}}, true) // whose answer nobody takes
	if n := len(gone.mu.out); n != 0 {
		t.Errorf("%d frames wait for a stream that has ended", n)
	}
}

// deaf is a stream that has ended.
type deaf struct{ grpc.ServerStream }

func (deaf) SendMsg(any) error { return io.EOF }

// TestManyCommands: they come in frames that the broker takes.
func TestManyCommands(t *testing.T) {
	t.Parallel()
	b := newBroker()
	const n = 10_000
	for range n {
		b.Disconnect(Selector{User: strings.Repeat("u", 1000)}, "")
	}
	frames, sent := 0, 0
	for b.waiting.Load() {
		data, taken := b.take(nil)
		if len(data) > mostFrame+2000 || len(taken) == 0 {
			t.Fatalf("a frame has %d bytes, and %d commands", len(data), len(taken))
		}
		frames++
		sent += len(taken)
	}
	if sent != n || frames < 10 {
		t.Errorf("%d of %d commands are sent in %d frames", sent, n, frames)
	}
}
