package conn_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server/account"
	"moonwire/server/config"
	"moonwire/server/conn"
)

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
			out:     "HMSG r 2 33 33\r\nNATS/1.0 503\r\nNats-Subject: q\r\n\r\n\r\n" + m3,
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
	p := &hooktest.Engine{Wants: []hooks.Registration{{Point: hooks.AtPublish, Subjects: []string{"a"}}}}
	p.Ask = func(_ context.Context, _ int, calls []*hooks.Call) error {
		noted.add(len(calls))
		return nil
	}
	h.load(t, hooktest.Hook("p", p))
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
			e := &hooktest.Engine{Wants: []hooks.Registration{{Point: hooks.AtPublish}, {Point: hooks.AtSubscribe}}}
			e.Ask = func(ctx context.Context, _ int, _ []*hooks.Call) error {
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
