package conn_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/hooks"
	"moonwire/server/account"
	"moonwire/server/config"
	"moonwire/server/conn"
)

// policy is a hook in Go: a function for each registration.
type policy struct {
	regs   []hooks.Registration
	do     func(ctx context.Context, registration int, calls []*hooks.Call) error
	notify func([]hooks.Event)
}

func (p *policy) Registrations() []hooks.Registration { return p.regs }

func (p *policy) Do(ctx context.Context, r int, calls []*hooks.Call) error {
	return p.do(ctx, r, calls)
}

func (p *policy) Notify(_ int, events []hooks.Event) { p.notify(events) }

func (p *policy) Close(context.Context) error { return nil }

// rule is what a policy says at a point.
type rule struct {
	at  hooks.Registration
	say func(*hooks.Call)
}

// on is a rule for some subjects, or all.
func on(p hooks.Point, say func(*hooks.Call), subjects ...string) rule {
	return rule{hooks.Registration{Point: p, Subjects: subjects}, say}
}

// rules returns a hook named "p" of some rules. It has time: a busy machine must not
// open its breaker.
func rules(list ...rule) hooks.Hook {
	p := new(policy)
	for _, r := range list {
		p.regs = append(p.regs, r.at)
	}
	p.do = func(_ context.Context, r int, calls []*hooks.Call) error {
		for _, c := range calls {
			list[r].say(c)
		}
		return nil
	}
	return hooks.Hook{Name: "p", Engine: p, Timeout: hooks.PerPoint[time.Duration]{}.All(time.Minute)}
}

// load gives the account of h hooks, until the test ends.
func (h *host) load(t testing.TB, list ...hooks.Hook) {
	t.Helper()
	set, err := hooks.Compile(list, hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.account.Hooks.Store(set.Table(h.account.Name))
	t.Cleanup(func() {
		if err := set.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// notes is a list that the read loop writes and the test reads.
type notes[T any] struct {
	mu  sync.Mutex
	all []T
}

func (n *notes[T]) add(v T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, v)
}

func (n *notes[T]) get() []T {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all
}

// The answers of hooks.

func deny(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Deny, Reason: "no\nway"} }
func drop(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Drop, Reason: "away"} }
func pass(*hooks.Call)   {}

func to(subject string) func(*hooks.Call) {
	return func(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Replace, Subject: []byte(subject)} }
}

func message(header, payload []byte) func(*hooks.Call) {
	return func(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Replace, Header: header, Payload: payload} }
}

// under moves a message below a token.
func under(token string) func(*hooks.Call) {
	return func(c *hooks.Call) {
		c.Out = hooks.Result{Verdict: hooks.Replace, Subject: append([]byte(token+"."), c.Subject...)}
	}
}

func fail(c *hooks.Call) { c.Err = io.ErrUnexpectedEOF }

const block = "NATS/1.0\r\nA: b\r\n\r\n"

// TestHookedMessages says for each answer at each point what the client gets to
// see, byte for byte. It listens to all that it publishes.
func TestHookedMessages(t *testing.T) {
	t.Parallel()
	const (
		violation = "-ERR 'Permissions Violation for Publish to \"%s\"'\r\n"
		three     = "PUB a.x 1\r\n1\r\nPUB b 1\r\n2\r\nPUB c 1\r\n3\r\n"
		m1, m2    = "MSG a.x 1 1\r\n1\r\n", "MSG b 1 1\r\n2\r\n"
		m3        = "MSG c 1 1\r\n3\r\n"
	)
	tests := map[string]struct {
		hooks   []hooks.Hook
		connect string // fields of CONNECT, beside headers
		rights  *config.Permissions
		in, out string
	}{
		"pass": {
			hooks: []hooks.Hook{rules(on(hooks.AtRewrite, pass), on(hooks.AtPublish, pass), on(hooks.AtInspect, pass))},
			in:    three, out: m1 + m2 + m3,
		},
		"publish: allow": {
			hooks: []hooks.Hook{rules(on(hooks.AtPublish, func(c *hooks.Call) { c.Out.Verdict = hooks.Allow }))},
			in:    three, out: m1 + m2 + m3,
		},
		"publish: deny": {
			hooks: []hooks.Hook{rules(on(hooks.AtPublish, deny, "b"))},
			in:    three, out: m1 + fmt.Sprintf(violation, "b") + m3,
		},
		"publish: an error denies": {
			hooks: []hooks.Hook{rules(on(hooks.AtPublish, fail, "b"))},
			in:    three, out: m1 + fmt.Sprintf(violation, "b") + m3,
		},
		"publish: a panic denies": {
			hooks: []hooks.Hook{rules(on(hooks.AtPublish, func(*hooks.Call) { panic("!") }, "b"))},
			in:    three, out: m1 + fmt.Sprintf(violation, "b") + m3,
		},
		"rewrite": {
			hooks: []hooks.Hook{rules(on(hooks.AtRewrite, to("n"), "b"))},
			in:    three, out: m1 + "MSG n 1 1\r\n2\r\n" + m3,
		},
		"rewrite: deny": {
			hooks: []hooks.Hook{rules(on(hooks.AtRewrite, deny, "b"))},
			in:    three, out: m1 + fmt.Sprintf(violation, "b") + m3,
		},
		"rewrite, and a hook for the new subject": {
			hooks: []hooks.Hook{rules(on(hooks.AtRewrite, to("n"), "b"), on(hooks.AtPublish, deny, "n"))},
			in:    three, out: m1 + fmt.Sprintf(violation, "b") + m3,
		},
		"rewrite, away from a hook": {
			hooks: []hooks.Hook{rules(on(hooks.AtRewrite, to("n"), "b"), on(hooks.AtPublish, deny, "b"), on(hooks.AtInspect, drop, "b"))},
			in:    three, out: m1 + "MSG n 1 1\r\n2\r\n" + m3,
		},
		"rewrite to what the server keeps": {
			hooks: []hooks.Hook{rules(on(hooks.AtRewrite, to("_GR_.x"), "a.>"), on(hooks.AtRewrite, to("$NRG.x"), "b"))},
			in:    three, out: fmt.Sprintf(violation, "a.x") + fmt.Sprintf(violation, "b") + m3,
		},
		"rewrite to what the user may not": {
			hooks:  []hooks.Hook{rules(on(hooks.AtRewrite, to("secret"), "b"))},
			rights: &config.Permissions{Publish: config.Rules{Deny: []string{"secret"}}},
			in:     three, out: m1 + fmt.Sprintf(violation, "b") + m3,
		},
		"rewrite to what the user may": {
			hooks:  []hooks.Hook{rules(on(hooks.AtRewrite, to("c"), "b"))},
			rights: &config.Permissions{Publish: config.Rules{Allow: []string{"c"}}},
			in:     three, out: fmt.Sprintf(violation, "a.x") + "MSG c 1 1\r\n2\r\n" + m3,
		},
		"publish is not asked where permissions refuse": {
			hooks:  []hooks.Hook{rules(on(hooks.AtPublish, func(*hooks.Call) { panic("asked") }, "b"))},
			rights: &config.Permissions{Publish: config.Rules{Deny: []string{"b"}}},
			in:     three, out: m1 + fmt.Sprintf(violation, "b") + m3,
		},
		"inspect: payload": {
			hooks: []hooks.Hook{rules(on(hooks.AtInspect, message(nil, []byte("hello")), "b"))},
			in:    three, out: m1 + "MSG b 1 5\r\nhello\r\n" + m3,
		},
		"inspect: empty payload": {
			hooks: []hooks.Hook{rules(on(hooks.AtInspect, message(nil, []byte{}), "b"))},
			in:    three, out: m1 + "MSG b 1 0\r\n\r\n" + m3,
		},
		"inspect: header": {
			hooks: []hooks.Hook{rules(on(hooks.AtInspect, message([]byte(block), nil), "b"))},
			in:    three, out: m1 + "HMSG b 1 18 19\r\n" + block + "2\r\n" + m3,
		},
		"inspect: header of one with a reply": {
			hooks: []hooks.Hook{rules(on(hooks.AtInspect, message([]byte(block), []byte("xy")), "b"))},
			in:    "PUB b r 1\r\n2\r\n", out: "HMSG b 1 r 18 20\r\n" + block + "xy\r\n",
		},
		"inspect: no header": {
			hooks: []hooks.Hook{rules(on(hooks.AtInspect, message([]byte{}, nil), "b"))},
			in:    "HPUB b r 18 19\r\n" + block + "2\r\n", out: "MSG b 1 r 1\r\n2\r\n",
		},
		"inspect: deny": {
			hooks: []hooks.Hook{rules(on(hooks.AtInspect, deny, "b"))},
			in:    three, out: m1 + fmt.Sprintf(violation, "b") + m3,
		},
		"inspect: drop": {
			hooks: []hooks.Hook{rules(on(hooks.AtInspect, drop, "b"))},
			in:    three, out: m1 + m3,
		},
		"inspect: an error drops": {
			hooks: []hooks.Hook{rules(on(hooks.AtInspect, fail, "b"))},
			in:    three, out: m1 + m3,
		},
		"unusual spelling": {
			hooks: []hooks.Hook{rules(on(hooks.AtInspect, message([]byte(block), nil), "b"), on(hooks.AtRewrite, to("n"), "c"))},
			in:    "pub\tb  r\t1\r\n2\r\npub  c 1\n3\r\n", out: "HMSG b 1 r 18 19\r\n" + block + "2\r\nMSG n 1 1\r\n3\r\n",
		},
		"verbose": {
			hooks: []hooks.Hook{rules(on(hooks.AtPublish, deny, "b"), on(hooks.AtInspect, drop, "c"))}, connect: `,"verbose":true`,
			in: three, out: "+OK\r\n" + m1 + fmt.Sprintf(violation, "b") + "+OK\r\n",
		},
		"pedantic": {
			hooks: []hooks.Hook{rules(on(hooks.AtPublish, deny, "b"))}, connect: `,"pedantic":true`,
			in:  "PUB b 1\r\n1\r\nPUB x.* 1\r\n2\r\nPUB c 1\r\n3\r\nPUB y.* 1\r\n4\r\n",
			out: fmt.Sprintf(violation, "b") + "-ERR 'Invalid Publish Subject'\r\nMSG x.* 1 1\r\n2\r\n" + m3 + "-ERR 'Invalid Publish Subject'\r\nMSG y.* 1 1\r\n4\r\n",
		},
		"no responders": {
			hooks:   []hooks.Hook{rules(on(hooks.AtRewrite, to("nobody.n"), "q"), on(hooks.AtInspect, drop, "d"))},
			connect: `,"no_responders":true`,
			in:      "UNSUB 1\r\nSUB r 2\r\nSUB c 1\r\nPUB q r 1\r\n1\r\nPUB c 1\r\n3\r\nPUB d r 1\r\n4\r\n",
			out:     "HMSG r 2 40 40\r\nNATS/1.0 503\r\nNats-Subject: nobody.n\r\n\r\n\r\n" + m3,
		},
		"between other operations": {
			hooks: []hooks.Hook{rules(on(hooks.AtPublish, deny, "b"), on(hooks.AtInspect, pass))},
			in:    "PUB c 1\r\n3\r\nUNSUB 1\r\nPUB c 1\r\n3\r\nPUB b 1\r\n1\r\nPING\r\nPUB b 1\r\n1\r\nSUB c 1\r\nPUB c 1\r\n3\r\n",
			out:   m3 + fmt.Sprintf(violation, "b") + "PONG\r\n" + fmt.Sprintf(violation, "b") + m3,
		},
		"two hooks see what the first made": {
			hooks: []hooks.Hook{rules(on(hooks.AtInspect, message(nil, []byte("ab")))), named("q", rules(on(hooks.AtInspect, func(c *hooks.Call) {
				message(nil, append(bytes.ToUpper(c.Payload), byte('0'+c.Size)))(c)
			})))},
			in: "PUB b 1\r\n2\r\n", out: "MSG b 1 3\r\nAB2\r\n",
		},
		"shadow": {
			hooks: []hooks.Hook{shadow(rules(on(hooks.AtPublish, deny), on(hooks.AtInspect, drop), on(hooks.AtRewrite, to("n"))))},
			in:    three, out: m1 + m2 + m3,
		},
	}
	for name, tt := range tests {
		for _, split := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, split %v", name, split), func(t *testing.T) {
				t.Parallel()
				h := newHost(nil)
				h.rights = permitted(t, tt.rights).Permissions
				h.load(t, tt.hooks...)
				p := h.dialTCP(t)
				defer p.close()
				hello := "CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB > 1\r\nPING\r\n"
				if tt.connect != "" {
					hello += "CONNECT {\"verbose\":false,\"headers\":true" + tt.connect + "}\r\nSUB > 1\r\nPING\r\n"
				}
				p.send(hello)
				for pongs := strings.Count(hello, "PING"); pongs > 0; {
					if p.line() == "PONG" {
						pongs--
					}
				}
				if split {
					for i := range tt.in {
						p.send(tt.in[i : i+1])
					}
					p.send("PING\r\n")
				} else {
					p.send(tt.in + "PING\r\n")
				}
				if got, want := p.read(len(tt.out)+len("PONG\r\n")), tt.out+"PONG\r\n"; got != want {
					t.Errorf("got\n%q, want\n%q", got, want)
				}
			})
		}
	}
}

func named(name string, h hooks.Hook) hooks.Hook {
	h.Name = name
	return h
}

func shadow(h hooks.Hook) hooks.Hook {
	h.Mode = hooks.Shadow
	return h
}

// read returns the next n bytes, or what there is before the end.
func (p *peer) read(n int) string {
	p.t.Helper()
	_ = p.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, n)
	got, err := io.ReadFull(p.r, b)
	if err != nil {
		p.t.Errorf("reading %d bytes: %v", n, err)
	}
	return string(b[:got])
}

// TestHookedUnfinished: a pedantic client is told of a subject before the payload
// is there, and what came before is decided by then.
func TestHookedUnfinished(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	h.load(t, rules(on(hooks.AtPublish, deny, "b")))
	p := h.dialTCP(t)
	defer p.close()
	p.send("CONNECT {\"verbose\":false,\"pedantic\":true}\r\nSUB x.* 1\r\nPING\r\n")
	p.expect("PONG")
	p.send("PUB b 1\r\n1\r\nPUB x.* 2\r\n")
	p.expect(`-ERR 'Permissions Violation for Publish to "b"'`, "-ERR 'Invalid Publish Subject'")
	p.send("hi\r\nPUB b 1\r\n1\r\nPUB b 2\r\nhiho\r\n") // broken
	p.expect("MSG x.* 1 2", "hi", `-ERR 'Permissions Violation for Publish to "b"'`, "-ERR 'Unknown Protocol Operation'")
}

// TestHookedCall: what a call says of a message at each point.
func TestHookedCall(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	var noted notes[string]
	note := func(c *hooks.Call) {
		noted.add(fmt.Sprintf("%s<%s reply %q header %q payload %q size %d most %d client %d %q", c.Subject, c.OriginalSubject,
			c.Reply, c.Header, c.Payload, c.Size, c.MaxPayload, c.Client.ID, c.Client.Name))
	}
	h.load(t, rules(
		on(hooks.AtRewrite, func(c *hooks.Call) { note(c); under("n")(c) }), on(hooks.AtPublish, note), on(hooks.AtInspect, note)))
	mapTo(t, h, "m", "mapped")
	p := h.dialTCP(t)
	defer p.close()
	p.send("CONNECT {\"verbose\":false,\"headers\":true,\"name\":\"app\"}\r\n" +
		"PUB m r 2\r\nhi\r\nHPUB a 18 20\r\n" + block + "hi\r\nHPUB z 0 2\r\nhi\r\nPING\r\n")
	p.expect("PONG")
	const who = `most 1048576 client 1 "app"`
	want := []string{
		`mapped<m reply "r" header "" payload "" size 2 ` + who,
		`a< reply "" header "NATS/1.0\r\nA: b\r\n\r\n" payload "" size 20 ` + who,
		`z< reply "" header "" payload "" size 2 ` + who,
		`n.mapped<m reply "r" header "" payload "" size 2 ` + who,
		`n.a<a reply "" header "NATS/1.0\r\nA: b\r\n\r\n" payload "" size 20 ` + who,
		`n.z<z reply "" header "" payload "" size 2 ` + who,
		`n.mapped<m reply "r" header "" payload "hi" size 2 ` + who,
		`n.a<a reply "" header "NATS/1.0\r\nA: b\r\n\r\n" payload "hi" size 20 ` + who,
		`n.z<z reply "" header "" payload "hi" size 2 ` + who,
	}
	got := noted.get()
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("call %d of %d is\n%q, want\n%q", i, len(got), got[i:min(i+1, len(got))], want[i])
		}
	}
}

// mapTo maps one subject of the account of h to another.
func mapTo(t testing.TB, h *host, from, to string) {
	t.Helper()
	set, err := account.NewSet(&config.Options{Mappings: []config.Mapping{{Source: from, Destinations: []config.Destination{{Subject: to, Weight: 100}}}}})
	if err != nil {
		t.Fatal(err)
	}
	h.account.Mappings.Store(set.Get(account.Global).Mappings.Load())
}

// TestHookedNames: a client is told the subject that its account's mappings made,
// as without hooks, but not what a hook made, nor anything by a rewrite.
func TestHookedNames(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		hook hooks.Hook
		want string
	}{
		"publish":                {rules(on(hooks.AtPublish, deny)), "mapped"},
		"inspect":                {rules(on(hooks.AtInspect, deny)), "mapped"},
		"rewrite":                {rules(on(hooks.AtRewrite, deny)), "m"},
		"publish, rewritten":     {rules(on(hooks.AtRewrite, to("n")), on(hooks.AtPublish, deny)), "m"},
		"permissions, rewritten": {rules(on(hooks.AtRewrite, to("secret"))), "m"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(nil)
			h.rights = permitted(t, &config.Permissions{Publish: config.Rules{Deny: []string{"secret"}}}).Permissions
			h.load(t, tt.hook)
			mapTo(t, h, "m", "mapped")
			p := h.dialTCP(t)
			defer p.close()
			p.send(hello + "PUB m 0\r\n\r\n")
			p.expect(`-ERR 'Permissions Violation for Publish to "` + tt.want + `"'`)
		})
	}
}

// TestHookedStatistics: what came in is counted as the client sent it, what goes
// out as it was delivered.
func TestHookedStatistics(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	h.load(t, rules(on(hooks.AtInspect, message([]byte(block), []byte("longer")), "a"), on(hooks.AtPublish, deny, "b")))
	p := h.dialTCP(t)
	defer p.close()
	p.send("CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB a 1\r\nPUB a 1\r\n1\r\nPUB b 2\r\n12\r\nPING\r\n")
	p.expect("HMSG a 1 18 24", "NATS/1.0", "A: b", "", "longer", `-ERR 'Permissions Violation for Publish to "b"'`, "PONG")
	p.send("PING\r\n")
	p.expect("PONG") // the batch before is counted
	s, a := p.c.Snapshot(), &h.account.Traffic
	got := [...]int64{s.InMsgs, s.InBytes, s.OutMsgs, s.OutBytes, a.InMsgs.Load(), a.InBytes.Load(), a.OutMsgs.Load(), a.OutBytes.Load()}
	if want := [...]int64{2, 3, 1, 24, 2, 3, 1, 24}; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestHookedReceivers: a header that a hook adds to the message of a client that
// knows none reaches those who take headers, and no others.
func TestHookedReceivers(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	h.load(t, rules(on(hooks.AtInspect, message([]byte(block), nil))))
	var takers []*peer
	for _, headers := range []bool{true, false, true, false} {
		p := h.dialTCP(t)
		defer p.close()
		p.send(fmt.Sprintf("CONNECT {\"verbose\":false,\"headers\":%t}\r\nSUB a 1\r\nPING\r\n", headers))
		p.expect("PONG")
		takers = append(takers, p)
	}
	pub := h.dialTCP(t)
	defer pub.close()
	pub.send("CONNECT {\"verbose\":false}\r\nPUB a r 2\r\nhi\r\n")
	for i, p := range takers {
		if i%2 == 0 {
			p.expect("HMSG a 1 r 18 20", "NATS/1.0", "A: b", "", "hi")
		} else {
			p.expect("MSG a 1 r 2", "hi")
		}
	}
}

// TestHookedFanOut: what hooks change reaches many receivers as it was changed, more
// of it than is decided together.
func TestHookedFanOut(t *testing.T) {
	t.Parallel()
	const messages, receivers = 1000, 4
	h := newHost(nil)
	h.load(t, rules(on(hooks.AtInspect, func(c *hooks.Call) { message(nil, append(c.Copy(c.Payload), "!"...))(c) })))
	mapTo(t, h, "m.*", "n.$1")
	var readers []*peer
	for range receivers {
		p := h.dialTCP(t)
		defer p.close()
		p.send("CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB n.> 1\r\nPING\r\n")
		p.expect("PONG")
		readers = append(readers, p)
	}
	var in, want strings.Builder
	for n := range messages {
		subj, body := n/3%7, fmt.Sprint(n)
		fmt.Fprintf(&in, "PUB m.%d %d\r\n%s\r\n", subj, len(body), body)
		fmt.Fprintf(&want, "MSG n.%d 1 %d\r\n%s!\r\n", subj, len(body)+1, body)
	}
	pub := h.dialTCP(t)
	defer pub.close()
	pub.send("CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n")
	pub.expect("PONG")
	pub.send(in.String())
	for i, p := range readers {
		if got := p.read(want.Len()); got != want.String() {
			t.Errorf("reader %d got something else, %d bytes", i, len(got))
		}
	}
}

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

// TestHookedLog: a refusal is logged with the hook and its reason, in one line,
// as often as a native one: once a second.
func TestHookedLog(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zapcore.ErrorLevel)
	h := newHost(nil)
	h.env.Log = zap.New(core)
	h.load(t, rules(on(hooks.AtRewrite, to("n"), "a"), on(hooks.AtPublish, deny), on(hooks.AtSubscribe, deny)))
	p := h.dialTCP(t)
	defer p.close()
	p.send(hello + strings.Repeat("PUB a 0\r\n\r\n", 300))
	for range 300 {
		p.expect(`-ERR 'Permissions Violation for Publish to "a"'`)
	}
	q := h.dialTCP(t)
	defer q.close()
	q.send(hello + "SUB s.* q 1\r\n")
	q.expect(`-ERR 'Permissions Violation for Subscription to "s.*" using queue "q"'`)
	var lines []string
	for _, e := range logged.All() {
		parts := strings.SplitN(e.Message, " - ", 3) // address, number, text
		lines = append(lines, parts[len(parts)-1])
	}
	want := []string{
		`Publish Violation - Subject "n", written as "a", by hook "p": "no\nway"`,
		`Subscription Violation - Subject "s.*", Queue "q", by hook "p": "no\nway"`,
	}
	if len(lines) != 2 || lines[0] != want[0] || lines[1] != want[1] {
		t.Errorf("got %q, want %q", lines, want)
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

// TestHookedModel compares what a client gets to see of random operations, in
// pieces of random sizes, with what somebody says who reads one after the other.
func TestHookedModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 7))
			h := newHost(nil)
			h.rights = permitted(t, &config.Permissions{Publish: config.Rules{Deny: []string{"secret.>"}}}).Permissions
			h.load(t,
				rules(
					on(hooks.AtRewrite, under("w"), "move.>"),
					on(hooks.AtRewrite, func(c *hooks.Call) { to("secret." + string(c.Subject[len("hide."):]))(c) }, "hide.>"),
					on(hooks.AtRewrite, deny, "stop.>"),
				),
				named("q", rules(on(hooks.AtPublish, deny, "no.>", "w.move.no.>"))),
				named("r", rules(
					on(hooks.AtInspect, func(c *hooks.Call) { message([]byte(block), append([]byte("+"), c.Payload...))(c) }, "w.move.*", "change.>"),
					on(hooks.AtInspect, drop, "drop.>"),
				)))
			var in, want strings.Builder
			open := map[string]bool{}
			for n := range 1500 {
				switch rng.IntN(20) {
				case 0:
					in.WriteString("PING\r\n")
					want.WriteString("PONG\r\n")
				case 1:
					in.WriteString("SUB > 1\r\n")
					open["1"] = true
				case 2:
					in.WriteString("UNSUB 1\r\n")
					delete(open, "1")
				default:
					root := []string{"move.", "move.no.", "hide.", "stop.", "no.", "change.", "drop.", "plain.", "plain.", "secret."}[rng.IntN(10)]
					body := fmt.Sprintf("%d:", n)
					switch rng.IntN(300) {
					case 0:
						body += strings.Repeat("x", 300_000+rng.IntN(400_000)) // more than a read buffer
					case 1, 2, 3:
						body += strings.Repeat("y", rng.IntN(20_000))
					}
					subj := fmt.Sprintf("%s%d", root, rng.IntN(5))
					fmt.Fprintf(&in, "PUB %s %d\r\n%s\r\n", subj, len(body), body)
					violation := fmt.Sprintf("-ERR 'Permissions Violation for Publish to %q'\r\n", subj)
					switch root {
					case "hide.", "stop.", "no.", "secret.", "move.no.":
						want.WriteString(violation)
						continue
					case "drop.":
						continue
					case "move.":
						subj = "w." + subj
					}
					switch {
					case !open["1"]:
					case root == "move." || root == "change.":
						fmt.Fprintf(&want, "HMSG %s 1 %d %d\r\n%s+%s\r\n", subj, len(block), len(block)+1+len(body), block, body)
					default:
						fmt.Fprintf(&want, "MSG %s 1 %d\r\n%s\r\n", subj, len(body), body)
					}
				}
			}
			in.WriteString("PING\r\n")
			want.WriteString("PONG\r\n")
			p := h.dialTCP(t)
			defer p.close()
			p.send("CONNECT {\"verbose\":false,\"headers\":true}\r\n")
			var wg sync.WaitGroup
			wg.Go(func() {
				for rest := in.String(); rest != ""; {
					n := min(len(rest), 1+rng.IntN([]int{10, 1000, 300_000}[rng.IntN(3)]))
					if _, err := io.WriteString(p.nc, rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
			})
			got := p.read(want.Len())
			wg.Wait()
			if w := want.String(); got != w {
				i := 0
				for i < len(got) && got[i] == w[i] {
					i++
				}
				t.Errorf("at byte %d: got %.200q, want %.200q", i, got[max(0, i-60):], w[max(0, i-60):])
			}
		})
	}
}

// TestHookedBatches: the messages of one read are asked about together, but not
// more of them than 256, and not across another operation.
func TestHookedBatches(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	var noted notes[int]
	p := &policy{regs: []hooks.Registration{{Point: hooks.AtPublish, Subjects: []string{"a"}}}}
	p.do = func(_ context.Context, _ int, calls []*hooks.Call) error {
		noted.add(len(calls))
		return nil
	}
	h.load(t, hooks.Hook{Name: "p", Engine: p})
	c := h.dialTCP(t)
	defer c.close()
	c.send(hello + "PING\r\n")
	c.expect("PONG")
	c.send(strings.Repeat("PUB a 1\r\nx\r\n", 300) + "PING\r\n" + strings.Repeat("PUB a 1\r\nx\r\nPUB b 1\r\nx\r\n", 20) + "PING\r\n")
	c.expect("PONG", "PONG")
	sum, sizes := 0, noted.get()
	for _, n := range sizes {
		sum += n
	}
	if sum != 320 || sizes[len(sizes)-1] > 20 || len(sizes) > 6 {
		t.Errorf("asked about %v", sizes)
	}
}

// TestHookedClose: a connection that is closed while it waits for a hook ends at
// once, and the hook is told.
func TestHookedClose(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{"publish": "PUB a 1\r\nx\r\n", "subscribe": "SUB a 1\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(nil)
			asked, told := make(chan struct{}), make(chan error, 1)
			e := &policy{regs: []hooks.Registration{{Point: hooks.AtPublish}, {Point: hooks.AtSubscribe}}}
			e.do = func(ctx context.Context, _ int, _ []*hooks.Call) error {
				close(asked)
				<-ctx.Done()
				told <- ctx.Err()
				return ctx.Err()
			}
			h.load(t, hooks.Hook{Name: "p", Engine: e, Timeout: hooks.PerPoint[time.Duration]{}.All(time.Hour)})
			p := h.dialTCP(t)
			defer p.close()
			p.send(hello + in)
			<-asked
			p.c.Close(conn.ServerShutdown)
			if r := p.reason(); r != conn.ServerShutdown {
				t.Errorf("ended for %q", r)
			}
			if err := <-told; err != context.Canceled {
				t.Errorf("the hook was told %v", err)
			}
		})
	}
}

// TestHookedEvents: the events of a connection, in order.
func TestHookedEvents(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	got := make(chan string, 100)
	e := &policy{regs: []hooks.Registration{{Point: hooks.AtEvent}}}
	e.notify = func(events []hooks.Event) {
		for _, e := range events {
			got <- fmt.Sprintf("%s %s %s %s %d %s", e.Type, e.Subject, e.Queue, e.Reason, e.Client.ID, e.Client.Name)
		}
	}
	h.load(t, hooks.Hook{Name: "p", Engine: e})
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
	e := &policy{regs: []hooks.Registration{{Point: hooks.AtEvent, Events: []string{hooks.EventSlowConsumer, hooks.EventDisconnect}}}}
	e.notify = func(events []hooks.Event) {
		for _, e := range events {
			got <- e.Type + ": " + e.Reason
		}
	}
	h.load(t, hooks.Hook{Name: "p", Engine: e})
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
