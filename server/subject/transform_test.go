package subject_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moonwire/server/subject"
)

func TestTransform(t *testing.T) {
	t.Parallel()
	tests := []struct{ source, destination, subject, want string }{
		// Literal text and the tail.
		{"foo", "bar", "foo", "bar"},
		{"foo", "bar.baz.qux", "foo", "bar.baz.qux"},
		{"foo.*", "bar", "foo.a", "bar"},
		{">", "pre.>", "foo.bar", "pre.foo.bar"},
		{"", "pre.>", "foo.bar", "pre.foo.bar"},
		{">", ">", "foo.bar", "foo.bar"},
		{"foo.>", ">", "foo.a.b", "a.b"},
		{"foo.>", "bar.baz.>", "foo.a.b", "bar.baz.a.b"},
		{"foo.*.>", "bar.$1.x.>", "foo.a.b.c", "bar.a.x.b.c"},
		{"foo", "$SYS.$.$a.$1x", "foo", "$SYS.$.$a.$1x"},
		{"*", "größe.$1", "\xff", "größe.\xff"},

		// Wildcards.
		{"foo.*", "bar.$1", "foo.a", "bar.a"},
		{"*.*.*", "$3.$1.$2", "a.b.c", "c.a.b"},
		{"*.*", "$2.$2.$2", "a.b", "b.b.b"},
		{"foo.*.bar.*", "{{wildcard(2)}}.x.{{wildcard(1)}}", "foo.a.bar.b", "b.x.a"},
		{"*.*.*.*.*.*.*.*.*.*.*", "$11.$10.$1", "0.1.2.3.4.5.6.7.8.9.ten", "ten.9.0"},
		{"foo.*", "$0.$1", "foo.a", "foo.a"}, // 0 is the first token
		{"foo.*", "$+1", "foo.a", "a"},
		{"foo.*", "bar.$1", "foo.*", "bar.*"}, // a token like others, published
		{"foo.>", "bar.>", "foo.*.>", "bar.*.>"},

		// Names in any case, blanks around everything.
		{"*", "{{WILDCARD(1)}}", "a", "a"},
		{"*", "{{ Left ( 1 , 2 ) }}", "abc", "ab"},
		{"*.*", "{{\tpartition\t( 10,\t1 , 2\t)\t}}", "foo.bar", "0"},
		{"*", "{{split(1, -)}}", "a-b", "a.b"},

		// The hash: of the tokens, of the whole subject, of the first token.
		{"*.*", "{{partition(10,1,2)}}", "foo.bar", "0"},
		{"*.*", "{{partition(10,2,1)}}", "foo.bar", "2"},
		{"*.*", "{{partition(10)}}", "foo.bar", "6"},
		{"foo.bar", "baz.{{partition(10)}}", "foo.bar", "baz.6"},
		{"foo.bar", "baz.{{partition(10,7)}}", "foo.bar", "baz.6"},
		{"foo.>", "{{partition(10)}}.>", "foo.bar", "6.bar"},
		{"*", "{{partition(10, 0)}}", "foo", "3"},
		{"*", "{{partition(0)}}", "foo", "0"},
		{"*", "{{partition(2147483647)}}", "foo", "703823576"},
		{"p.*", "q.{{partition(3,1)}}.$1", "p.k1", "q.0.k1"}, // protocol.md [86]
		{"p.*", "q.{{partition(3,1)}}.$1", "p.k3", "q.2.k3"},

		{"*", "x.{{random(0)}}", "a", "x.0"},
		{"*", "x.{{random(1)}}", "a", "x.0"},

		{"*", "{{split(1,-)}}", "abc-def--ghi", "abc.def.ghi"},
		{"*", "{{split(1,-)}}", "-abc-", "abc"},
		{"*", "{{split(1,-)}}", "abc", "abc"},
		{"*", "{{split(1,--)}}", "a-b--c", "a-b.c"},
		{"*", "{{split(1,()}}", "a(b", "a.b"},
		{"*", "{{split(1,))}}", "a)b", "a.b"},
		{"*", "{{split(1,)}}", "aö\xffb", "a.ö.\xff.b"},
		{"*", "{{split(1,-)}}", "--abc", "abc"}, // no empty tokens
		{"*", "x.{{split(1,-)}}", "--", "x.--"},

		{"*", "{{splitFromLeft(1,3)}}", "12345", "123.45"},
		{"*", "{{splitFromLeft(1,5)}}", "12345", "12345"},
		{"*", "{{splitFromLeft(1,0)}}", "12345", "12345"},
		{"*", "{{splitFromRight(1,3)}}", "12345", "12.345"},
		{"*", "{{splitFromRight(1,5)}}", "12345", "12345"},
		{"*", "{{splitFromRight(1,0)}}", "12345", "12345"},

		{"*", "{{sliceFromLeft(1,3)}}", "1234567890", "123.456.789.0"},
		{"*", "{{sliceFromLeft(1,3)}}", "123456", "123.456"},
		{"*", "{{sliceFromLeft(1,3)}}", "123", "123"},
		{"*", "{{sliceFromLeft(1,0)}}", "123", "123"},
		{"*", "{{sliceFromRight(1,3)}}", "1234567890", "1.234.567.890"},
		{"*", "{{sliceFromRight(1,3)}}", "123456", "123.456"},
		{"*", "{{sliceFromRight(1,3)}}", "123", "123"},
		{"*", "{{sliceFromRight(1,1)}}", "123", "1.2.3"},

		{"*", "{{left(1,3)}}", "1234", "123"},
		{"*", "{{left(1,4)}}", "1234", "1234"},
		{"*", "{{left(1,0)}}", "1234", "1234"},
		{"*", "{{right(1,3)}}", "1234", "234"},
		{"*", "{{right(1,6)}}", "1234", "1234"},
		{"*", "{{right(1,2147483647)}}", "1234", "1234"},

		{"*.*.>", "{{split(2,-)}}.x.{{left(1,1)}}.>", "foo.a-b.c.d", "a.b.x.f.c.d"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s to %s of %s", tt.source, tt.destination, tt.subject), func(t *testing.T) {
			t.Parallel()
			tr, err := subject.NewTransform(tt.source, tt.destination)
			if err != nil {
				t.Fatal(err)
			}
			if !tr.Match([]byte(tt.subject)) {
				t.Error("Match = false")
			}
			got, ok := tr.Append([]byte("x "), []byte(tt.subject))
			if want := "x " + tt.want; string(got) != want || !ok {
				t.Errorf("got %q, %v, want %q", got, ok, want)
			}
		})
	}
}

func TestTransformMiss(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ source, destination, subject string }{
		{"foo", "bar", "foo.a"},
		{"foo.*", "bar.$1", "foo"},
		{"foo.*", "bar.$1", "foo."},
		{"foo.*", "bar.$1", "foo.a.b"},
		{"foo.>", "bar.>", "foo"},
		{"foo.>", "bar.>", "foo.a..b"},
		{">", ">", ""},
		{"*foo", "bar", "foo"}, // no wildcard
	} {
		tr, err := subject.NewTransform(tt.source, tt.destination)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := tr.Append([]byte("x"), []byte(tt.subject))
		if string(got) != "x" || ok || tr.Match([]byte(tt.subject)) {
			t.Errorf("%q to %q of %q: got %q, %v, want a miss", tt.source, tt.destination, tt.subject, got, ok)
		}
	}
}

func TestTransformErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ source, destination, want string }{
		{"foo", "", "the destination is empty"},
		{"foo..", "bar", "the source has an empty token or a > that is not its last token"},
		{"foo.>.a", "bar", "the source has an empty token or a > that is not its last token"},
		{"foo", "bar.", "the destination has an empty token or a > that is not its last token"},
		{"foo bar", "bar", "the source has a blank"},
		{"foo", "b ar", "b ar: a subject has no blanks"},
		{"foo", "bar\r", "bar\r: a subject has no blanks"},
		{"foo.*", "bar.*", "the destination has a *: write $1, $2 and so on for the wildcards of the source"},
		{"foo.>", "bar", "source and destination must both end in > or neither"},
		{"foo.*", "bar.>", "source and destination must both end in > or neither"},
		{"foo.*", "$2", `$2: argument 1 of wildcard is "2": allowed is a number from 0 to 1`},
		{"foo.*", "$-1", `$-1: argument 1 of wildcard is "-1": allowed is a number from 0 to 1`},
		{"foo", "$1", "$1: wildcard needs a wildcard of the source, which has none"},
		{"foo", "{{left(0,1)}}", "{{left(0,1)}}: left needs a wildcard of the source, which has none"},
		{"*.*", "{{wildcard(3)}}", `{{wildcard(3)}}: argument 1 of wildcard is "3": allowed is a number from 0 to 2`},
		{"*", "{{wildcard()}}", `{{wildcard()}}: argument 1 of wildcard is "": allowed is a number from 0 to 1`},
		{"*", "{{wildcard(1,2)}}", "{{wildcard(1,2)}}: the number of arguments is 2; write it as {{wildcard(n)}}"},
		{"*", "{{wildcard}}", "{{wildcard}}: write it as {{wildcard(n)}}"},
		{"*", "{{left(1,2}}", "{{left(1,2}}: write it as {{left(n,len)}}"},
		{"*", "{{left(1)}}", "{{left(1)}}: the number of arguments is 1; write it as {{left(n,len)}}"},
		{"*", "{{right(1,x)}}", `{{right(1,x)}}: argument 2 of right is "x": allowed is a number from 0 to 2147483647`},
		{"*", "{{sliceFromLeft(1,-1)}}", `{{sliceFromLeft(1,-1)}}: argument 2 of sliceFromLeft is "-1": allowed is a number from 0 to 2147483647`},
		{"*", "{{partition()}}", `{{partition()}}: argument 1 of partition is "": allowed is a number from 0 to 2147483647`},
		{"*", "{{partition(2147483648)}}", `{{partition(2147483648)}}: argument 1 of partition is "2147483648": allowed is a number from 0 to 2147483647`},
		{"*", "{{partition(3,2)}}", `{{partition(3,2)}}: argument 2 of partition is "2": allowed is a number from 0 to 1`},
		{"foo", "{{partition(3,x)}}", `{{partition(3,x)}}: argument 2 of partition is "x": allowed is a number from 0 to ` + strconv.Itoa(math.MaxInt)},
		{"*", "{{random(1,2)}}", "{{random(1,2)}}: the number of arguments is 2; write it as {{random(buckets)}}"},
		{"*", "{{split(1,a b)}}", `{{split(1,a b)}}: argument 2 of split is "a b": allowed is text without blanks`},
		{"*", "{{split(1,a,b)}}", "{{split(1,a,b)}}: the number of arguments is 3; write it as {{split(n,sep)}}"},
		{"*", "{{twist(1)}}", `{{twist(1)}}: "twist" is not a function; there are wildcard, partition, random, split, ` +
			"splitFromLeft, splitFromRight, sliceFromLeft, sliceFromRight, left and right"},
		{"*", "a{{left(1,2)}}", "a{{left(1,2)}}: {{…}} must be a token of its own and have no dot in it"},
		{"*", "{{split(1,.)}}", "{{split(1,: {{…}} must be a token of its own and have no dot in it\n" +
			")}}: {{…}} must be a token of its own and have no dot in it"},
	}
	for _, tt := range tests {
		t.Run(tt.source+" to "+tt.destination, func(t *testing.T) {
			t.Parallel()
			_, err := subject.NewTransform(tt.source, tt.destination)
			prefix := fmt.Sprintf("transform of %q to %q: ", tt.source, tt.destination)
			want := prefix + strings.ReplaceAll(tt.want, "\n", "\n"+prefix)
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestStrictTransform(t *testing.T) {
	t.Parallel()
	tests := []struct{ source, destination, subject, want string }{
		{"foo", "bar", "foo", "bar"},
		{"foo.>", "bar.x.>", "foo.a.b", "bar.x.a.b"},
		{"foo.*.*", "bar.$2.{{wildcard(1)}}", "foo.a.b", "bar.b.a"},
		{"*.*.*.>", "$2.x.$3.$1.>", "a.b.c.d.e", "b.x.c.a.d.e"},
		{"foo.*.*.>", "bar.*.*.>", "foo.a.b.c", "bar.a.b.c"}, // the n-th * is $n
		{"$SYS.*", "$X.$1", "$SYS.a", "$X.a"},
	}
	for _, tt := range tests {
		t.Run(tt.source+" to "+tt.destination, func(t *testing.T) {
			t.Parallel()
			there, err := subject.NewStrictTransform(tt.source, tt.destination)
			if err != nil {
				t.Fatal(err)
			}
			back, err := there.Reverse()
			if err != nil {
				t.Fatal(err)
			}
			mapped, _ := there.Append(nil, []byte(tt.subject))
			again, ok := back.Append(nil, mapped)
			if string(mapped) != tt.want || string(again) != tt.subject || !ok {
				t.Errorf("got %q and back %q, %v, want %q", mapped, again, ok, tt.want)
			}
		})
	}
}

func TestStrictTransformErrors(t *testing.T) {
	t.Parallel()
	const function, once = "wildcard is the only function that can", "use each of the %d wildcards of the source once, as $1 and so on"
	tests := []struct{ source, destination, want string }{
		{"foo.*", "bar", fmt.Sprintf(once, 1)},
		{"foo.*.*", "bar.$1", fmt.Sprintf(once, 2)},
		{"foo.*", "bar.$1.$1", fmt.Sprintf(once, 1)},
		{"foo.*.*", "bar.$1.$1", fmt.Sprintf(once, 2)},
		{"foo.*", "bar.$0", fmt.Sprintf(once, 1)},
		{"foo.*", "bar.{{left(1,2)}}", function},
		{"foo", "bar.{{partition(3)}}", function},
	}
	for _, tt := range tests {
		want := fmt.Sprintf("transform of %q to %q cannot be reversed: %s", tt.source, tt.destination, tt.want)
		if _, err := subject.NewStrictTransform(tt.source, tt.destination); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		loose, err := subject.NewTransform(tt.source, tt.destination)
		if err != nil {
			t.Fatal(err)
		}
		want = fmt.Sprintf("transform of %q cannot be reversed: %s", tt.source, tt.want)
		if _, err := loose.Reverse(); err == nil || err.Error() != want {
			t.Errorf("Reverse: got  %v\nwant %s", err, want)
		}
		if p, ok := loose.Pattern(">"); ok {
			t.Errorf("%q to %q: Pattern gave %q", tt.source, tt.destination, p)
		}
	}
	if _, err := subject.NewStrictTransform("foo.*", "bar..$1"); err == nil {
		t.Error("an empty token is accepted")
	}
	// The literal $1 of the source would be a wildcard.
	tr, err := subject.NewStrictTransform("$1.*", "bar.$1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Reverse(); err == nil {
		t.Error("Reverse of a source with the literal token $1 succeeded")
	}
}

func TestPattern(t *testing.T) {
	t.Parallel()
	tests := []struct {
		source, destination, pattern, want string
		ok                                 bool
	}{
		{"p.*", "$1", "p.*", "*", true},
		{"p.*", "$1", "p.a", "a", true},
		{"p.*", "$1", "q.a", "", false},
		{"p.*", "$1", "p..a", "", false},
		{"p.>", ">", "p.*.a", "*.a", true},
		{"p.>", ">", "p.*.>", "*.>", true},
		{"p.>", "x.>", "p.>", "x.>", true},
		{"a.*.*", "b.$2.$1", "a.x.*", "b.*.x", true},
		{"a.*.*", "b.$2.$1", "a.*.*", "b.*.*", true},
		{"foo", "bar", "foo", "bar", true},
		// Only what both match counts.
		{"foo", "bar", "*", "bar", true},
		{"a.*.*", "b.$2.$1", ">", "b.*.*", true},
		{"a.*.*", "b.$2.$1", "*.x.>", "b.*.x", true},
		{"a.*.>", "b.$1.>", "*.*.c.*", "b.*.c.*", true},
		{"a.>", "b.>", "*.c", "b.c", true},
		{"a.*", "b.$1", "a.*.>", "", false},
		{"a.*", "b.$1", "a", "", false},
	}
	for _, tt := range tests {
		tr, err := subject.NewStrictTransform(tt.source, tt.destination)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := tr.Pattern(tt.pattern); got != tt.want || ok != tt.ok {
			t.Errorf("%q to %q of %q: got %q, %v, want %q, %v", tt.source, tt.destination, tt.pattern, got, ok, tt.want, tt.ok)
		}
	}
}

// TestModelPattern compares what Pattern says with the subjects one by one.
func TestModelPattern(t *testing.T) {
	t.Parallel()
	patterns, subjects := rows(3, "a", "b", "*", ">"), rows(4, "a", "b", "z")
	for _, tt := range []struct{ source, destination string }{
		{"*.*", "x.$2.$1"}, {"a.*.>", "$1.>"}, {">", "p.>"}, {"*.b.*", "$2.$1"}, {"a.b", "c"},
	} {
		tr, err := subject.NewStrictTransform(tt.source, tt.destination)
		if err != nil {
			t.Fatal(err)
		}
		back, err := tr.Reverse()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range patterns {
			pattern, ok := tr.Pattern(p)
			if want := subject.Overlap(p, tt.source); ok != want {
				t.Errorf("%q: Pattern(%q) is %v, want %v", tt, p, ok, want)
			}
			for _, s := range subjects {
				if out, hit := tr.Append(nil, []byte(s)); hit {
					if got, want := subject.Match(pattern, out), subject.Match(p, s); got != want {
						t.Errorf("%q: %q of %q matches the pattern %q of %q: %v, want %v", tt, out, s, pattern, p, got, want)
					}
				}
				// Nor does the pattern match what the transform does not make.
				if in, hit := back.Append(nil, []byte(s)); subject.Match(pattern, s) && (!hit || !subject.Match(p, in)) {
					t.Errorf("%q: the pattern %q of %q matches %q", tt, pattern, p, s)
				}
			}
		}
	}
}

// TestRandom holds random(n) to the whole of its range.
func TestRandom(t *testing.T) {
	t.Parallel()
	m, err := subject.NewMappings([]subject.MapRule{{"*", []subject.MapDestination{{"x.{{random(6)}}", 100, ""}}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(6) {
		var asked []uint32
		out, _ := m.Append(nil, []byte("a"), func(n uint32) uint32 {
			asked = append(asked, n)
			return i
		})
		if want := fmt.Sprintf("x.%d", i); string(out) != want || !cmp.Equal(asked, []uint32{6}) {
			t.Errorf("got %q after asking for %v, want %q", out, asked, want)
		}
	}
	tr, err := subject.NewTransform("*", fmt.Sprintf("{{random(%d)}}", math.MaxInt32))
	if err != nil {
		t.Fatal(err)
	}
	if out, ok := tr.Append(nil, []byte("a")); !ok || !subject.ValidLiteral(out) || strings.Trim(string(out), "0123456789") != "" {
		t.Errorf("got %q, want a number", out)
	}
}

func TestTransformAllocations(t *testing.T) {
	dst, subj := make([]byte, 0, 256), []byte("orders.eu.cust-47-11.created.v2")
	for _, destination := range []string{
		"o.$3.$1.x.>",
		"{{partition(10,1,2)}}.{{partition(10)}}.{{random(9)}}.>",
		"{{split(2,-)}}.{{split(2,)}}.{{left(1,1)}}.{{right(1,1)}}.>",
		"{{sliceFromLeft(2,2)}}.{{sliceFromRight(2,2)}}.{{splitFromLeft(3,2)}}.{{splitFromRight(3,2)}}.>",
	} {
		tr, err := subject.NewTransform("orders.*.*.*.>", destination)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() {
			if _, ok := tr.Append(dst, subj); !ok {
				t.Fatal("no match")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", destination, n)
		}
	}
}
