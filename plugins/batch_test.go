package plugins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"moonwire/hooks"
	"moonwire/plugins/api/frame"
)

// TestManyClients: the calls of a hook in shadow mode are of many clients.
func TestManyClients(t *testing.T) {
	t.Parallel()
	p, _ := open(t, nil, nil)
	var calls []*hooks.Call
	for i := range 9 {
		calls = append(calls, call(t, &hooks.Client{ID: uint64(i), User: fmt.Sprint("u", i/2%3)}, "p.deny"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Do(ctx, atPublish, calls); err != nil {
		t.Fatal(err)
	}
	for i, c := range calls {
		if want := "by " + c.Client.User; c.Err != nil || c.Out.Reason != want {
			t.Errorf("call %d: got %q, %v, want %q", i, c.Out.Reason, c.Err, want)
		}
	}
}

// TestPartOfABatch: an answer stands, whatever becomes of the others.
func TestPartOfABatch(t *testing.T) {
	t.Parallel()
	p, _ := open(t, nil, nil)
	calls := []*hooks.Call{call(t, bob(), "p.deny"), call(t, bob(), "p.hang"), call(t, bob(), "p.fail"), call(t, bob(), "p.x")}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := p.Do(ctx, atPublish, calls); err != nil {
		t.Fatalf("an error is that of the calls that are answered, too: %v", err)
	}
	if c := calls[0]; c.Err != nil || c.Out.Verdict != hooks.Deny {
		t.Errorf("got %+v, %v", c.Out, c.Err)
	}
	// What hangs answers when its time is over, or not at all.
	if c := calls[1]; c.Err != nil && !errors.Is(c.Err, context.DeadlineExceeded) {
		t.Errorf("got %v", c.Err)
	}
	var e *hooks.Error
	if c := calls[2]; !errors.As(c.Err, &e) || e.Kind != hooks.KindRuntime {
		t.Errorf("got %v", c.Err)
	}
	if c := calls[3]; c.Err != nil || c.Out.Verdict != hooks.Allow {
		t.Errorf("got %+v, %v", c.Out, c.Err)
	}
}

// TestLargeBatch: what is more than a frame bears goes in several.
func TestLargeBatch(t *testing.T) {
	t.Parallel()
	p, _ := open(t, func(o *Options) { o.BatchMax, o.BatchBytes = 10, 8<<10 }, nil)
	for _, size := range []int{1, 1 << 10, 20 << 10} {
		var calls []*hooks.Call
		for i := range 35 {
			c := call(t, bob(), "i.x")
			c.Payload = []byte(strings.Repeat(string(rune('a'+i%26)), size))
			calls = append(calls, c)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := p.Do(ctx, atInspect, calls)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range calls {
			if want := strings.ToUpper(string(c.Payload)); c.Err != nil || string(c.Out.Payload) != want {
				t.Errorf("%d bytes, call %d: %d bytes came back, %v", size, i, len(c.Out.Payload), c.Err)
			}
		}
	}
}

// TestCanceled: a connection that ends waits no longer, and that is no failure of
// the plugin.
func TestCanceled(t *testing.T) {
	t.Parallel()
	p, _ := open(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	c := call(t, bob(), "p.hang")
	done := make(chan error)
	go func() { done <- p.Do(ctx, atPublish, []*hooks.Call{c}) }()
	l := p.now.Load().link
	eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.mu.out == 1
	}, "the question is out")
	cancel()
	if err := <-done; err != nil || !errors.Is(c.Err, context.Canceled) {
		t.Errorf("got %v, %v", err, c.Err)
	}
	if len(l.doubted) > 0 {
		t.Error("the plugin is doubted")
	}
}

// TestSlowConnects: messages do not wait for clients that a plugin takes its time to
// let in.
func TestSlowConnects(t *testing.T) {
	t.Parallel()
	p, _ := open(t, func(o *Options) { o.Window = 1 }, nil)
	var slow sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer slow.Wait()
	defer cancel()
	for i := range 3 {
		c := call(t, &hooks.Client{ID: uint64(100 + i)}, "")
		c.Connect = &hooks.ConnectInfo{User: "slow"}
		slow.Go(func() { _ = p.Do(ctx, atConnect, []*hooks.Call{c}) })
	}
	l := p.now.Load().link
	eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.mu.waiting.list) == 3 && len(l.mu.queue) == 0
	}, "the plugin is asked about three clients")
	for range 5 {
		if err := ask(t, p, atPublish, call(t, bob(), "p.x"), patience); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoMostPayload: a message may grow by much where nothing bounds it.
func TestNoMostPayload(t *testing.T) {
	t.Parallel()
	p, _ := open(t, nil, nil)
	c := call(t, bob(), "i.x")
	c.MaxPayload, c.Payload = 0, bytes.Repeat([]byte("a"), 5<<20)
	if err := ask(t, p, atInspect, c, patience); err != nil || len(c.Out.Payload) != 5<<20 {
		t.Errorf("%d bytes came back, %v", len(c.Out.Payload), err)
	}
}

// TestRepliesHoldLittle: while a batch waits for its other replies it does not hold the
// frames that the first have come in, however large a plugin makes them.
func TestRepliesHoldLittle(t *testing.T) {
	t.Parallel()
	reply, err := proto.Marshal(allow(1 << placeBits))
	if err != nil {
		t.Fatal(err)
	}
	const unknown = 15 // a field
	data := frame.AppendBytes(nil, frame.RepliesReplies, reply)
	data = frame.AppendBytes(data, unknown, make([]byte, 16<<20))
	b := &batch{name: 1, requests: 2, left: 2, replies: make([][]byte, 2), most: mostReply, frame: &sent{left: 2}}
	l := &link{}
	l.mu.waiting.add(b)
	if _, err := l.take(data, nil); err != nil {
		t.Fatal(err)
	}
	clear(data)
	if !bytes.Equal(b.replies[0], reply) {
		t.Errorf("the batch has %x of the frame itself, want %x", b.replies[0], reply)
	}
}
