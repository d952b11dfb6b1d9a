package hooks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"moonwire/server/subject"
)

// TestChain shows the one rule of all chains.
func TestChain(t *testing.T) {
	t.Parallel()
	type step struct {
		v     Verdict
		final bool
	}
	tests := []struct {
		name  string
		p     Point
		steps []step
		want  Verdict
		asked int
	}{
		{"nothing said", AtPublish, []step{{v: Pass}, {v: Pass}}, Pass, 2},
		{"allow goes on", AtPublish, []step{{v: Allow}, {v: Pass}}, Allow, 2},
		{"deny after allow", AtPublish, []step{{v: Allow}, {v: Deny}, {v: Allow}}, Deny, 2},
		{"deny ends", AtSubscribe, []step{{v: Deny}, {v: Allow}}, Deny, 1},
		{"final allow ends", AtPublish, []step{{v: Allow, final: true}, {v: Deny}}, Allow, 1},
		{"final pass does not", AtPublish, []step{{v: Pass, final: true}, {v: Deny}}, Deny, 2},
		{"drop ends", AtInspect, []step{{v: Drop}, {v: Deny}}, Drop, 1},
		{"connect wants an allow", AtConnect, []step{{v: Pass}, {v: Pass}}, Deny, 2},
		{"connect has one", AtConnect, []step{{v: Pass}, {v: Allow}, {v: Pass}}, Allow, 3},
		{"connect denied", AtConnect, []step{{v: Allow}, {v: Deny}}, Deny, 2},
		{"connect final", AtConnect, []step{{v: Allow, final: true}, {v: Deny}}, Allow, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			var hooks []Hook
			for i, s := range tt.steps {
				hooks = append(hooks, Hook{Name: fmt.Sprint(i), Final: s.final, Engine: on(tt.p, func(c *Call) {
					asked++
					c.Out.Verdict = s.v
				})})
			}
			c := one(must(t, Options{}, hooks...).Table("A"), tt.p, "a")
			if c.Outcome.Verdict != tt.want || asked != tt.asked {
				t.Errorf("got %v after %d hooks, want %v after %d", c.Outcome.Verdict, asked, tt.want, tt.asked)
			}
			if refused := c.Outcome.Verdict.Refuses() && c.Outcome.Hook != ""; refused && c.Outcome.Hook != fmt.Sprint(asked-1) {
				t.Errorf("refused by %q, want the last that was asked", c.Outcome.Hook)
			}
		})
	}
}

// TestFailedFinal: on_error allow does not end the chain of a final hook.
func TestFailedFinal(t *testing.T) {
	t.Parallel()
	set := must(t, Options{},
		Hook{Name: "a", Final: true, OnError: PerPoint[OnError]{}.All(OnErrorAllow), Engine: on(AtPublish, func(*Call) { panic("x") })},
		Hook{Name: "b", Engine: on(AtPublish, verdict(Deny))},
	)
	if c := one(set.Table("A"), AtPublish, "a"); c.Outcome.Verdict != Deny || c.Outcome.Hook != "b" {
		t.Errorf("got %+v, want deny by b", c.Outcome)
	}
}

// TestInspectFolds: each hook sees what those before made of the message.
func TestInspectFolds(t *testing.T) {
	t.Parallel()
	appends := func(s string) func(*Call) {
		return func(c *Call) {
			c.Out = Result{Verdict: Replace, Payload: append(c.Copy(c.Payload), s...)}
		}
	}
	header := []byte("NATS/1.0\r\nBy: b\r\n\r\n")
	set := must(t, Options{},
		Hook{Name: "a", Engine: on(AtInspect, appends("a"))},
		Hook{Name: "b", Engine: on(AtInspect, say(Result{Verdict: Replace, Header: header}))},
		Hook{Name: "c", Engine: on(AtInspect, appends("c"))},
		Hook{Name: "d", Engine: on(AtInspect, verdict(Pass))},
	)
	c := &Call{Client: alice, Subject: []byte("s"), Payload: []byte("x"), Size: 1}
	set.Table("A").Do(context.Background(), new(Session), AtInspect, []*Call{c})
	if c.Outcome.Verdict != Replace || string(c.Payload) != "xac" || string(c.Header) != string(header) || c.Size != len(header)+3 {
		t.Errorf("got %v, %q, %q, %d", c.Outcome.Verdict, c.Header, c.Payload, c.Size)
	}

	set = must(t, Options{}, Hook{Name: "a", Engine: on(AtInspect, say(Result{Verdict: Replace, Header: []byte{}, Payload: []byte{}}))})
	set.Table("A").Do(context.Background(), new(Session), AtInspect, []*Call{c})
	if c.Header != nil || len(c.Payload) != 0 || c.Size != 0 {
		t.Errorf("got %q, %q, %d; want nothing left", c.Header, c.Payload, c.Size)
	}
}

// TestRewriteFolds: the new subject decides which hooks come next, and the first
// one stays known.
func TestRewriteFolds(t *testing.T) {
	t.Parallel()
	move := func(name, from, to string) Hook {
		r := Registration{Point: AtRewrite, Subjects: []string{from}}
		return Hook{Name: name, Engine: at(r, say(Result{Verdict: Replace, Subject: []byte(to)}))}
	}
	set := must(t, Options{}, move("1", "c", "d"), move("2", "a", "b"), move("3", "a", "x"), move("4", "b", "c"))
	for subj, want := range map[string]string{"a": "c", "b": "c", "c": "d", "d": "d"} {
		c := one(set.Table("A"), AtRewrite, subj)
		if original := string(c.OriginalSubject); string(c.Subject) != want || (want != subj) != (original == subj) {
			t.Errorf("%s: got %s, of %q; want %s", subj, c.Subject, original, want)
		}
	}
}

// TestNoTable: with nothing loaded each call passes.
func TestNoTable(t *testing.T) {
	t.Parallel()
	var nothing *Table
	if c := one(nothing, AtConnect, ""); c.Outcome.Verdict != Pass {
		t.Errorf("got %v", c.Outcome)
	}
	if nothing.Has(AtPublish) || nothing.Wanted(new(Session), AtPublish, []byte("a")) {
		t.Error("a nil table wants something")
	}
	nothing.Notify(Event{Type: EventConnect})
}

// rule is a hook of the model: what it says about a subject is a pure function.
type rule struct {
	point    Point
	subjects []string
	accounts []string // of the registration
	narrow   Hook     // Accounts, Subjects, Final
	on       OnError
	answers  map[string]Result // by the subject that it sees; others pass
	fails    map[string]bool
}

// naive is the chain as hooks.md has it, one call and one hook after the other.
func naive(rules []rule, p Point, account, subj string) (Verdict, string, []string) {
	var seen []string
	allowed, changed := false, false
	for i, r := range rules {
		if r.point != p || !r.concerns(account, subj) {
			continue
		}
		seen = append(seen, fmt.Sprint(i, subj))
		out := r.answers[subj]
		failed := r.fails[subj]
		if failed {
			out = Result{Verdict: map[OnError]Verdict{OnErrorDeny: Deny, OnErrorSkip: Pass, OnErrorAllow: Allow}[r.on]}
			if r.on == OnErrorAllow && p == AtRewrite {
				out.Verdict = Pass
			}
		}
		switch out.Verdict {
		case Deny:
			return Deny, subj, seen
		case Allow:
			if allowed = true; r.narrow.Final && !failed {
				return Allow, subj, seen
			}
		case Replace:
			subj, changed = string(out.Subject), true
		}
	}
	switch {
	case changed:
		return Replace, subj, seen
	case allowed:
		return Allow, subj, seen
	}
	return Pass, subj, seen
}

func (r rule) concerns(account, subj string) bool {
	for _, names := range [][]string{r.accounts, r.narrow.Accounts} {
		if len(names) > 0 && !slices.Contains(names, account) {
			return false
		}
	}
	// A subscription must overlap both narrowings at one place.
	if r.point == AtSubscribe {
		for _, a := range orAll(r.subjects) {
			for _, b := range orAll(r.narrow.Subjects) {
				if both, ok := overlap(a, b); ok && subject.Overlap(both, subj) {
					return true
				}
			}
		}
		return false
	}
	in := func(list []string) bool {
		return slices.ContainsFunc(list, func(p string) bool { return subject.Match(p, subj) })
	}
	return in(orAll(r.subjects)) && in(orAll(r.narrow.Subjects))
}

func orAll(list []string) []string {
	if len(list) == 0 {
		return []string{">"}
	}
	return list
}

var (
	drawToken   = named(rapid.SampledFrom([]string{"a", "b", "c"}))
	drawLiteral = named(rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(drawToken, 1, 3).Draw(t, "tokens"), ".")
	}))
	drawPattern = named(rapid.Custom(func(t *rapid.T) string {
		p := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "*"}), 1, 3).Draw(t, "tokens"), ".")
		switch rapid.IntRange(0, 4).Draw(t, "open") {
		case 0:
			return p + ".>"
		case 1:
			return ">"
		}
		return p
	}))
	drawAccounts = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B", "C"}), 0, 2, rapid.ID[string])
	drawRule     = rapid.Custom(func(t *rapid.T) rule {
		r := rule{
			point:    rapid.SampledFrom([]Point{AtRewrite, AtPublish, AtSubscribe}).Draw(t, "point"),
			subjects: rapid.SliceOfN(drawPattern, 0, 3).Draw(t, "subjects"),
			accounts: drawAccounts.Draw(t, "accounts"),
			on:       rapid.SampledFrom([]OnError{OnErrorDeny, OnErrorAllow, OnErrorSkip}).Draw(t, "on_error"),
			answers:  make(map[string]Result),
		}
		r.narrow = Hook{
			Accounts: drawAccounts.Draw(t, "narrow accounts"), Final: rapid.Bool().Draw(t, "final"),
			Subjects: rapid.SliceOfN(drawPattern, 0, 2).Draw(t, "narrow subjects"),
		}
		r.fails = rapid.MapOfN(drawLiteral, rapid.Just(true), 0, 2).Draw(t, "fails")
		for _, s := range rapid.SliceOfN(drawLiteral, 0, 12).Draw(t, "answered") {
			v := rapid.SampledFrom([]Verdict{Pass, Deny, Allow}).Draw(t, "verdict")
			out := Result{Verdict: v}
			if v == Allow && r.point == AtRewrite {
				out = Result{Verdict: Replace, Subject: []byte(drawLiteral.Draw(t, "to"))}
			}
			r.answers[s] = out
		}
		return r
	})
)

// named makes the name of g now. A generator of slices would make it at its first
// draw, while another test that runs beside it draws from g and reads the name.
func named[V any](g *rapid.Generator[V]) *rapid.Generator[V] {
	_ = g.String()
	return g
}

// TestChainModel compares whole batches with the naive chain: outcome, subject,
// which hooks were asked about what, and that order is kept.
func TestChainModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(drawRule, 0, 6).Draw(t, "rules")
		asked := make(map[*Call][]string)
		var order []string
		hooks := make([]Hook, len(rules))
		for i, r := range rules {
			h := r.narrow
			h.Name, h.OnError = fmt.Sprint(i), PerPoint[OnError]{}.All(r.on)
			h.Engine = at(Registration{Point: r.point, Subjects: r.subjects, Accounts: r.accounts}, func(c *Call) {
				s := string(c.Subject)
				asked[c] = append(asked[c], fmt.Sprint(i, s))
				order = append(order, fmt.Sprint(i, " ", c.Size))
				if c.Out = r.answers[s]; r.fails[s] {
					c.Err = fmt.Errorf("fails for %s", s)
				}
			})
			hooks[i] = h
		}
		// The breaker would make one call depend on those before.
		set, err := Compile(hooks, Options{Breaker: BreakerOptions{MinCalls: 1 << 40}})
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close(context.Background())
		sessions := make(map[string]*Session)
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			p := rapid.SampledFrom([]Point{AtRewrite, AtPublish, AtSubscribe}).Draw(t, "point")
			account := rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "account")
			draw := drawLiteral
			if p == AtSubscribe {
				draw = drawPattern
			}
			subjects := rapid.SliceOfN(draw, 1, 6).Draw(t, "subjects")
			if sessions[account] == nil {
				sessions[account] = new(Session)
			}
			var calls []*Call
			client := &Client{ID: 1, Account: account}
			for i, s := range subjects {
				calls = append(calls, &Call{Client: client, Subject: []byte(s), Size: i})
			}
			clear(asked)
			order = order[:0]
			table := set.Table(account)
			var wanted []bool
			for _, c := range calls {
				wanted = append(wanted, table.Wanted(sessions[account], p, c.Subject))
			}
			table.Do(context.Background(), sessions[account], p, calls)
			for i, c := range calls {
				v, s, seen := naive(rules, p, account, subjects[i])
				if c.Outcome.Verdict != v || v != Deny && string(c.Subject) != s {
					t.Fatalf("%v of %q in %s: got %v %q, want %v %q", p, subjects[i], account, c.Outcome.Verdict, c.Subject, v, s)
				}
				if diff := cmp.Diff(seen, asked[c]); diff != "" {
					t.Fatalf("%v of %q in %s (-want +got):\n%s", p, subjects[i], account, diff)
				}
				if wanted[i] != (len(seen) > 0) {
					t.Fatalf("%v of %q in %s: wanted is %v, asked %v", p, subjects[i], account, wanted[i], seen)
				}
			}
			if !slices.IsSorted(order) { // six hooks and six calls: one digit each
				t.Fatalf("order %v", order)
			}
		}
	})
}
