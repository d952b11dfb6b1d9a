package conn_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server/conn"
)

// TestHookedSubscribeRegrant: rights that change while a hook is asked hold for the
// subscription, and the hook is not asked again.
func TestHookedSubscribeRegrant(t *testing.T) {
	t.Parallel()
	for name, allow := range map[string]string{"still allowed": "a", "no longer allowed": "b"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(nil)
			var c atomic.Pointer[conn.Client]
			var asked atomic.Int64
			id := permitted(t, subscribing([]string{allow}, nil))
			h.load(t, rules(on(hooks.AtSubscribe, func(*hooks.Call) {
				asked.Add(1)
				if c := c.Load(); !c.Regrant(c.Identity(), id) {
					t.Error("the connection is another")
				}
			})))
			p := h.dialTCP(t)
			defer p.close()
			c.Store(p.c)
			p.send(hello + "SUB a 1\r\nPUB a 0\r\n\r\nPING\r\n")
			if allow == "a" {
				p.expect("MSG a 1 0", "")
			} else {
				p.expect(`-ERR 'Permissions Violation for Subscription to "a"'`)
			}
			p.expect("PONG")
			if n := asked.Load(); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// TestHookedSubscribe says for each answer about a subscription what the client
// gets to see, and that it has the subscription or not.
func TestHookedSubscribe(t *testing.T) {
	t.Parallel()
	const refused = `-ERR 'Permissions Violation for Subscription to "a.*"'`
	tests := map[string]struct {
		say  func(*hooks.Call)
		on   string
		want []string
	}{
		"pass":    {pass, ">", []string{"+OK", "+OK", "MSG a.b 1 1", "x"}},
		"allow":   {func(c *hooks.Call) { c.Out.Verdict = hooks.Allow }, "a.b", []string{"+OK", "+OK", "MSG a.b 1 1", "x"}},
		"deny":    {deny, "a.b", []string{refused, "+OK"}},
		"error":   {fail, "a.b", []string{refused, "+OK"}},
		"another": {deny, "b.>", []string{"+OK", "+OK", "MSG a.b 1 1", "x"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(nil)
			var asked notes[string]
			h.load(t, rules(on(hooks.AtSubscribe, func(c *hooks.Call) {
				asked.add(fmt.Sprintf("%s %s %v", c.Subject, c.Queue, c.Queue == nil))
				tt.say(c)
			}, tt.on)))
			p := h.dialTCP(t)
			defer p.close()
			p.send("CONNECT {\"verbose\":true}\r\n")
			p.expect("+OK")
			// Neither what is invalid nor what is there already is asked about.
			p.send("SUB a..b 9\r\nSUB a.* 1\r\nPUB a.b 1\r\nx\r\nPING\r\n")
			p.expect("-ERR 'Invalid Subject'")
			p.expect(tt.want...)
			p.expect("PONG")
			if got := asked.get(); tt.on != "b.>" && (len(got) != 1 || got[0] != "a.*  true") {
				t.Errorf("asked %q", got)
			}
		})
	}
}

// TestHookedEvents: the events of a connection, in order.
func TestHookedEvents(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	got := make(chan string, 100)
	h.load(t, hooktest.Hook("p", hooktest.Listener(func(e hooks.Event) {
		got <- fmt.Sprintf("%s %s %s %s %d %s", e.Type, e.Subject, e.Queue, e.Reason, e.Client.ID, e.Client.Name)
	})))
	silent := h.dialTCP(t) // sends no CONNECT, and is not told of
	silent.send("PING\r\n")
	silent.expect("PONG")
	silent.close()
	p := h.dialTCP(t)
	p.send("CONNECT {\"verbose\":false,\"name\":\"n\"}\r\nSUB a.* 1\r\nSUB b q 2\r\nSUB c 3\r\nSUB d 4\r\nUNSUB 2\r\nUNSUB 9\r\nUNSUB 3 1\r\nPUB c 0\r\n\r\nPING\r\n")
	p.expect("MSG c 3 0", "", "PONG")
	regrant(p, permitted(t, subscribing([]string{"d"}, nil)))
	p.expect(`-ERR 'Permissions Violation for Subscription to "a.*" (sid "1")'`)
	p.close()
	for _, want := range []string{
		"connect    2 n", "subscribe a.*   2 n", "subscribe b q  2 n", "subscribe c   2 n", "subscribe d   2 n",
		"unsubscribe b q  2 n", "unsubscribe c   2 n", "unsubscribe a.*   2 n", "disconnect   Client Closed 2 n",
	} {
		if g := <-got; g != want {
			t.Errorf("got %q, want %q", g, want)
		}
	}
	select {
	case g := <-got:
		t.Errorf("one more: %q", g)
	default:
	}
}

// TestHookedSlowConsumer: a connection that is cut because it does not read is
// told of as such.
func TestHookedSlowConsumer(t *testing.T) {
	t.Parallel()
	h := newHost(func(l *conn.Limits) { l.MaxPending, l.NoStall = 1<<20, true })
	got := make(chan string, 10)
	e := hooktest.Listener(func(e hooks.Event) { got <- e.Type + ": " + e.Reason }, hooks.EventSlowConsumer, hooks.EventDisconnect)
	h.load(t, hooktest.Hook("p", e))
	p, pub := h.dialTCP(t), h.dialTCP(t)
	defer p.close()
	defer pub.close()
	p.send(hello + "SUB a 1\r\nPING\r\n")
	p.expect("PONG")
	pub.send(hello)
	message := fmt.Sprintf("PUB a %d\r\n%s\r\n", 1<<19, strings.Repeat("x", 1<<19))
	for !p.c.Gone.Load() {
		pub.send(message + "PING\r\n")
		pub.expect("PONG")
	}
	for _, want := range []string{"slow_consumer: Slow Consumer (Pending Bytes)", "disconnect: Slow Consumer (Pending Bytes)"} {
		if g := <-got; g != want {
			t.Errorf("got %q, want %q", g, want)
		}
	}
}

// TestHookedClient: the connection as hooks know it is one value for as long as it
// is the same, and another one afterwards.
func TestHookedClient(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	var last atomic.Pointer[hooks.Client]
	h.load(t, rules(on(hooks.AtPublish, func(c *hooks.Call) { last.Store(c.Client) })))
	p := h.dialTCP(t)
	defer p.close()
	ask := func(before string) *hooks.Client {
		p.send(before + "PUB a 0\r\n\r\nPING\r\n")
		p.expect("PONG")
		return last.Load()
	}
	first := ask("CONNECT {\"verbose\":false,\"user\":\"u\",\"lang\":\"go\",\"version\":\"1\"}\r\n")
	if first.User != "u" || first.Lang != "go" || first.Version != "1" || first.Host != "127.0.0.1" || first.Kind != "STANDARD" {
		t.Errorf("got %+v", first)
	}
	if again := ask(""); again != first {
		t.Error("it is another although nothing has changed")
	}
	id := *p.c.Identity()
	id.Tags = []string{"role:x:y", "plain"}
	regrant(p, &id)
	if tagged := ask(""); tagged == first || tagged.Tags["role"] != "x:y" || len(tagged.Tags) != 2 || tagged.ID != first.ID {
		t.Errorf("got %+v", tagged)
	}
	if other := ask("CONNECT {\"verbose\":false,\"user\":\"v\"}\r\n"); other.User != "v" || other.ID != first.ID {
		t.Errorf("got %+v", other)
	}
}
