package subject_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"moonwire/server/subject"
)

func TestValidity(t *testing.T) {
	t.Parallel()
	tests := []struct {
		subject    string
		pattern    bool
		literal    bool
		wellFormed bool
		wildcard   bool
		tokens     int
	}{
		{"", false, false, false, false, 0},
		{".", false, false, false, false, 2},
		{"foo", true, true, true, false, 1},
		{"foo.bar.baz", true, true, true, false, 3},
		{".foo", false, false, false, false, 2},
		{"foo.", false, false, false, false, 2},
		{"foo..bar", false, false, false, false, 3},
		{"*", true, false, true, true, 1},
		{">", true, false, true, true, 1},
		{"*.*", true, false, true, true, 2},
		{"foo.*", true, false, true, true, 2},
		{"*.foo", true, false, true, true, 2},
		{"foo.*.bar", true, false, true, true, 3},
		{"foo.>", true, false, true, true, 2},
		{"*.>", true, false, true, true, 2},
		{">.foo", false, false, true, true, 2},
		{"foo.>.bar", false, false, true, true, 3},
		{">.>", false, false, true, true, 2},
		{">.", false, false, false, true, 2},
		{".>", false, false, false, true, 2},
		{"foo*bar", true, true, true, false, 1},
		{">foo", true, true, true, false, 1},
		{"foo>", true, true, true, false, 1},
		{"**", true, true, true, false, 1},
		{">>", true, true, true, false, 1},
		{"*>", true, true, true, false, 1},
		{"foo.*a.>b", true, true, true, false, 3},
		{"größe.\xff\x00", true, true, true, false, 2},
	}
	for _, tt := range tests {
		t.Run(tt.subject, func(t *testing.T) {
			t.Parallel()
			type answers struct {
				Pattern, Literal, WellFormed, Wildcard bool
				Tokens                                 int
			}
			want := answers{tt.pattern, tt.literal, tt.wellFormed, tt.wildcard, tt.tokens}
			s, b := tt.subject, []byte(tt.subject)
			asString := answers{
				subject.ValidPattern(s), subject.ValidLiteral(s), subject.WellFormed(s),
				subject.HasWildcard(s), subject.NumTokens(s),
			}
			asBytes := answers{
				subject.ValidPattern(b), subject.ValidLiteral(b), subject.WellFormed(b),
				subject.HasWildcard(b), subject.NumTokens(b),
			}
			if diff := cmp.Diff(want, asString); diff != "" {
				t.Errorf("string %q (-want +got):\n%s", s, diff)
			}
			if diff := cmp.Diff(want, asBytes); diff != "" {
				t.Errorf("bytes %q (-want +got):\n%s", s, diff)
			}
		})
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	tests := []struct {
		subject string
		want    []string
	}{
		{"", []string{""}},
		{"foo", []string{"foo"}},
		{"foo.*.>", []string{"foo", "*", ">"}},
		{".", []string{"", ""}},
		{"a..b.", []string{"a", "", "b", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.subject, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tokens(tt.subject)); diff != "" {
				t.Errorf("string (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, tokens([]byte(tt.subject))); diff != "" {
				t.Errorf("bytes (-want +got):\n%s", diff)
			}
		})
	}
}

// tokens lists the tokens of s as the documentation of Next tells to.
func tokens[T subject.Text](s T) []string {
	var list []string
	var token T
	for more := true; more; {
		token, s, more = subject.Next(s)
		list = append(list, string(token))
	}
	return list
}

func TestNoAllocation(t *testing.T) {
	type named string
	pattern, long := named("foo.*.bar.>"), "foo.quite_a_long_token.bar.baz.and.more.tokens"
	bytes := []byte(long)
	sink := 0
	count := func(ok bool) {
		if ok {
			sink++
		}
	}
	tests := []struct {
		name string
		run  func()
	}{
		{"ValidPattern", func() { count(subject.ValidPattern(pattern)); count(subject.ValidPattern(bytes)) }},
		{"ValidLiteral", func() { count(subject.ValidLiteral(long)); count(subject.ValidLiteral(bytes)) }},
		{"WellFormed", func() { count(subject.WellFormed(long)); count(subject.WellFormed(bytes)) }},
		{"HasWildcard", func() { count(subject.HasWildcard(pattern)); count(!subject.HasWildcard(bytes)) }},
		{"NumTokens", func() { sink += subject.NumTokens(long) + subject.NumTokens(bytes) }},
		{"Next", func() {
			for s, more := bytes, true; more; {
				var token []byte
				token, s, more = subject.Next(s)
				sink += len(token)
			}
		}},
		{"Match", func() { count(subject.Match(pattern, long)); count(subject.Match(pattern, bytes)) }},
		{"Subset", func() { count(subject.Subset(bytes, pattern)); count(subject.Subset(long, pattern)) }},
		{"Overlap", func() { count(subject.Overlap(bytes, pattern)); count(subject.Overlap(long, pattern)) }},
	}
	for _, tt := range tests {
		before := sink
		if n := testing.AllocsPerRun(100, tt.run); n != 0 {
			t.Errorf("%s: %v allocations, want 0", tt.name, n)
		}
		if sink == before {
			t.Errorf("%s: did not answer as expected", tt.name)
		}
	}
}
