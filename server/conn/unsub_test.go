package conn_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"moonwire/server/interest"
)

// bin is a target that takes everything.
type bin struct {
	interest.Target
	got int
}

// Submit implements interest.Sink.
func (b *bin) Submit(s *interest.Staged) bool {
	b.got += s.Msgs
	return true
}

// TestUnsubWhileStaged has a publisher hold messages, in a run or in a slot,
// while the receiver gives up its subscription or sets a max. What the receiver
// gets after its PONG does not depend on when the messages are let go.
func TestUnsubWhileStaged(t *testing.T) {
	t.Parallel()
	const messages = 10
	tests := map[string]struct {
		others int // further receivers: from 2 on the messages form a run
		flush  bool
		unsub  string
		want   int // messages after the PONG
	}{
		"removed, in a slot":         {0, false, "UNSUB 1", 0},
		"removed, in a run":          {4, false, "UNSUB 1", 0},
		"limited, in a slot":         {0, false, "UNSUB 1 3", 3},
		"limited, in a run":          {4, false, "UNSUB 1 3", 3},
		"limited, half of it before": {4, true, "UNSUB 1 12", 2},
		"removed by a low max":       {4, true, "UNSUB 1 10", 0},
		"limited and then removed":   {4, false, "UNSUB 1 3\r\nUNSUB 1", 0},
		"removed and used again":     {4, false, "UNSUB 1\r\nSUB other 1", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(nil)
			p := h.dialTCP(t)
			defer p.close()
			p.send(`CONNECT {"verbose":false,"pedantic":false}` + "\r\nSUB foo 1\r\nPING\r\n")
			p.expect("PONG")
			for i := range tt.others {
				b := new(bin)
				b.Ordinal, b.Sink = h.env.Ordinals.Take(), b
				h.account.Index.Insert(&interest.Sub{Subject: "foo", Sid: strconv.Itoa(i), Target: &b.Target})
			}
			own := &bin{}
			own.Ordinal, own.Sink = h.env.Ordinals.Take(), own
			ctx := h.env.Contexts.Get(&own.Target, h.account.Index)
			publish := func(from int) {
				for n := from; n < from+messages; n++ {
					ctx.Publish(pub("foo", strconv.Itoa(n)))
				}
			}
			publish(0)
			if tt.flush {
				ctx.Flush()
				for n := range messages {
					p.expect(fmt.Sprintf("MSG foo 1 %d", len(strconv.Itoa(n))), strconv.Itoa(n))
				}
				publish(messages)
			}
			p.send(tt.unsub + "\r\nPING\r\n")
			p.expect("PONG")
			ctx.Flush()
			p.send("PING\r\n")
			got := 0
			for line := p.line(); line != "PONG"; line = p.line() {
				if strings.HasPrefix(line, "MSG ") {
					got++
				}
			}
			if got != tt.want {
				t.Errorf("%d messages after the PONG, want %d", got, tt.want)
			}
			h.env.Contexts.Put(ctx)
		})
	}
}
