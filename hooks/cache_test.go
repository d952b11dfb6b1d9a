package hooks

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// fakeClock is a clock that the test sets.
type fakeClock struct{ now time.Time }

func (c *fakeClock) Now() time.Time { return c.now }

func (c *fakeClock) after(d time.Duration) { c.now = c.now.Add(d) }

// cached is one publish hook with a cache, and how often it was asked.
type cached struct {
	set   *Set
	clock fakeClock
	asked int
	s     Session
}

func newCached(t testing.TB, by []string, answer func(*Call)) *cached {
	t.Helper()
	f, err := ParseFields(by)
	if err != nil {
		t.Fatal(err)
	}
	c := &cached{clock: fakeClock{time.Unix(1000, 0)}}
	r := Registration{Point: AtPublish, Cache: &CachePolicy{By: f, TTL: 30 * time.Second, NegativeTTL: 5 * time.Second}}
	c.set = must(t, Options{Clock: c.clock.Now}, Hook{Name: "h", Engine: at(r, func(call *Call) {
		c.asked++
		answer(call)
	})})
	return c
}

// ask asks about a message, and reports whether the hook was asked.
func (c *cached) ask(call Call) (Outcome, bool) {
	if call.Client == nil {
		call.Client = alice
	}
	before := c.asked
	c.set.Table("A").Do(context.Background(), &c.s, AtPublish, []*Call{&call})
	return call.Outcome, c.asked > before
}

func (c *cached) want(t *testing.T, what string, call Call, v Verdict, asked bool) {
	t.Helper()
	got, was := c.ask(call)
	if got.Verdict != v || was != asked {
		t.Errorf("%s: got %v, asked %v; want %v, %v", what, got.Verdict, was, v, asked)
	}
}

// TestCacheTTL: decisions are kept for as long as their policy says.
func TestCacheTTL(t *testing.T) {
	t.Parallel()
	c := newCached(t, []string{"user", "subject"}, func(c *Call) {
		switch string(c.Subject) {
		case "denied":
			c.Out = Result{Verdict: Deny, Reason: "no"}
		case "short":
			c.Out = Result{Verdict: Allow, TTL: time.Second}
		case "long":
			c.Out = Result{Verdict: Allow, TTL: time.Hour}
		case "never":
			c.Out = Result{Verdict: Allow, NoCache: true}
		case "error":
			c.Err = errors.New("x")
		}
	})
	for _, tt := range []struct {
		subject string
		v       Verdict
		ttl     time.Duration
	}{
		{"passed", Pass, 30 * time.Second},
		{"denied", Deny, 5 * time.Second},
		{"short", Allow, time.Second},
		{"long", Allow, 30 * time.Second},
		{"never", Allow, 0},
		{"error", Deny, 0},
	} {
		call := Call{Subject: []byte(tt.subject)}
		c.want(t, tt.subject, call, tt.v, true)
		c.clock.after(tt.ttl - time.Nanosecond)
		c.want(t, tt.subject+" in time", call, tt.v, tt.ttl == 0)
		c.clock.after(time.Nanosecond)
		c.want(t, tt.subject+" after its time", call, tt.v, true)
	}
	c.clock.after(time.Hour)
	c.ask(Call{Subject: []byte("denied")})
	out, asked := c.ask(Call{Subject: []byte("denied")})
	if diff := cmp.Diff(Outcome{Verdict: Deny, Reason: "no", Hook: "h"}, out); asked || diff != "" {
		t.Errorf("kept denial, asked %v (-want +got):\n%s", asked, diff)
	}
}

// TestCacheFlush: what was decided before a flush, or was under way, is not
// taken afterwards.
func TestCacheFlush(t *testing.T) {
	t.Parallel()
	during := func() {}
	c := newCached(t, []string{"subject"}, func(*Call) { during() })
	call := Call{Subject: []byte("a")}
	c.want(t, "first", call, Pass, true)
	c.want(t, "kept", call, Pass, false)
	c.set.Flush("another")
	c.want(t, "another's flush", call, Pass, false)
	c.set.Flush("h")
	c.want(t, "flushed", call, Pass, true)
	during = func() { c.set.Flush("") }
	c.clock.after(time.Hour)
	c.want(t, "flushed meanwhile", call, Pass, true)
	during = func() {}
	c.want(t, "after that", call, Pass, true)
	c.want(t, "kept again", call, Pass, false)
}

// TestCacheRefuses: an answer for which the hook looked at more than its policy
// says is not kept, and counted.
func TestCacheRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		saw  func(*Call)
		want map[string]uint64
	}{
		"declared":       {func(c *Call) { c.Saw(FieldSubject); c.SawTag("role"); c.SawHeader("x-a") }, nil},
		"payload":        {func(c *Call) { c.Saw(FieldPayload | FieldSubject) }, map[string]uint64{"payload": 1}},
		"other":          {func(c *Call) { c.Saw(FieldOther) }, map[string]uint64{"other": 1}},
		"user and size":  {func(c *Call) { c.Saw(FieldUser); c.Saw(FieldSize) }, map[string]uint64{"user": 1, "size": 1}},
		"another tag":    {func(c *Call) { c.SawTag("Role") }, map[string]uint64{"tags": 1}},
		"another header": {func(c *Call) { c.SawHeader("X-B") }, map[string]uint64{"headers": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCached(t, []string{"subject", "tags.role", "header.X-A"}, tt.saw)
			call := Call{Subject: []byte("a")}
			c.ask(call)
			if diff := cmp.Diff(tt.want, c.set.Stats()[0].CacheRefused); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
			c.want(t, "again", call, Pass, tt.want != nil)
		})
	}
}

// TestCacheKey: two calls share a decision exactly when they are equal in what
// the policy names.
func TestCacheKey(t *testing.T) {
	t.Parallel()
	names := []string{"user", "account", "client", "name", "host", "kind", "subject", "reply", "queue", "tags.t", "header.H"}
	drawText := rapid.SampledFrom([]string{"", "a", "aa", "b", "\x00", "\x01a"})
	drawCall := rapid.Custom(func(t *rapid.T) *Call {
		text := func(label string) string { return drawText.Draw(t, label) }
		c := &Call{
			Client: &Client{
				ID: rapid.Uint64Max(1).Draw(t, "id"), User: text("user"), Account: text("account"),
				Name: text("name"), Host: text("host"), Kind: text("kind"),
			},
			Subject: []byte(text("subject")), Reply: []byte(text("reply")), Queue: []byte(text("queue")),
		}
		if rapid.Bool().Draw(t, "tagged") {
			c.Client.Tags = map[string]string{"t": text("tag")}
		}
		header := "NATS/1.0\r\n"
		for range rapid.IntRange(0, 2).Draw(t, "headers") {
			header += rapid.SampledFrom([]string{"H", "h", "HH", "X"}).Draw(t, "name") + ": " + drawText.Draw(t, "value") + "\r\n"
		}
		c.Header = []byte(header + "\r\n")
		return c
	})
	rapid.Check(t, func(t *rapid.T) {
		by := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 4, rapid.ID[string]).Draw(t, "by")
		f, err := ParseFields(by)
		if err != nil {
			t.Fatal(err)
		}
		b := &bound{Registration: &Registration{Cache: &CachePolicy{By: f}}, inst: new(instance)}
		x, y := drawCall.Draw(t, "x"), drawCall.Draw(t, "y")
		same := true
		for _, n := range by {
			same = same && cmp.Equal(part(x, n), part(y, n))
		}
		if got := string(b.appendKey(nil, x)) == string(b.appendKey(nil, y)); got != same {
			t.Fatalf("by %v: equal keys is %v, want %v", by, got, same)
		}
	})
}

// part is what a call has of a field, written down at length.
func part(c *Call, name string) any {
	switch name {
	case "user":
		return c.Client.User
	case "account":
		return c.Client.Account
	case "client":
		return c.Client.ID
	case "name":
		return c.Client.Name
	case "host":
		return c.Client.Host
	case "kind":
		return c.Client.Kind
	case "subject":
		return string(c.Subject)
	case "reply":
		return string(c.Reply)
	case "queue":
		return string(c.Queue)
	case "tags.t":
		v, has := c.Client.Tags["t"]
		return fmt.Sprint(has, v)
	}
	var values []string
	for line := range strings.SplitSeq(string(c.Header), "\r\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, "h") {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

// TestCacheOfTwo: hooks that are asked about the same do not share decisions.
func TestCacheOfTwo(t *testing.T) {
	t.Parallel()
	r := Registration{Point: AtPublish, Cache: &CachePolicy{By: Fields{Set: FieldSubject}, TTL: time.Hour, NegativeTTL: time.Hour}}
	set := must(t, Options{}, Hook{Name: "a", Engine: at(r, verdict(Allow))}, Hook{Name: "b", Engine: at(r, verdict(Deny))})
	for range 3 {
		if c := one(set.Table("A"), AtPublish, "a"); c.Outcome.Verdict != Deny {
			t.Errorf("got %v", c.Outcome)
		}
	}
	if st := set.Stats(); st[0].CacheHits != 2 || st[0].CacheMisses != 1 || st[1].CacheHits != 2 || st[1].CacheMisses != 1 {
		t.Errorf("hits %d and %d, want 2 each", st[0].CacheHits, st[1].CacheHits)
	}
}

// TestLongKey: what would need a long key is not kept, and asked for each time.
func TestLongKey(t *testing.T) {
	t.Parallel()
	c := newCached(t, []string{"subject"}, func(*Call) {})
	call := Call{Subject: []byte(strings.Repeat("a", mostKey))}
	c.want(t, "first", call, Pass, true)
	c.want(t, "second", call, Pass, true)
	if n := c.set.Table("A").cache.len(); n != 0 {
		t.Errorf("%d decisions are kept", n)
	}
}

// TestCacheBound: the cache stays within its bound, and what is in use stays in
// it while a scan of others passes through.
func TestCacheBound(t *testing.T) {
	t.Parallel()
	const most = 1024
	c := newCache(most, func() int64 { return 1 })
	key := func(i int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(i)) }
	hot := key(-1)
	c.put(hot, &Result{Verdict: Allow}, time.Hour)
	for i := range 10 * most {
		c.put(key(i), &Result{Verdict: Deny}, time.Hour)
		if d := c.get(hot, 1); d == nil || d.verdict != Allow {
			t.Fatalf("the decision in use is gone after %d others", i+1)
		}
	}
	if n := c.len(); n > most || n < most/2 {
		t.Errorf("%d decisions, want about %d and not more", n, most)
	}
}

// TestCacheConcurrently: readers and writers at once never get the decision of
// another key, also while the table grows.
func TestCacheConcurrently(t *testing.T) {
	t.Parallel()
	c := newCache(512, func() int64 { return 1 })
	var wg sync.WaitGroup
	var hits atomic.Int64
	for g := range 4 {
		wg.Go(func() {
			for i := range 4000 {
				key := fmt.Append(nil, (i*7+g)%700)
				if d := c.get(key, 1); d == nil {
					c.put(key, &Result{Reason: string(key)}, time.Hour)
				} else if hits.Add(1); d.reason != string(key) {
					t.Errorf("key %s has the decision of %s", key, d.reason)
				}
			}
		})
	}
	wg.Wait()
	if n := c.len(); hits.Load() == 0 || n > 512 {
		t.Errorf("%d hits, %d decisions", hits.Load(), n)
	}
}

// TestCachedRewrite: a rewrite that is kept does what the hook did.
func TestCachedRewrite(t *testing.T) {
	t.Parallel()
	asked := 0
	r := Registration{Point: AtRewrite, Cache: &CachePolicy{By: Fields{Set: FieldSubject}, TTL: time.Hour}}
	set := must(t, Options{}, Hook{Name: "h", Engine: at(r, func(c *Call) {
		asked++
		c.Out = Result{Verdict: Replace, Subject: c.Copy(append([]byte("t."), c.Subject...))}
		c.Saw(FieldSubject)
	})})
	for range 3 {
		c := NewCall()
		c.Client, c.Subject = alice, []byte("a")
		set.Table("A").Do(context.Background(), new(Session), AtRewrite, []*Call{c})
		if c.Outcome.Verdict != Replace || string(c.Subject) != "t.a" || string(c.OriginalSubject) != "a" {
			t.Errorf("got %v %q, of %q", c.Outcome.Verdict, c.Subject, c.OriginalSubject)
		}
		for i := range c.buf[:cap(c.buf)] { // what the next call does to its memory
			c.buf[:cap(c.buf)][i] = 'x'
		}
		c.Done()
	}
	if asked != 1 {
		t.Errorf("asked %d times, want 1", asked)
	}
}
