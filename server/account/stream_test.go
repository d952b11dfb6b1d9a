package account

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"moonwire/server/config"
	"moonwire/server/interest"
)

func importing(name string, imports ...config.Import) config.Account {
	return config.Account{Name: name, Imports: imports}
}

func TestStreamImport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		subject    string
		to, prefix string
		sub        string
		publish    string
		want       string // the subject that is delivered; "" for none
	}{
		{"as it is", "ev.>", "", "", "ev.one", "ev.one", "ev.one"},
		{"as it is, all", "ev.>", "", "", ">", "ev.one", "ev.one"},
		{"not imported", "ev.>", "", "", ">", "other", ""},
		{"prefix", "ev.>", "", "fromA", "fromA.>", "ev.one", "fromA.ev.one"},
		{"prefix with a dot", "ev.>", "", "fromA.", "fromA.ev.one", "ev.one", "fromA.ev.one"},
		{"prefix, wider", "ev.>", "", "fromA", ">", "ev.one.two", "fromA.ev.one.two"},
		{"prefix, old name", "ev.>", "", "fromA", "ev.>", "ev.one", ""},
		{"to", "ev", "mine.x", "", "mine.*", "ev", "mine.x"},
		{"to with wildcards", "ev.*.*", "mine.$2.x.$1", "", "mine.b.x.>", "ev.a.b", "mine.b.x.a"},
		{"to with wildcards, other", "ev.*.*", "mine.$2.x.$1", "", "mine.c.x.>", "ev.a.b", ""},
		{"to with stars", "ev.*.*", "mine.*.*", "", "*.*.b", "ev.a.b", "mine.a.b"},
		{"to with a tail", "ev.*.>", "mine.$1.>", "", "mine.a.*.c", "ev.a.b.c", "mine.a.b.c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t,
				config.Account{Name: "A", Exports: streams(">")},
				importing("B", config.Import{Account: "A", Subject: tt.subject, To: tt.to, Prefix: tt.prefix}))
			a, b := w.client("A", "a"), w.client("B", "b")
			s := b.sub(tt.sub + " 1")
			a.pub("PUB " + tt.publish + " reply 1\r\nx\r\n")
			if tt.want == "" {
				b.expect(t)
			} else {
				b.expect(t, "MSG "+tt.want+" 1 reply 1\r\nx\r\n")
			}
			b.unsub(s)
			if got := w.lens(); got != "$G:0 $SYS:0 A:0 B:0" {
				t.Errorf("left are %s", got)
			}
		})
	}
}

// TestStreamImportIsOneWay: what is published where a stream is imported stays
// there, and an import is not exported again.
func TestStreamImportIsOneWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		config.Account{Name: "A", Exports: streams(">")},
		config.Account{Name: "B", Exports: streams(">"), Imports: []config.Import{{Account: "A", Subject: "ev.>"}}},
		importing("C", config.Import{Account: "B", Subject: "ev.>"}))
	a, b, c := w.client("A", "a"), w.client("B", "b"), w.client("C", "c")
	a.sub("> 1")
	b.sub("ev.* 2")
	c.sub("> 3")
	b.pub("PUB ev.b 1\r\nb\r\n")
	a.expect(t)
	b.expect(t, "MSG ev.b 2 1\r\nb\r\n")
	c.expect(t, "MSG ev.b 3 1\r\nb\r\n")
	a.pub("PUB ev.a 1\r\na\r\n")
	a.expect(t, "MSG ev.a 1 1\r\na\r\n")
	b.expect(t, "MSG ev.a 2 1\r\na\r\n")
	c.expect(t)
}

// TestShadowMax: the max of a subscription counts what comes from both accounts.
func TestShadowMax(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		config.Account{Name: "A", Exports: streams(">")},
		importing("B", config.Import{Account: "A", Subject: "ev.>", Prefix: "p"}))
	a, b := w.client("A", "a"), w.client("B", "b")
	s := b.sub("p.> 1")
	s.Max = 3
	b.Generation.Add(1)
	b.in.Limit(s, true)
	b.pub("PUB p.x 1\r\n1\r\n")
	a.pub(strings.Repeat("PUB ev.y 1\r\n2\r\n", 5))
	b.expect(t, "MSG p.x 1 1\r\n1\r\n", "MSG p.ev.y 1 1\r\n2\r\n", "MSG p.ev.y 1 1\r\n2\r\n")
	if got := w.lens(); got != "$G:0 $SYS:0 A:0 B:0" {
		t.Errorf("left are %s", got)
	}
}

// TestShadowChange: what CONNECT says of a client is heeded in every account.
func TestShadowChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		config.Account{Name: "A", Exports: streams(">")},
		importing("B", config.Import{Account: "A", Subject: "ev.>"}, config.Import{Account: "C", Subject: "ev.>"}),
		config.Account{Name: "C", Exports: streams(">")})
	b := w.client("B", "b")
	s := b.sub("ev.* 1")
	const in = "HPUB ev.a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
	publish := func() {
		for range 3 { // until the result is cached
			w.client("A", "a").pub(in)
			w.client("C", "c").pub(in)
		}
	}
	publish()
	const with, without = "HMSG ev.a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", "MSG ev.a 1 2\r\nhi\r\n"
	b.expect(t, slices.Repeat([]string{with}, 6)...)
	b.in.Change([]*interest.Sub{s}, func() { b.NoHeaders = true })
	publish()
	b.expect(t, slices.Repeat([]string{without}, 6)...)
}

// TestShadowFan: members with equal sids get the name that is theirs.
func TestShadowFan(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		config.Account{Name: "A", Exports: streams(">")},
		importing("B", config.Import{Account: "A", Subject: "ev.>", Prefix: "p"}),
		importing("C", config.Import{Account: "A", Subject: "ev.>"}))
	var all []*client
	for i := range 12 {
		c := w.client(string("ABC"[i%3]), fmt.Sprint(i))
		c.sub("> 1")
		all = append(all, c)
	}
	for range 3 {
		w.client("A", "p").pub(strings.Repeat("PUB ev.a 1\r\nx\r\n", 2))
	}
	for i, c := range all {
		want := "MSG ev.a 1 1\r\nx\r\n"
		if i%3 == 1 {
			want = "MSG p.ev.a 1 1\r\nx\r\n"
		}
		c.expect(t, slices.Repeat([]string{want}, 6)...)
	}
}

// TestShadowQueue: a queue group reaches over accounts, and a member that is
// gone when it gets its message passes it to another, under the name that it has
// there.
func TestShadowQueue(t *testing.T) {
	t.Parallel()
	for _, rounds := range []int{1, 3} { // with and without a cached result
		w := newWorld(t,
			config.Account{Name: "A", Exports: streams(">")},
			importing("B", config.Import{Account: "A", Subject: "ev.>", Prefix: "p"}))
		a, b, gone := w.client("A", "a"), w.client("B", "b"), w.client("B", "gone")
		p := w.client("A", "publisher")
		a.sub("ev.x q 1")
		b.sub("p.ev.* q 2")
		gone.sub("p.> q 3")
		for range rounds - 1 {
			p.pub("PUB ev.x 1\r\n-\r\n")
		}
		a.take()
		b.take()
		gone.take()
		// It has had all that it asked for when the first message comes.
		ctx := w.pool.Get(&p.Target, p.in.Index)
		const total = 300
		for range total {
			ctx.Publish(pubOf(t, "PUB ev.x 1\r\nx\r\n"))
		}
		gone.subs["3"].Close()
		ctx.Flush()
		w.pool.Put(ctx)
		fromA, fromB, rest := a.take(), b.take(), gone.take()
		// Without a cached result each message is handed over at once.
		if got := len(fromA) + len(fromB) + len(rest); got != total || rounds == 3 && len(rest) > 0 {
			t.Errorf("%d + %d + %d of %d messages arrived", len(fromA), len(fromB), len(rest), total)
		}
		for name, list := range map[string][]string{"MSG ev.x 1 1\r\nx\r\n": fromA, "MSG p.ev.x 2 1\r\nx\r\n": fromB} {
			if len(list) < total/5 {
				t.Errorf("only %d messages %q", len(list), name)
			}
			for _, got := range list {
				if got != name {
					t.Fatalf("got %q, want %q", got, name)
				}
			}
		}
	}
}

// TestStreamConcurrent subscribes and unsubscribes while others publish and the
// imports change: who has subscribed gets each message, and nothing is left.
func TestStreamConcurrent(t *testing.T) {
	t.Parallel()
	a := config.Account{Name: "A", Exports: streams(">")}
	with := []config.Account{a, importing("B", config.Import{Account: "A", Subject: "ev.>", Prefix: "p"})}
	also := []config.Account{a, importing("B",
		config.Import{Account: "A", Subject: "ev.>", Prefix: "p"}, config.Import{Account: "A", Subject: "other.>", Prefix: "p"})}
	w := newWorld(t, with...)
	var work sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		work.Go(func() {
			b, p := w.client("B", fmt.Sprint(i)), w.client("A", "p")
			for n := range 300 {
				sid := fmt.Sprint(n)
				s := b.sub(fmt.Sprintf("p.ev.%d.> %s", i, sid))
				p.pub(fmt.Sprintf("PUB ev.%d.x 1\r\nx\r\n", i))
				want := fmt.Sprintf("MSG p.ev.%d.x %s 1\r\nx\r\n", i, sid)
				if got := b.take(); !slices.Equal(got, []string{want}) {
					t.Errorf("got %q, want %q", got, want)
				}
				if n%2 == 0 {
					b.unsub(s)
				} else {
					s.Close()
					b.in.UnsubscribeAll([]*interest.Sub{s})
				}
			}
		})
	}
	w.updateUntil(t, stop, with, also, work.Wait)
	if got := w.lens(); got != "$G:0 $SYS:0 A:0 B:0" {
		t.Errorf("left are %s", got)
	}
}
