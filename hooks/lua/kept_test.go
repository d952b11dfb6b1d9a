package lua

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
)

// keptReads are what functions look at: of their own call, and of what they or
// other functions kept of calls before it. Each has the name of what is to be seen,
// in keptTruth, or an error.
var keptReads = []struct{ name, expr string }{
	{"subject", "req.subject"},
	{"reply", "req.reply"},
	{"original", "req.original_subject"},
	{"queue", "req.queue"},
	{"payload", "req.payload"},
	{"x", "req.headers.X"},
	{"all", "req.headers:all('x')[1]"},
	{"user", "req.client.user"},
	{"role", "req.client.tags.role"},
	{"subject", "kept.subject"},
	{"reply", "kept.reply"},
	{"original", "kept.original_subject"},
	{"queue", "kept.queue"},
	{"payload", "kept.payload"},
	{"x", "kept.headers.X"},
	{"user", "kept.client.user"},
	{"role", "kept.client.tags.role"},
	{"x", "headers.X"},
	{"all", "headers:all('x')[1]"},
	{"all", "all(headers, 'X')[1]"},
	{"all", "all(req.headers, 'X')[1]"},
	{"user", "client.user"},
	{"role", "client.tags.role"},
	{"role", "tags.role"},
}

// keptStart is what the functions have in common: what they keep, and how they
// tell what they see. A plain client is a table, which a script may keep.
const keptStart = `
local kept, headers, all, client, tags
local function keep(req, noted)
	kept = req
	if pcall(function() return req.headers end) then headers, all = req.headers, req.headers.all end
	if noted then client, tags = req.client, req.client.tags end
end
local function see(name, read)
	local ok, v = pcall(read)
	return name .. "=" .. (ok and tostring(v) or "!") .. ";"
end
`

// keptScript draws a script that has, at each point, a function with a cache for
// subjects c.>, where there may be one, and one without for the others.
func keptScript(t *rapid.T) string {
	b := []byte(keptStart)
	for _, p := range keptPoints {
		for _, subject := range []string{"c.>", "p.>"} {
			noted, policy := subject == "c.>" && p != hooks.AtInspect, ""
			b = fmt.Appendf(b, "hook.%v('%s', function(req)\nlocal out = ''\n", p, subject)
			for range rapid.IntRange(1, 5).Draw(t, "statements") {
				if rapid.IntRange(0, 4).Draw(t, "keep") == 0 {
					b = fmt.Appendf(b, "keep(req, %v)\n", noted)
				}
				r := rapid.SampledFrom(keptReads).Draw(t, "read")
				b = fmt.Appendf(b, "out = out .. see('%s', function() return %s end)\n", r.name, r.expr)
			}
			if noted {
				by := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"subject", "reply", "user", "client", "tags.role", "header.X"}), 1, 6, rapid.ID[string]).Draw(t, "by")
				policy = fmt.Sprintf(", { cache = { by = { '%s' }, negative_ttl = 100 } }", strings.Join(by, "', '"))
			}
			b = fmt.Appendf(b, "return deny(out)\nend%s)\n", policy)
		}
	}
	return string(b)
}

var keptPoints = []hooks.Point{hooks.AtRewrite, hooks.AtPublish, hooks.AtSubscribe, hooks.AtInspect}

// keptCall draws a call, and says what is to be seen of it.
func keptCall(t *rapid.T, p hooks.Point) (c *hooks.Call, truth map[string]string) {
	draw := func(what string) string { return what + rapid.SampledFrom([]string{"1", "2"}).Draw(t, what) }
	prefix, number := rapid.SampledFrom([]string{"c.", "p."}).Draw(t, "cached"), rapid.IntRange(10, 10+2*sandbox.Forms).Draw(t, "subject")
	truth = map[string]string{"user": draw("user"), "role": draw("role"), "subject": fmt.Sprint(prefix, number)}
	c = &hooks.Call{
		Client:  &hooks.Client{ID: uint64(rapid.IntRange(1, 2).Draw(t, "id")), User: truth["user"], Tags: map[string]string{"role": truth["role"]}},
		Subject: []byte(truth["subject"]),
	}
	if p == hooks.AtSubscribe {
		truth["queue"] = draw("queue")
		c.Queue = []byte(truth["queue"])
		return c, truth
	}
	truth["reply"], truth["original"], truth["x"] = draw("reply"), truth["subject"], draw("x")
	c.Reply, c.Header = []byte(truth["reply"]), []byte("NATS/1.0\r\nX: "+truth["x"]+"\r\n\r\n")
	truth["all"] = truth["x"]
	if rapid.Bool().Draw(t, "mapped") {
		truth["original"] = draw("original")
		c.OriginalSubject = []byte(truth["original"])
	}
	if p == hooks.AtInspect {
		truth["payload"] = draw("payload")
		c.Payload = []byte(truth["payload"])
	}
	return c, truth
}

// TestKeptModel: whatever functions keep for one another, with a cache and without,
// what they see is of the call that they are asked about, or an error: never of
// another call, and no answer is kept for a call that looks different.
func TestKeptModel(t *testing.T) {
	t.Parallel()
	var seen, errs, hits uint64
	rapid.Check(t, func(t *rapid.T) {
		source := keptScript(t)
		minute := hooks.PerPoint[time.Duration]{}.All(time.Minute)
		s, err := Open(context.Background(), Options{Name: "test", Source: []byte(source), Limits: Limits{VMs: 1}, Timeout: minute})
		if err != nil {
			t.Fatal(err)
		}
		set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: s, Timeout: minute}}, hooks.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close(context.Background())
		var session hooks.Session
		for range rapid.IntRange(2, 60).Draw(t, "calls") {
			p := rapid.SampledFrom(keptPoints).Draw(t, "point")
			c, truth := keptCall(t, p)
			set.Table("").Do(context.Background(), &session, p, []*hooks.Call{c})
			if c.Outcome.Verdict != hooks.Deny || !strings.HasSuffix(c.Outcome.Reason, ";") {
				t.Fatalf("%v: got %+v", p, c.Outcome)
			}
			for said := range strings.SplitSeq(strings.TrimSuffix(c.Outcome.Reason, ";"), ";") {
				name, value, _ := strings.Cut(said, "=")
				if value == "!" {
					errs++
					continue
				}
				seen++
				want, ok := truth[name]
				if !ok {
					want = "nil"
				}
				if value != want {
					t.Fatalf("%v: saw %s %q, want %q\n%s", p, name, value, want, source)
				}
			}
		}
		hits += set.Stats()[0].CacheHits
	})
	if seen == 0 || errs == 0 || hits == 0 {
		t.Errorf("%d values, %d errors, %d answers that were kept: the test shows nothing", seen, errs, hits)
	}
}

// TestKeptShows: an object that was kept shows the next call at its point, in the
// same machine.
func TestKeptShows(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", ", { cache = { by = 'user', ttl = 1 } }"} {
		s := openWith(t, `local kept, headers
			hook.publish(function(req)
				kept, headers = kept or req, headers or req.headers
				local _ = req.headers
				return deny(kept.subject .. " " .. kept.client.user .. " " .. headers.X)
			end`+options+")", Options{Limits: Limits{VMs: 1}})
		for i := range 5 {
			c := &hooks.Call{Client: &hooks.Client{ID: 7, User: fmt.Sprint("u", i)}, Subject: fmt.Append(nil, "s", i), Header: fmt.Appendf(nil, "NATS/1.0\r\nX: %d\r\n\r\n", i)}
			if want := fmt.Sprintf("s%d u%d %d", i, i, i); ask(t, s, c).Out.Reason != want {
				t.Errorf("call %d%s: got %q, %v; want %q", i, options, c.Out.Reason, c.Err, want)
			}
		}
	}
}
