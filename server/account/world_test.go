package account

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"moonwire/server/config"
	"moonwire/server/delivery"
	"moonwire/server/interest"
	"moonwire/server/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a set of accounts with clients in them.
type world struct {
	t        interface{ Fatalf(string, ...any) }
	set      *Set
	pool     delivery.Pool
	ordinals interest.Ordinals
}

func newWorld(t testing.TB, accounts ...config.Account) *world {
	t.Helper()
	s, err := NewSet(&config.Options{Accounts: accounts})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, set: s}
}

// client is a target that counts as a connection does, and remembers what it got.
type client struct {
	interest.Target
	world *world
	name  string
	in    *Account
	info  Info

	mu   sync.Mutex
	got  []string
	subs map[string]*interest.Sub
}

func (w *world) client(account, name string) *client {
	c := &client{world: w, name: name, in: w.set.Get(account), subs: make(map[string]*interest.Sub)}
	c.Ordinal, c.Sink = w.ordinals.Take(), c
	return c
}

// RTT implements Requester.
func (c *client) RTT() time.Duration { return c.info.RTT }

// Info implements Requester.
func (c *client) Info() Info { return c.info }

// Submit implements interest.Sink.
func (c *client) Submit(b *interest.Staged) bool {
	c.mu.Lock()
	var finished []*interest.Sub
	b.Msgs, b.Bytes = 0, 0
	for _, n := range b.Counts {
		at := n.At
		for range n.N {
			var m wire.Pub
			size := wire.NextFrame(b.Data[at:], &m)
			frame := b.Data[at : at+size]
			at += size
			s := n.Sub
			if s.Closed() || s.Max > 0 && s.Delivered >= s.Max {
				if s.Queue != "" {
					b.Dropped = append(b.Dropped, interest.Frame{Sub: s, Data: frame})
				}
				continue
			}
			b.Msgs++
			c.got = append(c.got, string(frame))
			if s.Delivered++; s.Delivered == s.Max && s.Close() {
				finished = append(finished, s)
			}
		}
	}
	c.mu.Unlock()
	for _, s := range finished {
		c.in.Unsubscribe(s)
	}
	return true
}

// sub subscribes: "subject sid" or "subject queue sid".
func (c *client) sub(args string) *interest.Sub {
	f := strings.Fields(args)
	s := &interest.Sub{Subject: f[0], Sid: f[len(f)-1], Target: &c.Target}
	if len(f) == 3 {
		s.Queue = f[1]
	}
	c.subs[s.Sid] = s
	c.in.Subscribe(s)
	return s
}

// unsub gives a subscription up, as a connection does.
func (c *client) unsub(s *interest.Sub) {
	s.Close()
	c.in.Unsubscribe(s)
	c.Generation.Add(1)
}

// pub publishes protocol lines in one batch, and reports whether anybody took
// the last message.
func (c *client) pub(in string) (taken bool) {
	ctx := c.world.pool.Get(&c.Target, c.in.Index)
	p := wire.Parser{MaxControlLine: 4096, MaxPayload: 1 << 20, Headers: true}
	for b := []byte(in); len(b) > 0; {
		op, n, err := p.Next(b)
		if err != nil || op != wire.OpPub {
			c.world.t.Fatalf("%q: %v", b, err)
		}
		taken = ctx.Publish(&p.Pub)
		b = b[n:]
	}
	ctx.EndRun()
	ctx.Flush()
	c.world.pool.Put(ctx)
	return taken
}

// take returns what the client got since the last call.
func (c *client) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.got
	c.got = nil
	return got
}

func (c *client) expect(t testing.TB, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, c.take()); diff != "" {
		t.Errorf("%s got (-want +got):\n%s", c.name, diff)
	}
}

// lens returns how many subscriptions there are in each account.
func (w *world) lens() string {
	var b bytes.Buffer
	for _, a := range w.set.All() {
		fmt.Fprintf(&b, "%s:%d ", a.Name, a.Index.Len())
	}
	return strings.TrimSpace(b.String())
}

func streams(subjects ...string) (list []config.Export) {
	for _, s := range subjects {
		list = append(list, config.Export{Subject: s})
	}
	return list
}

func services(subjects ...string) (list []config.Export) {
	for _, s := range subjects {
		list = append(list, config.Export{Service: true, Subject: s})
	}
	return list
}

func pubOf(t testing.TB, in string) *wire.Pub {
	t.Helper()
	p := wire.Parser{MaxControlLine: 4096, MaxPayload: 1 << 20, Headers: true}
	if _, _, err := p.Next([]byte(in)); err != nil {
		t.Fatal(err)
	}
	return &p.Pub
}

// echo is a service that answers at once, from within the delivery of a request.
type echo struct {
	interest.Target
	world *world
	in    *Account
}

// Submit implements interest.Sink.
func (e *echo) Submit(b *interest.Staged) bool {
	ctx := e.world.pool.Get(&e.Target, e.in.Index)
	for data := b.Data; len(data) > 0; {
		var m wire.Pub
		n := wire.NextFrame(data, &m)
		data = data[n:]
		ctx.Publish(&wire.Pub{Subject: m.Reply, Header: wire.NoHeader, Size: 2, Tail: []byte("2\r\nok\r\n")})
	}
	ctx.Flush()
	e.world.pool.Put(ctx)
	return true
}

// updateUntil makes the accounts now these, now those, while work goes on, and
// closes stop when it is over.
func (w *world) updateUntil(t *testing.T, stop chan struct{}, these, those []config.Account, work func()) {
	var update sync.WaitGroup
	update.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			now := these
			if i%2 == 0 {
				now = those
			}
			if _, err := w.set.Update(&config.Options{Accounts: now}); err != nil {
				t.Error(err)
			}
			w.set.Sweep()
		}
	})
	work()
	close(stop)
	update.Wait()
}
