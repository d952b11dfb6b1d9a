package subject_test

import (
	"testing"

	"moonwire/server/subject"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, subject string
		want             bool
	}{
		{"foo", "foo", true},
		{"foo", "fo", false},
		{"fo", "foo", false},
		{"foo", "bar", false},
		{"foo", "foo.bar", false},
		{"foo.bar", "foo", false},
		{"foo.bar", "foo.bar", true},
		{"foo.bar", "foo.baz", false},
		{"foo.bar", "foobar", false},
		{"*", "foo", true},
		{"*", "foo.bar", false},
		{"foo.*", "foo.bar", true},
		{"foo.*", "foo", false},
		{"foo.*", "foo.", false},
		{"foo.*", "foo.bar.baz", false},
		{"*.bar", "foo.bar", true},
		{"*.*.baz", "foo.bar.baz", true},
		{"*.*.baz", "foo.bar.qux", false},
		{">", "foo", true},
		{">", "foo.bar.baz", true},
		{"foo.>", "foo.bar", true},
		{"foo.>", "foo.bar.baz", true},
		{"foo.>", "foo", false},
		{"foo.>", "foo.", false},
		{"*.>", "foo.bar", true},
		{"*.>", "foo", false},

		// A wildcard character inside a longer token is literal.
		{"foo*", "foo*", true},
		{"foo*", "foobar", false},
		{">foo", ">foo", true},
		{">foo", "foo", false},
		{"**", "a", false},

		// Wildcards in the subject are ordinary tokens.
		{"foo.*", "foo.*", true},
		{"foo.>", "foo.*", true},
		{"foo.bar", "foo.*", false},
		{"foo.*", "foo.>", true},
		{"foo.bar", "foo.>", false},
		{"foo.*.bar", "foo.>.bar", true},
		{"*", "*", true},

		// Empty tokens match nothing.
		{"", "", false},
		{"*", "", false},
		{">", "", false},
		{">", ".", false},
		{">", "foo..bar", false},
		{">", ".foo", false},
		{">", "foo.", false},
		{"foo.>", "foo.bar.", false},
		{"foo..bar", "foo..bar", false},
		{"*.*", "foo.", false},
		{"*.*", ".foo", false},
		{"foo.", "foo.", false},
		{".foo", ".foo", false},

		// Patterns that are not valid match nothing.
		{">.foo", "a.foo", false},
		{">.foo", ">.foo", false},
		{"foo.>.bar", "foo.>.bar", false},
		{"foo.>.", "foo.a", false},
	}
	for _, tt := range tests {
		t.Run(tt.pattern+" "+tt.subject, func(t *testing.T) {
			t.Parallel()
			if got := subject.Match(tt.pattern, tt.subject); got != tt.want {
				t.Errorf("Match(%q, %q) = %v, want %v", tt.pattern, tt.subject, got, tt.want)
			}
			if got := subject.Match(tt.pattern, []byte(tt.subject)); got != tt.want {
				t.Errorf("Match(%q, []byte(%q)) = %v, want %v", tt.pattern, tt.subject, got, tt.want)
			}
		})
	}
}

func TestSubsetAndOverlap(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b    string
		subset  bool // a lies within b
		reverse bool // b lies within a
		overlap bool
	}{
		{"foo", "foo", true, true, true},
		{"foo", "bar", false, false, false},
		{"foo", "foo.bar", false, false, false},
		{"foo", "*", true, false, true},
		{"foo", ">", true, false, true},
		{"*", ">", true, false, true},
		{"foo.*", "foo.>", true, false, true},
		{"foo.>", "foo.>", true, true, true},
		{"foo.>", "foo", false, false, false},
		{"foo.>", "*", false, false, false},
		{"foo.>", ">", true, false, true},
		{"*.*", "*", false, false, false},
		{"*.*", "foo.*", false, true, true},
		{"*.bar", "foo.*", false, false, true},
		{"*.bar", "foo.>", false, false, true},
		{"*.bar", "foo.baz", false, false, false},
		{"*.>", ">", true, false, true},
		{"*.>", "*.*", false, true, true},
		{"a.*.c", "a.>", true, false, true},
		{"a.*.c", "*.b.*", false, false, true},
		{"foo*", "*", true, false, true},
		{"foo*", "foobar", false, false, false},

		// Not valid patterns: never a subset, no overlap.
		{"", ">", false, false, false},
		{"foo..bar", ">", false, false, false},
		{"foo..bar", "foo..bar", false, false, false},
		{"foo.", "foo.", false, false, false},
		{"foo.>.bar", "foo.>", false, false, false},
		{"foo.>.bar", "foo.>.bar", false, false, false},
		{">.foo", "*.foo", false, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.a+" "+tt.b, func(t *testing.T) {
			t.Parallel()
			if got := subject.Subset(tt.a, tt.b); got != tt.subset {
				t.Errorf("Subset(%q, %q) = %v, want %v", tt.a, tt.b, got, tt.subset)
			}
			if got := subject.Subset([]byte(tt.b), tt.a); got != tt.reverse {
				t.Errorf("Subset(%q, %q) = %v, want %v", tt.b, tt.a, got, tt.reverse)
			}
			if got := subject.Overlap(tt.a, tt.b); got != tt.overlap {
				t.Errorf("Overlap(%q, %q) = %v, want %v", tt.a, tt.b, got, tt.overlap)
			}
			if got := subject.Overlap(tt.b, []byte(tt.a)); got != tt.overlap {
				t.Errorf("Overlap(%q, %q) = %v, want %v", tt.b, tt.a, got, tt.overlap)
			}
		})
	}
}
