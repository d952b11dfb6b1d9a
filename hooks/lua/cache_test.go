package lua

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// world is what a script can see besides its call: one value that changes.
type world struct{ value string }

// library declares a function that returns the value, as one of stored values.
func (w *world) library() *library.Module {
	return &library.Module{Name: "world", Functions: []library.Function{{Name: "value", Do: func(a *sandbox.Args) error {
		library.CallerOf(a).Outside()
		a.Return(sandbox.String(w.value))
		return nil
	}}}}
}

// reads are all the ways in which a script can look at something.
var reads = []string{
	"req.subject", "(req.reply or '-')", "req.original_subject", "tostring(req.size)",
	"req.client.user", "req.client.account", "tostring(req.client.id)", "req.client.name", "req.client.host", "req.client.kind",
	"(req.client.tags.role or '-')", "(req.client['tags']['team'] or '-')",
	"(req.headers.X or '-')", "(req.headers['y'] or '-')", "table.concat(req.headers:all('X'), '+')", "table.concat(req.headers:names(), '+')",
	"world.value()", "'constant'",
	"select(2, pcall(function() return req.client.user end))",
	"kept(req)", "(function(...) local c = ... return c.host end)(req.client)",
}

// drawScript draws a function that reads some of it, and more depending on what
// it reads, and whose answer says all that it saw.
func drawScript(t *rapid.T) string {
	expr, value := rapid.SampledFrom(reads), rapid.SampledFrom([]string{"a", "b", "-"})
	var b strings.Builder
	b.WriteString("local out = ''\n")
	for range rapid.IntRange(1, 4).Draw(t, "statements") {
		if rapid.Bool().Draw(t, "conditional") {
			fmt.Fprintf(&b, "if %s == '%s' then out = out .. '|' .. %s end\n", expr.Draw(t, "if"), value.Draw(t, "is"), expr.Draw(t, "then"))
		} else {
			fmt.Fprintf(&b, "out = out .. '|' .. %s\n", expr.Draw(t, "read"))
		}
	}
	b.WriteString("return deny(out)\n")
	return b.String()
}

func drawCall(t *rapid.T, w *world) hooks.Call {
	value := rapid.SampledFrom([]string{"a", "b", ""})
	draw := func(what string) string { return value.Draw(t, what) }
	client := &hooks.Client{
		ID: uint64(rapid.IntRange(1, 2).Draw(t, "id")), User: draw("user"), Account: draw("account"), Name: draw("name"), Host: draw("host"), Kind: draw("kind"),
		Tags: map[string]string{},
	}
	for _, tag := range []string{"role", "team"} {
		if rapid.Bool().Draw(t, "has tag") {
			client.Tags[tag] = draw(tag)
		}
	}
	c := hooks.Call{Client: client, Subject: []byte("s" + draw("subject")), Size: rapid.IntRange(0, 1).Draw(t, "size")}
	if reply := draw("reply"); reply != "" {
		c.Reply = []byte(reply)
	}
	if original := draw("original"); original != "" {
		c.OriginalSubject = []byte(original)
	}
	if n := rapid.IntRange(0, 3).Draw(t, "headers"); n > 0 {
		c.Header = []byte("NATS/1.0\r\n")
		for range n {
			line := rapid.SampledFrom([]string{"X: %s", "x:%s", " X : %s", "Y: %s", "y", "X"}).Draw(t, "line")
			c.Header = append(c.Header, strings.ReplaceAll(line, "%s", draw("header"))+"\r\n"...)
		}
		c.Header = append(c.Header, "\r\n"...)
	}
	w.value = draw("world")
	return c
}

// TestCacheModel: whatever a script reads and whatever its answers are kept by,
// what the cache says is what the script would say.
func TestCacheModel(t *testing.T) {
	t.Parallel()
	keys := append([]string{"tags.role", "tags.team", "header.X", "header.y"}, keyFields...)
	for i, k := range keys {
		if k == "queue" {
			keys = append(keys[:i:i], keys[i+1:]...)
			break
		}
	}
	hits := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		var w world
		body := drawScript(t)
		by := rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, len(keys), rapid.ID[string]).Draw(t, "by")
		point := rapid.SampledFrom([]hooks.Point{hooks.AtPublish, hooks.AtRewrite}).Draw(t, "point")
		const start = "local world, seen = require 'world'\nlocal function kept(r) return r.client.user .. r.subject end\n"
		policy := fmt.Sprintf(", { cache = { by = { '%s' }, ttl = 100, negative_ttl = 100 } }", strings.Join(by, "', '"))
		opened := func(options string) *Script {
			s, err := Open(context.Background(), Options{
				Name: "test", File: "test.lua", Source: fmt.Appendf(nil, "%shook.%v(function(req)\n%send%s)", start, point, body, options),
				Libraries: []*library.Module{w.library()}, Limits: Limits{VMs: 1}, Timeout: hooks.PerPoint[time.Duration]{}.All(time.Minute),
			})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		oracle := opened("")
		set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: opened(policy), Timeout: hooks.PerPoint[time.Duration]{}.All(time.Minute)}}, hooks.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var session hooks.Session
		for range rapid.IntRange(2, 20).Draw(t, "calls") {
			drawn := drawCall(t, &w)
			for range 2 { // the second may be answered from the cache
				c, want := drawn, drawn
				_ = oracle.Do(context.Background(), 0, []*hooks.Call{&want})
				set.Table("").Do(context.Background(), &session, point, []*hooks.Call{&c})
				if want.Err != nil || c.Outcome.Verdict != hooks.Deny || c.Outcome.Reason != want.Out.Reason {
					t.Fatalf("by %v:\n%s got %+v, want %+v, %v", by, body, c.Outcome, want.Out, want.Err)
				}
			}
		}
		hits += set.Stats()[0].CacheHits
		_, _ = set.Close(context.Background()), oracle.Close(context.Background())
	})
	if hits == 0 {
		t.Error("nothing was ever kept: the test shows nothing")
	}
}

// TestCacheRefuses: what a function reads beyond its policy keeps its answer out
// of the cache, and what it does not read does not.
func TestCacheRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		read string
		keep bool
	}{
		{"'x'", true},
		{"req.client", true},
		{"req.client.tags", true},
		{"req.headers", true},
		{"req.client.user", true},
		{"req.client.tags.role", true},
		{"req.headers.x", true},
		{"#req.headers:all('X')", true},
		{"req.client.account", false},
		{"req.client.id", false},
		{"req.client.name", false},
		{"req.client.host", false},
		{"req.client.kind", false},
		{"req.client.tags.Role", false},
		{"req.subject", false},
		{"req.original_subject", false},
		{"req.reply", false},
		{"req.size", false},
		{"req.headers.Y", false},
		{"#req.headers:all('Y')", false},
		{"#req.headers:names()", false},
		{"pcall(function() return req.subject .. nil end)", false},
		{"world.value()", false},
		{"math.random()", false},
		{"tostring({})", false},
		{"pcall(math.random, 2, 1)", false},
	} {
		var w world
		s := openWith(t, "local world = require 'world' hook.publish(function(req) local x = "+tt.read+" return allow() end, { cache = { by = { 'user', 'tags.role', 'header.X' }, ttl = 100 } })",
			Options{Libraries: []*library.Module{w.library()}})
		set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: s}}, hooks.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var session hooks.Session
		for range 2 {
			c := callAt(hooks.AtPublish)
			set.Table("").Do(context.Background(), &session, hooks.AtPublish, []*hooks.Call{c})
			if c.Outcome.Verdict != hooks.Allow {
				t.Errorf("%s: got %+v", tt.read, c.Outcome)
			}
		}
		if kept := set.Stats()[0].CacheHits > 0; kept != tt.keep {
			t.Errorf("%s: kept is %v, want %v", tt.read, kept, tt.keep)
		}
		if err := set.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestCacheOptions: a function can keep a single answer out of the cache.
func TestCacheOptions(t *testing.T) {
	t.Parallel()
	for answer, keep := range map[string]bool{"allow()": true, "allow{ ttl = 50 }": true, "allow{ no_cache = true }": false, "nil": true} {
		s := open(t, "hook.publish(function(req) return "+answer+" end, { cache = { by = 'user', ttl = 100 } })")
		set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: s}}, hooks.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var session hooks.Session
		for range 2 {
			set.Table("").Do(context.Background(), &session, hooks.AtPublish, []*hooks.Call{callAt(hooks.AtPublish)})
		}
		if kept := set.Stats()[0].CacheHits > 0; kept != keep {
			t.Errorf("%s: kept is %v, want %v", answer, kept, keep)
		}
		if err := set.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}
