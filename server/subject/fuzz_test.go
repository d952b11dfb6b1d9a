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

// FuzzTransform holds any transform to what its functions promise.
func FuzzTransform(f *testing.F) {
	for _, seed := range [][3]string{
		{"foo.*.*", "bar.$2.{{wildcard(1)}}", "foo.a.b"},
		{"foo.>", "{{partition(10)}}.>", "foo.a.b"},
		{"*.*", "{{split(1,-)}}.{{Split(2,)}}", "--a-b-.ö\xff"},
		{"*.>", "{{sliceFromLeft(1,3)}}.{{ slicefromright( 1, 3) }}.>", "1234567890.a"},
		{"*", "{{splitFromLeft(1,3)}}.{{splitFromRight(1,3)}}", "12345"},
		{"*", "{{left(1,1)}}.{{right(0,1)}}.{{random(3)}}", "*a>"},
		{"", "x.>", "*.>"},
		{"$1.*", "$1", "$1.a"},
	} {
		f.Add(seed[0], seed[1], []byte(seed[2]))
	}
	f.Fuzz(func(t *testing.T, source, destination string, subj []byte) {
		tr, err := subject.NewTransform(source, destination)
		if err != nil {
			return
		}
		out, ok := tr.Append([]byte("x"), subj)
		if ok != tr.Match(subj) || out[0] != 'x' {
			t.Fatalf("got %q, %v", out, ok)
		}
		if !ok {
			return
		}
		if out = out[1:]; !subject.WellFormed(out) {
			t.Fatalf("got %q, which is not well-formed", out)
		}
		back, err := tr.Reverse()
		if err != nil {
			return
		}
		if again, ok := back.Append(nil, out); !ok || string(again) != string(subj) {
			t.Fatalf("got %q and back %q, %v", out, again, ok)
		}
		if p, ok := tr.Pattern(string(subj)); !subject.HasWildcard(subj) && (!ok || p != string(out)) {
			t.Fatalf("got %q and as a pattern %q, %v", out, p, ok)
		}
	})
}
