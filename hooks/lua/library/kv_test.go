package library

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moonwire/hooks/lua/sandbox"
)

// script is lines of Lua, and what they give to out.
type script struct {
	name, lines string
	want        []any
}

// check runs a script with a clock and a store of its own.
func (tt *script) check(t *testing.T, o Options) *fakeCaller {
	t.Helper()
	c := &fakeCaller{clock: newClock()}
	o.Clock = c.clock.now
	if err := c.run(t, newShared(t, o), tt.lines); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tt.want, c.out); d != "" {
		t.Error(d)
	}
	return c
}

func TestKV(t *testing.T) {
	t.Parallel()
	for _, tt := range []script{
		{"nothing", `out(kv.get("a"), kv.del("a"))`, []any{nil, false}},
		{"a string", `out(kv.set("a", "b"), kv.get("a"))`, []any{true, "b"}},
		{"an empty key and value", `kv.set("", "") out(kv.get(""))`, []any{""}},
		{"bytes", `kv.set("a\0b", "\0\255") out(kv.get("a\0b"), kv.get("a"))`, []any{"\x00\xff", nil}},
		{"a number", `kv.set("a", 1.5) out(kv.get("a"), kv.set("a", -0.25), kv.get("a"))`, []any{1.5, true, -0.25}},
		{"a boolean", `kv.set("a", false) out(kv.get("a"), kv.set("a", true), kv.get("a"))`, []any{false, true, true}},
		{"a number for a key", `kv.set(7, "b") out(kv.get("7"))`, []any{"b"}},
		{"deleted", `kv.set("a", 1) out(kv.del("a"), kv.get("a"), kv.del("a"))`, []any{true, nil, false}},
		{"a time", `kv.set("a", 1, { ttl = 2 }) sleep(1.999) out(kv.get("a")) sleep(0.001) out(kv.get("a"))`, []any{1.0, nil}},
		{"a new time", `kv.set("a", 1, { ttl = 2 }) kv.set("a", 2) sleep(3) out(kv.get("a"))`, []any{2.0}},
		{"options without a time", `kv.set("a", 1, { ttl = nil }) sleep(1e8) out(kv.get("a"))`, []any{1.0}},
		{"added once", `out(kv.add("a", 1), kv.add("a", 2), kv.get("a"))`, []any{true, false, 1.0}},
		{"false is a value", `kv.set("a", false) out(kv.add("a", 2), kv.get("a"))`, []any{false, false}},
		{
			"added again when it has expired", `kv.add("a", 1, { ttl = 1 }) sleep(1) out(kv.add("a", 2, { ttl = 1 }), kv.get("a")) sleep(1) out(kv.get("a"))`,
			[]any{true, 2.0, nil},
		},
		{"counted", `out(kv.incr("a"), kv.incr("a", 5), kv.incr("a", -0.5), kv.get("a"))`, []any{1.0, 6.0, 5.5, 5.5}},
		{
			"counted for a time", `kv.incr("a", 1, { ttl = 2 }) sleep(1) out(kv.incr("a", 1, { ttl = 2 })) sleep(1) out(kv.incr("a", 1, { ttl = 2 }))`,
			[]any{2.0, 1.0},
		},
		{"counted without a time of its own", `kv.incr("a") out(kv.incr("a", 1, { ttl = 2 })) sleep(9) out(kv.get("a"))`, []any{2.0, 2.0}},
		{"a string counted", `kv.set("a", "1") out(kv.incr("a")) out(kv.get("a"))`, []any{nil, "the value is a string and no number", "1"}},
		{"too much counted", `kv.set("a", 1.7e308) out(kv.incr("a", 1.7e308)) out(kv.get("a") == 1.7e308)`, []any{nil, "the sum is no number", true}},
		{"not a number counted", `kv.set("a", 5) out(kv.incr("a", 0/0)) out(kv.get("a"))`, []any{nil, "the sum is no number", 5.0}},
		{"not a number at first", `out(kv.incr("a", 0/0)) out(kv.get("a"))`, []any{nil, "the sum is no number", nil}},
		{"compared", `kv.set("a", 1) out(kv.cas("a", 2, 3), kv.get("a"), kv.cas("a", 1, "x"), kv.get("a"))`, []any{false, 1.0, true, "x"}},
		{"compared with another kind", `kv.set("a", 1) out(kv.cas("a", "1", 3), kv.cas("a", true, 3), kv.cas("a", nil, 3))`, []any{false, false, false}},
		{"compared with nothing", `out(kv.cas("a", 1, 2), kv.get("a"), kv.cas("a", nil, 2), kv.get("a"))`, []any{false, nil, true, 2.0}},
		{"deleted by comparing", `kv.set("a", "x") out(kv.cas("a", "x", nil), kv.get("a"), kv.cas("a", nil, nil))`, []any{true, nil, true}},
		{"compared, with a time", `kv.set("a", 1) kv.cas("a", 1, 2, { ttl = 1 }) sleep(1) out(kv.get("a"))`, []any{nil}},
		{
			"a common space", `local x, y = kv.shared("x"), kv.shared("y") kv.set("a", 1) x.set("a", 2) y.set("a", 3)
out(kv.get("a"), x.get("a"), y.get("a"), kv.shared("x").get("a"), x.incr("a"), x.add("a", 1), x.cas("a", 3, 4), x.del("a"), x.get("a"))`,
			[]any{1.0, 2.0, 3.0, 2.0, 3.0, false, true, true, nil},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if c := tt.check(t, Options{}); c.outside == 0 {
				t.Error("the answer would be cached")
			}
		})
	}
}

func TestKVWrong(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{})
	for _, tt := range []struct{ name, lines, want string }{
		{"no key", `kv.get()`, "bad argument #1 (string expected, got no value)"},
		{"a table for a key", `kv.del({})`, "bad argument #1 (string expected, got table)"},
		{"a long key", `kv.get(("k"):rep(1025))`, "bad argument #1 (a key has at most 1024 bytes, this one has 1025)"},
		{"a long key in a space", `kv.shared("a").get(("k"):rep(1025))`, "bad argument #1 (a key has at most 1024 bytes, this one has 1025)"},
		{"no value", `kv.set("a")`, "bad argument #2 (string, number or boolean expected, got no value)"},
		{"a table for a value", `kv.add("a", {})`, "bad argument #2 (string, number or boolean expected, got table)"},
		{"a function for a value", `kv.cas("a", nil, kv.get)`, "bad argument #3 (string, number or boolean expected, got function)"},
		{"a long value", `kv.set("a", ("v"):rep(1048577))`, "bad argument #2 (a value has at most 1048576 bytes, this one has 1048577)"},
		{"a string to count", `kv.incr("a", "x")`, "bad argument #2 (number expected, got string)"},
		{"an unknown option", `kv.set("a", 1, { tll = 5 })`, `bad argument #3: unknown key "tll"; did you mean "ttl"?`},
		{"options that are none", `kv.set("a", 1, 5)`, "bad argument #3 (table expected, got number)"},
		{"no time", `kv.set("a", 1, { ttl = 0 })`, "bad argument #3 (ttl must be a number of seconds above 0 and up to 1e9)"},
		{"a time in words", `kv.incr("a", 1, { ttl = "1h" })`, "bad argument #3 (ttl must be a number of seconds above 0 and up to 1e9)"},
		{"not a number of seconds", `kv.incr("a", 1, { ttl = 0/0 })`, "bad argument #3 (ttl must be a number of seconds above 0 and up to 1e9)"},
		{"too long a time", `kv.cas("a", 1, 2, { ttl = math.huge })`, "bad argument #4 (ttl must be a number of seconds above 0 and up to 1e9)"},
		{"a space without a name", `kv.shared("")`, "bad argument #1 (the name of a space has 1 to 64 bytes)"},
		{"a space that is another's key", `kv.shared("a\0b")`, "bad argument #1 (the name of a space has 1 to 64 bytes)"},
		{"a function of another name", `kv.expire("a", 1)`, "attempt to call a non-function object"},
		{"a function replaced", `kv.get = nil`, "attempt to modify a read-only table"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := new(fakeCaller).run(t, s, tt.lines)
			if tt.name == "a function of another name" || tt.name == "a function replaced" {
				if err == nil {
					t.Error("no error")
				}
				return
			}
			checkError(t, err, tt.want)
		})
	}
}

// TestKVBelongsToHooks: no hook sees what another keeps, and all see what lasts
// from one VM to another.
func TestKVBelongsToHooks(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{})
	run := func(hook, lines string) []any {
		t.Helper()
		c := &fakeCaller{hook: hook}
		if err := c.run(t, s, lines); err != nil {
			t.Fatal(err)
		}
		return c.out
	}
	run("one", `kv.set("a", 1) kv.shared("s").set("b", 2)`)
	if got := run("two", `out(kv.get("a"), kv.del("a"), kv.add("a", 7), kv.shared("s").get("b"), kv.shared("t").get("b"))`); !cmp.Equal(got, []any{nil, false, true, 2.0, nil}) {
		t.Errorf("two: got %v", got)
	}
	if got := run("one", `out(kv.get("a"))`); !cmp.Equal(got, []any{1.0}) {
		t.Errorf("one: got %v", got)
	}
	// A hook whose name looks like that of a space is not the space.
	if got := run("s", `out(kv.get("b"))`); !cmp.Equal(got, []any{nil}) {
		t.Errorf("s: got %v", got)
	}
}

// TestKVFull: what finds no room says so.
func TestKVFull(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{KV: KVOptions{Entries: 1}})
	c := &fakeCaller{hook: "a"}
	if err := c.run(t, s, `out(kv.set("a", 1), kv.set("b", 2), kv.get("a"))`); err != nil || !cmp.Equal(c.out, []any{true, true, nil}) {
		t.Errorf("a hook alone: %v, %v", c.out, err)
	}
	const full = "there is no room: the store is full, and other hooks hold no more than their share"
	for _, do := range []string{`set("c", 1)`, `add("c", 1)`, `incr("c")`, `cas("c", nil, 1)`} {
		c = &fakeCaller{hook: "b"}
		if err := c.run(t, s, `out(kv.`+do+`)`); err != nil || !cmp.Equal(c.out, []any{nil, full}) {
			t.Errorf("%s: %v, %v", do, c.out, err)
		}
	}
	if got, want := s.Stats().KV, (KVStats{Entries: 1, Bytes: overhead + 1, Misses: 7, Evicted: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestKVCharges: a script pays for what it gets, although nothing is copied.
func TestKVCharges(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{})
	for _, tt := range []struct {
		name, lines string
		want        error
	}{
		{"read again and again", `kv.set("a", ("v"):rep(2^20)) while true do kv.get("a") end`, sandbox.ErrMemory},
		{"kept", `kv.set("a", ("v"):rep(2^20)) local t = {} for i = 1, 20 do t[i] = kv.get("a") end`, sandbox.ErrMemory},
		{"written again and again", `local v = ("v"):rep(2^20) while true do kv.set("a", v) end`, sandbox.ErrInstructions},
		{"spaces", `while true do kv.shared("a") end`, sandbox.ErrMemory},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := new(fakeCaller).run(t, s, tt.lines); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestKVKeepsCopies: a piece of a long string does not keep all of it.
func TestKVKeepsCopies(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{})
	c := new(fakeCaller)
	vm := c.load(t, s, `local kv = require "kv" hook(function(x) kv.set(x, x) end)`)
	long := strings.Repeat("x", 1<<20)
	piece := long[:8]
	if _, err := vm.Call(c.fn, unhurried, sandbox.String(piece)); err != nil {
		t.Fatal(err)
	}
	for i := range s.kv.store.shards {
		for _, h := range s.kv.store.shards[i].holdings {
			for key, e := range h.index {
				v, _ := e.value.Text()
				if same(key, piece) || same(v, piece) || same(e.key, piece) {
					t.Error("the piece itself is kept")
				}
			}
		}
	}
}

// TestKVTogether counts from many VMs at once.
func TestKVTogether(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := new(fakeCaller).run(t, s, `for i = 1, 500 do
  kv.incr("n")
  repeat local m = kv.get("m") until kv.cas("m", m, (m or 0) + 1)
end`)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c := new(fakeCaller)
	if err := c.run(t, s, `out(kv.get("n"), kv.get("m"))`); err != nil || !cmp.Equal(c.out, []any{4000.0, 4000.0}) {
		t.Errorf("got %v, %v", c.out, err)
	}
}

func BenchmarkKV(b *testing.B) {
	s := newShared(b, Options{})
	for _, do := range []string{`kv.get("a")`, `kv.incr("a", 1, opts)`, `ratelimit.allow("a", limit)`} {
		b.Run(do[:strings.Index(do, "(")], func(b *testing.B) {
			c := new(fakeCaller)
			vm := c.load(b, s, fmt.Sprintf(`local kv, ratelimit, opts = require "kv", require "ratelimit", { ttl = 60 }
local limit = { rate = 1e6, burst = 1e9 } hook(function() %s end)`, do))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := vm.Call(c.fn, unhurried); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
