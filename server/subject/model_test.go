package subject_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moonwire/server/subject"
)

// modelValid is the rule for patterns, word for word.
func modelValid(pattern string) bool {
	list := strings.Split(pattern, ".")
	for i, token := range list {
		if token == "" || token == ">" && i < len(list)-1 {
			return false
		}
	}
	return true
}

// modelMatch is the matcher at its plainest, by recursion over token lists.
func modelMatch(pattern, subj string) bool {
	subjTokens := strings.Split(subj, ".")
	if !modelValid(pattern) || slices.Contains(subjTokens, "") {
		return false
	}
	var match func(p, s []string) bool
	match = func(p, s []string) bool {
		switch {
		case len(p) == 0 || len(s) == 0:
			return len(p) == len(s)
		case p[0] == ">":
			return true
		default:
			return (p[0] == "*" || p[0] == s[0]) && match(p[1:], s[1:])
		}
	}
	return match(strings.Split(pattern, "."), subjTokens)
}

// rows returns all subjects of 1 to depth tokens taken from alphabet.
func rows(depth int, alphabet ...string) []string {
	all := slices.Clone(alphabet)
	for last := all; depth > 1; depth-- {
		var next []string
		for _, head := range last {
			for _, token := range alphabet {
				next = append(next, head+"."+token)
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

// drawSubject draws a row of zero to six tokens, valid or not.
func drawSubject(t *rapid.T, label string) string {
	token := rapid.SampledFrom([]string{"a", "b", "ab", "*", ">", "*a", ">>", "", "\xff"})
	return strings.Join(rapid.SliceOfN(token, 0, 6).Draw(t, label), ".")
}

func TestModelMatch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern, subj := drawSubject(t, "pattern"), drawSubject(t, "subject")
		if rapid.Bool().Draw(t, "related") {
			// Most random pairs do not match; derive the pattern from the subject.
			list := strings.Split(subj, ".")
			for i := range list {
				list[i] = rapid.SampledFrom([]string{list[i], list[i], "*"}).Draw(t, "token")
			}
			if n := rapid.IntRange(0, len(list)).Draw(t, "tail"); n < len(list) {
				list = append(list[:n], ">")
			}
			pattern = strings.Join(list, ".")
		}
		if got, want := subject.Match(pattern, subj), modelMatch(pattern, subj); got != want {
			t.Fatalf("Match(%q, %q) = %v, want %v", pattern, subj, got, want)
		}
		if got, want := subject.ValidPattern(pattern), modelValid(pattern); got != want {
			t.Fatalf("ValidPattern(%q) = %v, want %v", pattern, got, want)
		}
	})
}

// TestModelRelations compares Subset and Overlap of all pairs of patterns up to
// three tokens with what the pairs match among all subjects up to four tokens
// (one more than the patterns, so that ">" shows), over an alphabet with a token
// that no pattern names (so that "*" shows).
func TestModelRelations(t *testing.T) {
	t.Parallel()
	patterns := rows(3, "a", "b", "*", ">")
	subjects := rows(4, "a", "b", "z")
	matched := make(map[string][]bool, len(patterns))
	for _, p := range patterns {
		for _, s := range subjects {
			matched[p] = append(matched[p], modelMatch(p, s))
		}
	}
	for _, a := range patterns {
		for _, b := range patterns {
			subset, overlap := modelValid(a) && modelValid(b), false
			for i, inA := range matched[a] {
				subset = subset && (!inA || matched[b][i])
				overlap = overlap || inA && matched[b][i]
			}
			if got := subject.Subset(a, b); got != subset {
				t.Errorf("Subset(%q, %q) = %v, want %v", a, b, got, subset)
			}
			if got := subject.Overlap(a, b); got != overlap {
				t.Errorf("Overlap(%q, %q) = %v, want %v", a, b, got, overlap)
			}
		}
	}
}

// TestModelLaws checks what must hold between the functions for arbitrary bytes.
func TestModelLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		checkLaws(t, drawSubject(t, "a"), drawSubject(t, "b"), drawSubject(t, "s"))
	})
}

// checkLaws fails unless the functions agree with each other on two patterns and
// a subject of whatever form.
func checkLaws(t rapid.TB, a, b, s string) {
	t.Helper()
	fail := func(law string) {
		t.Helper()
		t.Errorf("%s does not hold for a=%q b=%q s=%q", law, a, b, s)
	}
	inA, inB := subject.Match(a, s), subject.Match(b, s)
	if subject.Subset(a, b) && inA && !inB {
		fail("a within b, so what a matches b matches")
	}
	if inA && inB && !subject.Overlap(a, b) {
		fail("both match s, so they overlap")
	}
	if subject.Overlap(a, b) != subject.Overlap(b, a) {
		fail("overlap is symmetric")
	}
	if subject.Subset(a, b) && !subject.Overlap(a, b) {
		fail("a within b, so they overlap")
	}
	if subject.ValidPattern(a) != subject.Subset(a, a) || subject.ValidPattern(a) != subject.Subset(a, ">") {
		fail("a valid pattern lies within itself and within >")
	}
	if subject.WellFormed(s) != subject.Match(">", s) {
		fail("> matches what is well-formed")
	}
	if subject.ValidLiteral(s) != (subject.ValidPattern(s) && !subject.HasWildcard(s)) {
		fail("a literal is a pattern without wildcards")
	}
	if subject.ValidLiteral(s) {
		if !subject.Match(s, s) || subject.Match(a, s) != subject.Subset(s, a) || subject.Match(a, s) != subject.Overlap(a, s) {
			fail("for a literal Match, Subset and Overlap are one")
		}
	}
	if list := tokens(s); strings.Join(list, ".") != s || s != "" && len(list) != subject.NumTokens(s) {
		fail("tokens joined give the subject again")
	}
}
