package conn_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"moonwire/hooks"
	"moonwire/server/config"
	"moonwire/server/conn"
)

// status is what a requester hears of a denied request.
func status(reply, sid, subject string) string {
	head := fmt.Sprintf("NATS/1.0 503 Permissions Violation\r\nNats-Subject: %s\r\n\r\n", subject)
	return fmt.Sprintf("HMSG %s %s %d %d\r\n%s\r\n", reply, sid, len(head), len(head), head)
}

func refusal(subject string) string {
	return fmt.Sprintf("-ERR 'Permissions Violation for Publish to %q'\r\n", subject)
}

// TestNotifyDenied says who hears a status of a request that is not published, what
// stands in it, and where it stands.
func TestNotifyDenied(t *testing.T) {
	t.Parallel()
	const (
		requester = `"verbose":false,"headers":true,"no_responders":true`
		request   = "PUB b r 1\r\n1\r\n"
		plain     = "SUB r 1\r\n"
	)
	failing := func(p hooks.Point, word hooks.OnError) hooks.Hook {
		h := rules(on(p, fail))
		h.OnError = h.OnError.All(word)
		return h
	}
	both := refusal("b") + status("r", "1", "b")
	tests := map[string]struct {
		hook    hooks.Hook
		off     bool
		connect string // fields of CONNECT; "": those of a requester
		subs    string // "": to r, plainly
		in      string // "": a request to b
		out     string
	}{
		"publish": {hook: rules(on(hooks.AtPublish, deny)), out: both},
		"rewrite": {hook: rules(on(hooks.AtRewrite, deny)), out: both},
		"inspect": {hook: rules(on(hooks.AtInspect, deny)), out: both},

		"publish: an error denies": {hook: failing(hooks.AtPublish, hooks.OnErrorDeny), out: both},
		"rewrite: an error denies": {hook: failing(hooks.AtRewrite, hooks.OnErrorDeny), out: both},
		"inspect: an error denies": {hook: failing(hooks.AtInspect, hooks.OnErrorDeny), out: both},
		"a panic denies":           {hook: rules(on(hooks.AtPublish, func(*hooks.Call) { panic("!") })), out: both},
		"inspect: an error drops":  {hook: rules(on(hooks.AtInspect, fail))},
		"inspect: drop":            {hook: rules(on(hooks.AtInspect, drop))},
		"shadow":                   {hook: shadow(rules(on(hooks.AtPublish, deny))), subs: plain + "SUB b 2\r\n", out: "MSG b 2 r 1\r\n1\r\n"},

		"switched off":           {hook: rules(on(hooks.AtPublish, deny)), off: true, out: refusal("b")},
		"no request":             {hook: rules(on(hooks.AtPublish, deny)), in: "PUB b 1\r\n1\r\n", out: refusal("b")},
		"with headers":           {hook: rules(on(hooks.AtPublish, deny)), in: "HPUB b r 18 19\r\n" + block + "1\r\n", out: both},
		"nobody hears the reply": {hook: rules(on(hooks.AtPublish, deny)), subs: "SUB q 1\r\n", out: refusal("b")},
		"only in a queue group":  {hook: rules(on(hooks.AtPublish, deny)), subs: "SUB r q 1\r\n", out: refusal("b")},
		"no more":                {hook: rules(on(hooks.AtPublish, deny)), subs: plain + "UNSUB 1\r\n", out: refusal("b")},
		"by a wildcard": {
			hook: rules(on(hooks.AtPublish, deny)), subs: "SUB r q 2\r\nSUB in.* 7\r\n", in: "PUB b in.5 1\r\n1\r\n",
			out: refusal("b") + status("in.5", "7", "b"),
		},
		"no no_responders": {hook: rules(on(hooks.AtPublish, deny)), connect: `"verbose":false,"headers":true`, out: refusal("b")},
		"no headers":       {hook: rules(on(hooks.AtPublish, deny)), connect: `"verbose":false`, out: refusal("b")},
		"without echo":     {hook: rules(on(hooks.AtPublish, deny)), connect: requester + `,"echo":false`, out: both},
		"verbose": {
			hook: rules(on(hooks.AtPublish, deny, "b"), on(hooks.AtInspect, drop, "d")), connect: `"headers":true,"no_responders":true,"pedantic":false`,
			in: request + "PUB d r 1\r\n1\r\n" + request, out: both + "+OK\r\n" + both,
		},
		"pedantic": {
			hook: rules(on(hooks.AtPublish, deny)), connect: requester + `,"pedantic":true`,
			in: "PUB x.* r 1\r\n1\r\n", out: "-ERR 'Invalid Publish Subject'\r\n" + refusal("x.*") + status("r", "1", "x.*"),
		},

		"permissions": {hook: rules(on(hooks.AtPublish, deny)), in: "PUB secret r 1\r\n1\r\n", out: refusal("secret")},
		"permissions, rewritten": {
			hook: rules(on(hooks.AtRewrite, to("secret"))), out: refusal("b"),
		},
		"permissions, no hook for it": {hook: rules(on(hooks.AtPublish, deny, "b")), in: "PUB secret r 1\r\n1\r\n", out: refusal("secret")},
		"a reply of the server's": {
			hook: rules(on(hooks.AtPublish, deny)), subs: "SUB _R_.> 1\r\n", in: "PUB b _R_.a 1\r\n1\r\n",
			out: "-ERR 'Permissions Violation for Publish with Reply of \"_R_.a\"'\r\n",
		},
		"rewritten": {hook: rules(on(hooks.AtRewrite, to("inner")), on(hooks.AtPublish, deny, "inner")), out: both},
		"mapped": {
			hook: rules(on(hooks.AtPublish, deny)), in: "PUB m r 1\r\n1\r\n", out: refusal("mapped") + status("r", "1", "mapped"),
		},
		"mapped, rewrite": {
			hook: rules(on(hooks.AtRewrite, deny)), in: "PUB m r 1\r\n1\r\n", out: refusal("m") + status("r", "1", "m"),
		},

		"several, with others between": {
			hook: rules(on(hooks.AtPublish, deny, "b", "c"), on(hooks.AtInspect, drop, "d")), subs: plain + "SUB a.* 2\r\nSUB s.* 3\r\n",
			in: "PUB a.1 1\r\n1\r\nPUB b s.1 1\r\n1\r\nPUB a.2 r 1\r\n2\r\nPUB c s.2 1\r\n1\r\nPUB nobody r 1\r\n1\r\n" +
				"PUB d r 1\r\n1\r\nPUB b 1\r\n1\r\nPUB a.3 1\r\n3\r\nPING\r\nPUB c r 1\r\n1\r\n",
			out: "MSG a.1 2 1\r\n1\r\n" + refusal("b") + status("s.1", "3", "b") + "MSG a.2 2 r 1\r\n2\r\n" + refusal("c") + status("s.2", "3", "c") +
				"HMSG r 1 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n" + refusal("b") + "MSG a.3 2 1\r\n3\r\nPONG\r\n" +
				refusal("c") + status("r", "1", "c"),
		},
		"it uses up what was asked for": {
			hook: rules(on(hooks.AtPublish, deny)), subs: plain + "UNSUB 1 2\r\n", in: strings.Repeat(request, 3) + "UNSUB 1\r\n" + request,
			out: both + both + refusal("b") + refusal("b"),
		},
		"more than is decided at one time": {
			hook: rules(on(hooks.AtPublish, deny)), in: strings.Repeat(request, 3000), out: strings.Repeat(both, 3000),
		},
	}
	for name, tt := range tests {
		for _, split := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, split %v", name, split), func(t *testing.T) {
				t.Parallel()
				h := newHost(nil)
				h.env.NotifyDenied.Store(!tt.off)
				h.rights = permitted(t, &config.Permissions{Publish: config.Rules{Deny: []string{"secret"}}}).Permissions
				h.load(t, tt.hook)
				mapTo(t, h, "m", "mapped")
				p := h.dialTCP(t)
				defer p.close()
				p.send("CONNECT {" + or(tt.connect, requester) + "}\r\n" + or(tt.subs, plain) + "PING\r\n")
				for p.line() != "PONG" {
				}
				in := or(tt.in, request)
				if split && len(in) < 1000 {
					for i := range in {
						p.send(in[i : i+1])
					}
					in = ""
				}
				p.send(in + "PING\r\n")
				if got, want := p.read(len(tt.out)+len("PONG\r\n")), tt.out+"PONG\r\n"; got != want {
					t.Errorf("got\n%q, want\n%q", got, want)
				}
			})
		}
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// TestNotifySwitched: a connection that is open goes by what is set, from its next
// message on.
func TestNotifySwitched(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	h.load(t, rules(on(hooks.AtPublish, deny)))
	p := h.dialTCP(t)
	defer p.close()
	p.send(`CONNECT {"verbose":false,"headers":true,"no_responders":true}` + "\r\nSUB r 1\r\n")
	for _, set := range []bool{false, true, false} {
		h.env.NotifyDenied.Store(set)
		p.send("PUB b r 1\r\n1\r\nPING\r\n")
		want := refusal("b") + "PONG\r\n"
		if set {
			want = refusal("b") + status("r", "1", "b") + "PONG\r\n"
		}
		if got := p.read(len(want)); got != want {
			t.Errorf("set %v: got %q, want %q", set, got, want)
		}
	}
}

// TestNotifyStatistics: a status is counted as a message that went out, to the
// connection, its account and the server.
func TestNotifyStatistics(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	h.env.NotifyDenied.Store(true)
	h.load(t, rules(on(hooks.AtPublish, deny)))
	p := h.dialTCP(t)
	defer p.close()
	p.send(`CONNECT {"verbose":false,"headers":true,"no_responders":true}` + "\r\nSUB r 1\r\nPUB b r 1\r\n1\r\nPUB b 2\r\n12\r\nPING\r\n")
	want := refusal("b") + status("r", "1", "b") + refusal("b") + "PONG\r\n"
	if got := p.read(len(want)); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	p.send("PING\r\n")
	p.expect("PONG") // the batch before is counted
	const size = 55  // of the headers
	s, a, all := p.c.Snapshot(), &h.account.Traffic, h.env.Traffic
	got := [...]int64{s.InMsgs, s.InBytes, s.OutMsgs, s.OutBytes, a.OutMsgs.Load(), a.OutBytes.Load(), all.OutMsgs.Load(), all.OutBytes.Load()}
	if want := [...]int64{2, 3, 1, size, 1, size, 1, size}; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestNotifyPending: who does not read is cut when too much waits for it, the
// statuses included.
func TestNotifyPending(t *testing.T) {
	t.Parallel()
	const requests = 100
	reply := strings.Repeat("r", 2000) // so that statuses are most of what waits
	in := `CONNECT {"verbose":false,"headers":true,"no_responders":true}` + "\r\nSUB > 1\r\n" +
		strings.Repeat("PUB b "+reply+" 1\r\n1\r\n", requests)
	for _, notify := range []bool{false, true} {
		t.Run(fmt.Sprint(notify), func(t *testing.T) {
			t.Parallel()
			h := newHost(func(l *conn.Limits) { l.MaxPending = 64 << 10 })
			h.env.NotifyDenied.Store(notify)
			h.load(t, rules(on(hooks.AtPublish, deny)))
			p := h.dial(t) // a pipe keeps nothing
			defer p.close()
			if notify {
				_, _ = io.WriteString(p.nc, in) // it may be cut before all is sent
				if r := p.reason(); r != conn.SlowConsumerPending {
					t.Errorf("ended for %q", r)
				}
				return
			}
			p.send(in + "PING\r\n")
			for range requests {
				p.expect(strings.TrimSuffix(refusal("b"), "\r\n"))
			}
			p.expect("PONG")
		})
	}
}
