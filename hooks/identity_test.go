package hooks

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"moonwire/server/subject"
)

// TestMergedIdentities: later hooks overwrite what they name.
func TestMergedIdentities(t *testing.T) {
	t.Parallel()
	soon, later := time.Unix(1000, 0), time.Unix(2000, 0)
	allow := func(id *Identity) *fake { return on(AtConnect, say(Result{Verdict: Allow, Identity: id})) }
	first := &Identity{
		User: "u", Account: "A", Expires: later, Tags: map[string]string{"a": "1", "b": "1"},
		Limits:      Limits{MaxPayload: 10},
		Permissions: &Permissions{Publish: Rules{Allow: []string{"a.>"}}},
	}
	second := &Identity{
		Account: "B", Expires: soon, Tags: map[string]string{"b": "2"},
		Limits:      Limits{MaxSubscriptions: 5},
		Permissions: &Permissions{Publish: Rules{Allow: []string{"*.b"}, Deny: []string{"x"}}},
	}
	set := must(t, Options{},
		Hook{Name: "none", Engine: allow(nil)},
		Hook{Name: "first", Engine: allow(first)},
		Hook{Name: "passes", Engine: on(AtConnect, say(Result{Identity: &Identity{User: "ignored"}}))},
		Hook{Name: "second", Engine: allow(second)},
		Hook{Name: "empty", Engine: allow(new(Identity))},
	)
	c := one(set.Table(""), AtConnect, "")
	want := Outcome{Verdict: Allow, Identity: &Identity{
		User: "u", Account: "B", Expires: soon, Tags: map[string]string{"a": "1", "b": "2"},
		Limits:      Limits{MaxPayload: 10, MaxSubscriptions: 5},
		Permissions: &Permissions{Publish: Rules{Allow: []string{"a.b"}, Deny: []string{"x"}}},
	}}
	if diff := cmp.Diff(want, c.Outcome); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if first.Tags["b"] != "1" || first.Account != "A" {
		t.Errorf("the first identity was changed: %+v", first)
	}
}

// TestNoIdentityAfterDeny: a client that is denied has no identity.
func TestNoIdentityAfterDeny(t *testing.T) {
	t.Parallel()
	id := say(Result{Verdict: Allow, Identity: &Identity{User: "root"}})
	for _, v := range []Verdict{Deny} {
		set := must(t, Options{}, Hook{Name: "a", Engine: on(AtConnect, id)}, Hook{Name: "b", Engine: on(AtConnect, verdict(v))})
		if c := one(set.Table(""), AtConnect, ""); c.Outcome.Identity != nil {
			t.Errorf("%v: %+v", v, c.Outcome.Identity)
		}
	}
}

// TestQueuesDoNotMeet: permissions that cannot be joined are a bad answer of the
// later hook.
func TestQueuesDoNotMeet(t *testing.T) {
	t.Parallel()
	with := func(r Rules) func(*Call) {
		return say(Result{Verdict: Allow, Identity: &Identity{Permissions: &Permissions{Subscribe: r}}})
	}
	for _, tt := range [][2]Rules{
		{{Allow: []string{"a q"}}, {Allow: []string{"a r"}}},
		{{Deny: []string{"a"}}, {Deny: []string{"a q"}}},
	} {
		set := must(t, Options{}, Hook{Name: "a", Engine: on(AtConnect, with(tt[0]))}, Hook{Name: "b", Engine: on(AtConnect, with(tt[1]))})
		c := one(set.Table(""), AtConnect, "")
		if c.Outcome.Verdict != Deny || c.Outcome.Hook != "b" || set.Stats()[1].Points[AtConnect].Errors[KindBadReply] != 1 {
			t.Errorf("%v: got %+v", tt, c.Outcome)
		}
	}
}

// mayPublish is what the server says of permissions, for a literal subject.
func (p *Permissions) mayPublish(subj string) bool {
	in := func(list []string) bool {
		return slices.ContainsFunc(list, func(r string) bool { return subject.Match(r, subj) })
	}
	if p == nil {
		return true
	}
	if p.Responses != nil && len(p.Publish.Allow) == 0 {
		return false
	}
	return (len(p.Publish.Allow) == 0 || in(p.Publish.Allow)) && !in(p.Publish.Deny)
}

// maySubscribe likewise, for a subscription. A rule with a queue says of the
// queues of its subject what a rule without one then does not.
func (p *Permissions) maySubscribe(subj, queue string) bool {
	if p == nil {
		return true
	}
	rules := func(list []string) (plain, named, fits bool) {
		for _, r := range list {
			s, q, has := strings.Cut(r, " ")
			switch {
			case !subject.Subset(subj, s):
			case has:
				named, fits = true, fits || subject.Match(q, queue)
			default:
				plain = true
			}
		}
		return plain, named, fits
	}
	allowed := true
	if list := p.Subscribe.Allow; len(list) > 0 {
		plain, named, fits := rules(list)
		allowed = plain
		if queue != "" && named {
			allowed = fits
		}
	}
	if list := p.Subscribe.Deny; allowed && len(list) > 0 {
		plain, named, fits := rules(list)
		allowed = !plain
		if queue != "" && named {
			allowed = !fits
		}
	}
	return allowed
}

// TestIntersectModel: joined permissions allow what both allow.
func TestIntersectModel(t *testing.T) {
	t.Parallel()
	drawQueued := rapid.Custom(func(t *rapid.T) string {
		return drawPattern.Draw(t, "subject") + rapid.SampledFrom([]string{"", "", "", " q", " r", " *"}).Draw(t, "queue")
	})
	drawPermissions := rapid.Custom(func(t *rapid.T) *Permissions {
		if rapid.IntRange(0, 9).Draw(t, "nil") == 0 {
			return nil
		}
		list := func(g *rapid.Generator[string], name string) []string { return rapid.SliceOfN(g, 0, 3).Draw(t, name) }
		p := &Permissions{
			Publish:   Rules{list(drawPattern, "publish"), list(drawPattern, "no publish")},
			Subscribe: Rules{list(drawQueued, "subscribe"), list(drawQueued, "no subscribe")},
		}
		if rapid.Bool().Draw(t, "responds") {
			p.Responses = new(Responses)
		}
		return p
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawPermissions.Draw(t, "a"), drawPermissions.Draw(t, "b")
		both, err := intersect(a, b)
		if err != nil {
			if !errors.Is(err, errQueues) || !queues(slices.Concat(a.Subscribe.Allow, a.Subscribe.Deny, b.Subscribe.Allow, b.Subscribe.Deny)) {
				t.Fatalf("unexpected: %v", err)
			}
			return
		}
		for range 10 {
			s := drawLiteral.Draw(t, "subject")
			if got, want := both.mayPublish(s), a.mayPublish(s) && b.mayPublish(s); got != want {
				t.Fatalf("publish to %q: got %v, want %v; both: %+v", s, got, want, both)
			}
			s, q := drawPattern.Draw(t, "pattern"), rapid.SampledFrom([]string{"", "q", "r", "s"}).Draw(t, "queue")
			if got, want := both.maySubscribe(s, q), a.maySubscribe(s, q) && b.maySubscribe(s, q); got != want {
				t.Fatalf("subscribe to %q %q: got %v, want %v; both: %+v", s, q, got, want, both)
			}
		}
		if both != nil && both.Responses != nil && (a != nil && a.Responses == nil && !a.Publish.free() || b != nil && b.Responses == nil && !b.Publish.free()) {
			t.Fatalf("responses, though one of both bounds publishing and has none: %+v", both)
		}
	})
}

// TestResponses: of two bounds the lower counts.
func TestResponses(t *testing.T) {
	t.Parallel()
	p := func(most int, d time.Duration) *Permissions {
		return &Permissions{Publish: Rules{Allow: []string{"a"}}, Responses: &Responses{most, d}}
	}
	for _, tt := range []struct{ a, b, want *Permissions }{
		{p(5, time.Hour), p(3, time.Minute), p(3, time.Minute)},
		{p(-1, -1), p(3, time.Minute), p(3, time.Minute)},
		{p(3, time.Minute), p(-1, -1), p(3, time.Minute)},
		{p(0, 0), p(3, time.Hour), p(1, 2*time.Minute)},
		{p(-1, -1), p(-1, -1), p(-1, -1)},
	} {
		got, err := intersect(tt.a, tt.b)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("error %v, -want +got:\n%s", err, diff)
		}
	}
}

// TestSkippedConnect: a connect hook that is skipped allows nobody.
func TestSkippedConnect(t *testing.T) {
	t.Parallel()
	skip := PerPoint[OnError]{}.with(AtConnect, OnErrorSkip)
	broken := Hook{Name: "a", OnError: skip, Engine: on(AtConnect, func(*Call) { panic("x") })}
	if c := one(must(t, Options{}, broken).Table(""), AtConnect, ""); c.Outcome.Verdict != Deny || c.Outcome.Hook != "" {
		t.Errorf("alone: got %+v", c.Outcome)
	}
	set := must(t, Options{}, broken, Hook{Name: "b", Engine: on(AtConnect, verdict(Allow))})
	if c := one(set.Table(""), AtConnect, ""); c.Outcome.Verdict != Allow {
		t.Errorf("with another that allows: got %+v", c.Outcome)
	}
	shadow := Hook{Name: "a", Mode: Shadow, Engine: on(AtConnect, verdict(Deny))}
	if c := one(must(t, Options{}, shadow).Table(""), AtConnect, ""); c.Outcome.Verdict != Pass {
		t.Errorf("only in shadow: got %+v", c.Outcome)
	}
}
