package builtin

import (
	"context"
	"fmt"
	"testing"

	"moonwire/hooks"
	"moonwire/hooks/hookbench"
	"moonwire/hooks/hooktest"
)

// benchTable asks about batches of one message of 128 bytes.
func benchTable(b *testing.B, e hooks.Engine, p hooks.Point, batch int, header string) {
	set, client, session, ctx := load(b, e), alice(), new(hooks.Session), context.Background()
	table, subject, payload := set.Table("A"), []byte("orders.new.eu"), make([]byte, 128)
	calls := make([]*hooks.Call, batch)
	var block []byte
	if header != "" {
		block = []byte(header)
	}
	hookbench.Run(b, batch, func() {
		for i := range calls {
			c := hooks.NewCall()
			c.Client, c.Subject, c.Header, c.Payload, c.Size = client, subject, block, payload, len(block)+len(payload)
			calls[i] = c
		}
		table.Do(ctx, session, p, calls)
		for _, c := range calls {
			if c.Outcome.Verdict.Refuses() {
				b.Fatalf("got %+v", c.Outcome)
			}
			c.Done()
		}
	})
}

// BenchmarkNothing is what the calls and the chain cost by themselves.
func BenchmarkNothing(b *testing.B) {
	for _, batch := range []int{1, 16} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			benchTable(b, &hooktest.Engine{Wants: []hooks.Registration{{Point: hooks.AtInspect}}}, hooks.AtInspect, batch, "")
		})
	}
}

func BenchmarkStamp(b *testing.B) {
	const header = "NATS/1.0\r\nNats-Msg-Id: 0123456789abcdef\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"
	for name, tt := range map[string]struct {
		fields []string
		header string
		batch  int
	}{
		"user":                {[]string{"user"}, "", 1},
		"all":                 {nil, "", 1},
		"all,headers":         {nil, header, 1},
		"all,headers,batch16": {nil, header, 16},
	} {
		b.Run(name, func(b *testing.B) {
			s, err := NewStamp(StampOptions{Fields: tt.fields}, nil)
			if err != nil {
				b.Fatal(err)
			}
			benchTable(b, s, hooks.AtInspect, tt.batch, tt.header)
		})
	}
}

func BenchmarkRateLimit(b *testing.B) {
	// More than anybody can publish here.
	at := func(by hooks.Field) RateRule {
		return RateRule{At: hooks.AtPublish, By: by, Rate: mostRate, Burst: mostBurst, Bytes: mostBytes, BytesBurst: mostBurst}
	}
	for name, tt := range map[string]struct {
		rules []RateRule
		batch int
	}{
		"user":             {[]RateRule{at(hooks.FieldUser)}, 1},
		"user,batch16":     {[]RateRule{at(hooks.FieldUser)}, 16},
		"client":           {[]RateRule{at(hooks.FieldClient)}, 1},
		"account+subject":  {[]RateRule{at(hooks.FieldAccount | hooks.FieldSubject)}, 1},
		"three rules":      {[]RateRule{at(hooks.FieldUser), at(hooks.FieldAccount), at(hooks.FieldHost)}, 1},
		"delay,not needed": {[]RateRule{{At: hooks.AtPublish, By: hooks.FieldUser, Rate: mostRate, Burst: mostBurst, Action: ActionDelay}}, 1},
	} {
		b.Run(name, func(b *testing.B) { benchTable(b, limitBy(b, nil, tt.rules...), hooks.AtPublish, tt.batch, "") })
	}
}

// BenchmarkFlood is what a key costs that was never seen, when there is no room and
// no bucket is full: all of a shard are looked at.
func BenchmarkFlood(b *testing.B) {
	s, key := newStore(0, defaultBuckets), uint64(0)
	hookbench.Run(b, 1, func() {
		key += 0x9E3779B97F4A7C15
		h := s.shard(key)
		h.mu.Lock()
		if h.findLocked(key) == nil {
			h.addLocked(key, 0, s.room).events = int64(key >> 1)
		}
		h.mu.Unlock()
	})
}
