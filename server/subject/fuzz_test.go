package subject_test

import (
	"testing"

	"moonwire/server/subject"
)

func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"foo.*", "foo.bar"},
		{"foo.>", "foo.bar.baz"},
		{">", "a..b"},
		{"*.*", "*.>"},
		{"foo.>.bar", "foo.>.bar"},
		{"", ""},
		{".", "."},
		{"a*.>b", "a*.>b"},
		{"größe", "gr\xff"},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, pattern string, subj []byte) {
		if got, want := subject.Match(pattern, subj), modelMatch(pattern, string(subj)); got != want {
			t.Errorf("Match(%q, %q) = %v, want %v", pattern, subj, got, want)
		}
	})
}

func FuzzLaws(f *testing.F) {
	for _, seed := range [][3]string{
		{"foo.*", "foo.>", "foo.bar"},
		{"*.*", "*", "a.b"},
		{">", "*.>", "a"},
		{"foo.>.bar", ">", "foo..bar"},
		{"", ".", ""},
		{"*a", ">b", "*.>"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, a, b, s string) { checkLaws(t, a, b, s) })
}
