package conn_test

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/interest"
	"moonwire/server/permission"
)

// permitted is an identity with permissions; nil for everything.
func permitted(t testing.TB, p *config.Permissions) *auth.Identity {
	t.Helper()
	set, err := permission.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return &auth.Identity{User: "u", Permissions: set, Limits: auth.Unlimited}
}

func subscribing(allow, deny []string) *config.Permissions {
	return &config.Permissions{Subscribe: config.Rules{Allow: allow, Deny: deny}}
}

func publishing(allow ...string) *config.Permissions {
	return &config.Permissions{Publish: config.Rules{Allow: allow}}
}

// regrant gives the connection of p what now may do.
func regrant(p *peer, now *auth.Identity) {
	p.t.Helper()
	if !p.c.Regrant(p.c.Identity(), now) {
		p.t.Fatal("the connection is another")
	}
}

// sorted reads n lines, whose order is nobody's.
func (p *peer) sorted(n int) (lines []string) {
	p.t.Helper()
	for range n {
		lines = append(lines, p.line())
	}
	slices.Sort(lines)
	return lines
}

// TestRegrantSubscriptions: those that are not allowed any more are taken away,
// with a word for each; the others stay.
func TestRegrantSubscriptions(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	p := h.dialTCP(t)
	defer p.close()
	p.send(hello + "SUB a 1\r\nSUB b 2\r\nSUB b q 3\r\nSUB c.* 4\r\nPING\r\n")
	p.expect("PONG")
	regrant(p, permitted(t, subscribing([]string{"a", "c.x"}, nil)))
	want := []string{
		`-ERR 'Permissions Violation for Subscription to "b" (sid "2")'`,
		`-ERR 'Permissions Violation for Subscription to "b" using queue "q" (sid "3")'`,
		`-ERR 'Permissions Violation for Subscription to "c.*" (sid "4")'`,
	}
	if got := p.sorted(3); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := h.account.Index.Len(); n != 1 {
		t.Errorf("%d subscriptions are in the index, want 1", n)
	}
	p.send("PUB b 1\r\nx\r\nPUB c.x 1\r\nx\r\nPUB a 1\r\nx\r\nSUB b 5\r\nSUB c.x 4\r\nPUB c.x 1\r\nx\r\nPING\r\n")
	p.expect("MSG a 1 1", "x", `-ERR 'Permissions Violation for Subscription to "b"'`, "MSG c.x 4 1", "x", "PONG")

	regrant(p, permitted(t, nil))
	p.send("SUB b 5\r\nPUB b 1\r\ny\r\nPING\r\n")
	p.expect("MSG b 5 1", "y", "PONG")
	if n := len(p.c.Subscriptions()); n != 3 {
		t.Errorf("the connection has %d subscriptions, want 3", n)
	}
}

// TestRegrantFilters: a subscription that stays loses what is denied of it, and
// gets it back, whatever was looked up before.
func TestRegrantFilters(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	p, pub := h.dialTCP(t), h.dialTCP(t)
	defer p.close()
	defer pub.close()
	p.send(hello + "SUB a.* 1\r\nSUB a.* q 2\r\nPING\r\n")
	p.expect("PONG")
	pub.send(hello)
	check := func(when string, want ...string) {
		t.Helper()
		pub.send("PUB a.x 1\r\n1\r\nPUB a.y 1\r\n1\r\nPING\r\n") // often enough to be remembered
		pub.expect("PONG")
		pub.send("PUB a.x 1\r\n1\r\nPUB a.y 1\r\n1\r\nPING\r\n")
		pub.expect("PONG")
		p.send("PING\r\n")
		var got []string
		for line := p.line(); line != "PONG"; line = p.line() {
			if line != "1" {
				got = append(got, line)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
	const x1, x2, y1, y2 = "MSG a.x 1 1", "MSG a.x 2 1", "MSG a.y 1 1", "MSG a.y 2 1"
	check("at first", x1, x1, x2, x2, y1, y1, y2, y2)
	regrant(p, permitted(t, subscribing(nil, []string{"a.x"})))
	check("denied", y1, y1, y2, y2)
	regrant(p, permitted(t, subscribing(nil, []string{"a.y"})))
	check("another one denied", x1, x1, x2, x2)
	regrant(p, permitted(t, nil))
	check("at last", x1, x1, x2, x2, y1, y1, y2, y2)
}

// TestRegrantPublish: decisions that a connection remembers are forgotten.
func TestRegrantPublish(t *testing.T) {
	t.Parallel()
	p := newHost(nil).dialTCP(t)
	defer p.close()
	const both = "PUB a 0\r\n\r\nPUB b 0\r\n\r\nPING\r\n"
	const noA, noB = `-ERR 'Permissions Violation for Publish to "a"'`, `-ERR 'Permissions Violation for Publish to "b"'`
	p.send(hello + both)
	p.expect("PONG")
	for range 2 {
		regrant(p, permitted(t, publishing("a")))
		p.send(both + both)
		p.expect(noB, "PONG", noB, "PONG")
		regrant(p, permitted(t, publishing("b")))
		p.send(both + both)
		p.expect(noA, "PONG", noA, "PONG")
		regrant(p, permitted(t, nil))
		p.send(both)
		p.expect("PONG")
	}
}

// witness is a target that tells of the first that it gets.
type witness struct {
	interest.Target
	once sync.Once
	got  chan struct{}
}

// Submit implements interest.Sink.
func (w *witness) Submit(*interest.Staged) bool {
	w.once.Do(func() { close(w.got) })
	return true
}

// TestRegrantGreedy: a publisher whose input never ends is held to its new
// permissions too. It has many receivers, so that there is always more input
// than the server has read.
func TestRegrantGreedy(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	var w *witness
	for i := range 300 {
		w = &witness{got: make(chan struct{})}
		w.Ordinal, w.Sink = h.env.Ordinals.Take(), w
		h.account.Index.Insert(&interest.Sub{Subject: "a", Sid: strconv.Itoa(i), Target: &w.Target})
	}
	p := h.dialTCP(t)
	p.send(hello + "PING\r\n")
	p.expect("PONG")
	var sending sync.WaitGroup
	sending.Go(func() {
		_, _ = io.WriteString(p.nc, strings.Repeat("PUB a 0\r\n\r\n", 500_000)+"PING\r\n")
	})
	<-w.got
	regrant(p, permitted(t, publishing("b")))
	line := p.line()
	for line == "PING" { // two seconds have passed
		line = p.line()
	}
	if want := `-ERR 'Permissions Violation for Publish to "a"'`; line != want {
		t.Errorf("got %q, want %q", line, want)
	}
	for p.line() != "PONG" {
	}
	p.close()
	sending.Wait()
}

// TestRegrantAnswers: requests that came before may be answered afterwards,
// unless the rule for that is another.
func TestRegrantAnswers(t *testing.T) {
	t.Parallel()
	answering := func(most int) *config.Permissions {
		return &config.Permissions{Responses: &config.Responses{Max: most}}
	}
	p := newHost(nil).dialTCP(t)
	defer p.close()
	p.send(hello + "SUB q 1\r\nPING\r\n")
	p.expect("PONG")
	regrant(p, permitted(t, answering(1)))
	pub := p.h.dialTCP(t)
	defer pub.close()
	pub.send(hello + "SUB r 1\r\nPUB q r 1\r\n?\r\nPUB q r2 1\r\n?\r\nPING\r\n")
	pub.expect("PONG")
	p.expect("MSG q 1 r 1", "?", "MSG q 1 r2 1", "?")
	regrant(p, permitted(t, answering(1)))
	p.send("PUB r 1\r\n!\r\nPING\r\n")
	p.expect("PONG")
	pub.expect("MSG r 1 1", "!")
	regrant(p, permitted(t, publishing("other")))
	p.send("PUB r2 1\r\n!\r\nPING\r\n")
	p.expect(`-ERR 'Permissions Violation for Publish to "r2"'`, "PONG")
}

// TestRegrantOfAnother: an identity that the connection does not have any more
// is not replaced.
func TestRegrantOfAnother(t *testing.T) {
	t.Parallel()
	p := newHost(nil).dialTCP(t)
	defer p.close()
	p.send(hello + "PING\r\n")
	p.expect("PONG")
	was := p.c.Identity()
	p.send("CONNECT {\"verbose\":false,\"user\":\"second\"}\r\nPING\r\n")
	p.expect("PONG")
	if p.c.Regrant(was, permitted(t, publishing("a"))) {
		t.Error("replaced what the connection was before")
	}
	if id := p.c.Identity(); id.User != "second" || id.Permissions != nil {
		t.Errorf("the connection became %+v", id)
	}
	regrant(p, permitted(t, publishing("a")))
	if got := p.c.Snapshot().User; got != "u" {
		t.Errorf("monitoring calls the user %q, want %q", got, "u")
	}
}

// TestRegrantExpires: the time at which the connection ends is that of the new
// identity.
func TestRegrantExpires(t *testing.T) {
	t.Parallel()
	p := newHost(nil).dialTCP(t)
	p.send(hello + "PING\r\n")
	p.expect("PONG")
	now := permitted(t, nil)
	now.Expires = time.Now().Add(-time.Second)
	regrant(p, now)
	p.expectEnd("-ERR 'User Authentication Expired'\r\n")
	p.close()
}

// TestRegrantWhileSubscribing has permissions change while subscriptions come
// and go. In the end there are those, in the connection and in the index, that
// are allowed.
func TestRegrantWhileSubscribing(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	p := h.dialTCP(t)
	p.send(hello + "PING\r\n")
	p.expect("PONG")
	identities := []*auth.Identity{
		permitted(t, nil), permitted(t, subscribing([]string{"a.>"}, nil)),
		permitted(t, subscribing(nil, []string{"a.>"})), permitted(t, subscribing(nil, []string{"a.5"})),
	}
	var work sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
					p.c.Regrant(p.c.Identity(), identities[i%len(identities)])
				}
			}
		})
	}
	var read sync.WaitGroup
	read.Go(func() {
		for {
			line, err := p.r.ReadString('\n')
			if err != nil || line == "PONG\r\n" {
				return
			}
		}
	})
	for i := range 3000 {
		p.send(fmt.Sprintf("SUB a.%d %d\r\nSUB b.%d q b%d\r\nSUB a.* w%d\r\nUNSUB %d\r\n", i%10, i, i%10, i, i, i-5))
	}
	p.send("PING\r\n")
	read.Wait()
	close(done)
	work.Wait()
	regrant(p, permitted(t, subscribing([]string{"a.1"}, nil)))
	p.send("PING\r\n")
	for p.line() != "PONG" {
	}
	subs := p.c.Subscriptions()
	for _, s := range subs {
		if s.Subject != "a.1" {
			t.Errorf("the connection has a subscription to %q", s.Subject)
		}
	}
	if n := h.account.Index.Len(); n != len(subs) {
		t.Errorf("the index has %d subscriptions, the connection %d", n, len(subs))
	}
	p.close()
	if n := h.account.Index.Len(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}
