package hooks

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"moonwire/server/subject"
)

// TestScopeModel compares tries, fresh and remembered, with the patterns asked
// one by one.
func TestScopeModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.SliceOfN(rapid.SliceOfN(drawPattern, 1, 3), 0, 8).Draw(t, "patterns")
		var hooks []Hook
		for i, list := range patterns {
			mode := Enforce
			if i%3 == 2 {
				mode = Shadow
			}
			e := &fake{regs: []Registration{{Point: AtPublish, Subjects: list}, {Point: AtSubscribe, Subjects: list}}}
			hooks = append(hooks, Hook{Name: fmt.Sprint(i), Mode: mode, Engine: e})
		}
		set, err := Compile(hooks, Options{})
		if err != nil {
			t.Fatal(err)
		}
		table, s := set.Table("A"), new(Session)
		check := func(p Point, subj string, fits func(pattern string) bool) {
			var want []string
			for i, list := range patterns {
				if slices.ContainsFunc(list, fits) {
					want = append(want, fmt.Sprint(i))
				}
			}
			m := nothing
			if table != nil {
				m = table.match(s, p, []byte(subj))
			}
			var got []string
			all := append(slices.Clone(m.chain), m.shadows...)
			slices.SortFunc(all, func(a, b *bound) int { return a.order - b.order })
			for _, b := range all {
				got = append(got, b.hook.Name)
			}
			if !slices.Equal(got, want) || (m == nothing) != (len(want) == 0) {
				t.Fatalf("%v %q: got %v, want %v", p, subj, got, want)
			}
			for _, b := range m.chain {
				if b.hook.Mode == Shadow {
					t.Fatalf("%v %q: hook %s in the chain, which is in shadow mode", p, subj, b.hook.Name)
				}
			}
		}
		for _, subj := range rapid.SliceOfN(drawPattern, 1, 20).Draw(t, "subjects") {
			check(AtPublish, subj, func(p string) bool { return subject.Match(p, subj) })
			check(AtSubscribe, subj, func(p string) bool { return subject.Overlap(p, subj) })
		}
	})
}

// TestMalformed: a subject that is never routed concerns no hook.
func TestMalformed(t *testing.T) {
	t.Parallel()
	e := &fake{regs: []Registration{{Point: AtPublish}, {Point: AtSubscribe}}}
	table := must(t, Options{}, Hook{Name: "a", Engine: e}).Table("A")
	for _, s := range []string{"", ".", "a..b", "a.", ".a"} {
		if table.Wanted(new(Session), AtPublish, []byte(s)) || table.Wanted(new(Session), AtSubscribe, []byte(s)) {
			t.Errorf("%q is wanted", s)
		}
	}
	if table.Wanted(new(Session), AtSubscribe, []byte(">.a")) {
		t.Error(">.a is wanted")
	}
}

// TestSessionForgets: what a connection remembers of one table says nothing of
// the next, nor of other points.
func TestSessionForgets(t *testing.T) {
	t.Parallel()
	set := func(subj string) *Table {
		r := Registration{Point: AtPublish, Subjects: []string{subj}}
		return must(t, Options{}, Hook{Name: "h", Engine: at(r, verdict(Pass))}).Table("A")
	}
	a, b := set("a"), set("b")
	b.seed = a.seed // so that hashes are no help
	s, subj := new(Session), []byte("a")
	for i, table := range []*Table{a, b, a, b} {
		for range 2 {
			if got, want := table.Wanted(s, AtPublish, subj), i%2 == 0; got != want {
				t.Errorf("table %d: got %v", i, got)
			}
		}
		if table.Wanted(s, AtInspect, subj) {
			t.Error("wanted at inspect")
		}
	}
}

// TestSessionIsBounded: subjects that come once leave little behind.
func TestSessionIsBounded(t *testing.T) {
	t.Parallel()
	r := Registration{Point: AtPublish, Subjects: []string{"a.>"}}
	table := must(t, Options{}, Hook{Name: "h", Engine: at(r, verdict(Pass))}).Table("A")
	s := new(Session)
	for i := range 10_000 {
		subj := fmt.Appendf(nil, "%[2]c.%[1]d.%0[1]*[1]d", i%300, "ab"[i%2])
		if got := table.Wanted(s, AtPublish, subj); got != (i%2 == 0) {
			t.Fatalf("%s: got %v", subj, got)
		}
	}
	held := 0
	for i := range s.slots {
		held += cap(s.slots[i].subject)
	}
	if most := slots * 2 * mostRemembered; held > most {
		t.Errorf("holds %d bytes of subjects, want %d at most", held, most)
	}
}
