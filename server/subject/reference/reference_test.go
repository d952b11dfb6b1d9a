// Package reference_test compares transforms and mappings with those of
// nats-server. It stands apart because fuzzing is many times slower in a package
// whose tests link nats-server. What is different on purpose:
//
//   - An empty destination is refused. There it makes no transform, and as that
//     of a mapping it stops the server.
//   - Negative numbers are refused. There they mean 0, or a bucket of 4 billion.
//   - "{{" and "}}" are refused in what is not a function as a whole. There it is
//     text, or a function whose surroundings are dropped.
//   - The letters of a function's name may all be in any case, and blanks around
//     numbers may be any.
//   - A source token that only begins with "*" is literal. There it matches any.
//   - split makes no empty tokens: "--a" becomes "a", and "--" stays. There the
//     message is lost.
//   - A reversible transform uses each wildcard exactly once and no function, also
//     of a literal source, and its way back is right for any order. There three wildcards in
//     another order come back wrong, and one used twice stops the server.
//   - A published token "*" or ">" is a token like others.
//   - Which of several mappings counts does not hang on the order in which a map
//     is read, nor what partition(n) makes of a literal source.
package reference_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"pgregory.net/rapid"

	"moonwire/server/subject"
)

// refused reports whether a destination is refused here on purpose.
func refused(destination string) bool {
	for token := range strings.SplitSeq(destination, ".") {
		call := strings.TrimSuffix(strings.TrimPrefix(token, "{{"), "}}")
		if call != token && len(call) != len(token)-4 || strings.Contains(call, "{{") || strings.Contains(call, "}}") {
			return true
		}
		if negative.MatchString(token) {
			return true
		}
	}
	return destination == "" || strings.Contains(destination, "{{}}")
}

var (
	negative = regexp.MustCompile(`^\$-|[(,] *-[0-9]`)
	split    = regexp.MustCompile(`[Ss]plit\s*\(`)
)

var (
	drawSourceToken = named(rapid.SampledFrom([]string{"a", "b", "ab", "*", "*", "*", "*", "$1", "a b"}))
	drawNumber      = named(rapid.SampledFrom([]string{
		"0", "1", "1", "1", "1", "1", "1", "1", "2", "2", "2", "2", "3", "3", "4", "10",
		"-1", "x", "", " 1", "2 ", "+1", "1 2", "2147483647", "2147483648", "99999999999999999999",
	}))
	drawSeparator = rapid.SampledFrom([]string{"-", "--", "", "a", ")", "(", " -", "- ", "}", "{", "$"})
	drawName      = rapid.SampledFrom([]string{
		"wildcard", "Wildcard", "partition", "Partition", "split", "Split", "splitFromLeft", "SplitFromleft", "splitfromright",
		"SliceFromLeft", "slicefromRight", "left", "Left", "right", "Right", "random", "Random", "twist", "",
	})
	drawPlain = rapid.SampledFrom([]string{
		"a", "b", "a", "b", "$1", "$1", "$1", "$1", "$2", "$2", "$2", "$3", "$0", "$-1", "$+1", "$", "$SYS", "$1x",
		"*", "", "a b", "{{}}", "{{", "x{{left(1,2)}}", "{{x{{left(1,2)}}", "{{left(1,2)}}}}",
	})
	drawSubjectToken = named(rapid.SampledFrom([]string{"a", "b", "ab", "abcdefg", "1-2--3-", "-a", "ö-\xff", "-", "a b", "$1"}))
)

// named makes the name of g now. A generator of slices would make it at its first
// draw, while another test that runs beside it draws from g and reads the name.
func named[V any](g *rapid.Generator[V]) *rapid.Generator[V] {
	_ = g.String()
	return g
}

func drawCall(t *rapid.T) string {
	blank := rapid.SampledFrom([]string{"", "", "", " ", "\t"})
	name := drawName.Draw(t, "name")
	var args []string
	if strings.EqualFold(name, "split") {
		args = []string{drawNumber.Draw(t, "n"), drawSeparator.Draw(t, "separator")}
	} else {
		n := 1
		if strings.ContainsAny(name, "gSsL") || strings.HasPrefix(name, "l") {
			n = 2 // of left, right, slice and split
		}
		n += rapid.SampledFrom([]int{0, 0, 0, 0, 0, 1}).Draw(t, "more")
		args = rapid.SliceOfN(drawNumber, n, n).Draw(t, "arguments")
	}
	return "{{" + blank.Draw(t, "b1") + name + blank.Draw(t, "b2") + "(" + strings.Join(args, ",") + ")" + blank.Draw(t, "b3") + "}}"
}

// drawTransform draws a source and a destination that go together in most cases.
func drawTransform(t *rapid.T) (source, destination string) {
	from := rapid.SliceOfN(drawSourceToken, 1, 4).Draw(t, "source")
	var to []string
	for range rapid.IntRange(1, 3).Draw(t, "tokens") {
		if rapid.IntRange(0, 2).Draw(t, "kind") == 0 {
			to = append(to, drawPlain.Draw(t, "plain"))
		} else {
			to = append(to, drawCall(t))
		}
	}
	switch rapid.IntRange(0, 9).Draw(t, "tail") {
	case 0, 1:
		from, to = append(from, ">"), append(to, ">")
	case 2:
		from = append(from, ">")
	}
	return strings.Join(from, "."), strings.Join(to, ".")
}

// fill draws a subject that a pattern matches, in most cases.
func fill(t *rapid.T, pattern string) string {
	list := strings.Split(pattern, ".")
	for i, token := range list {
		if token == "*" {
			list[i] = drawSubjectToken.Draw(t, "token")
		}
		if token == ">" {
			list = append(list[:i], rapid.SliceOfN(drawSubjectToken, 0, 3).Draw(t, "rest")...)
			break
		}
	}
	return strings.Join(list, ".")
}

func TestReferenceTransform(t *testing.T) {
	t.Parallel()
	accepted, mapped := 0, 0
	check := func(t *rapid.T) {
		source, destination := drawTransform(t)
		got, err := subject.NewTransform(source, destination)
		want, wantErr := server.NewSubjectTransform(source, destination)
		ok := wantErr == nil && server.ValidateMapping(source, destination) == nil && server.IsValidSubject(source) && !refused(destination)
		if (err == nil) != ok {
			t.Fatalf("%q to %q: got %v, want accepted %v (%v)", source, destination, err, ok, wantErr)
		}
		if err != nil {
			return
		}
		accepted++
		if strings.Contains(strings.ToLower(destination), "random") {
			return
		}
		for range 4 {
			s := fill(t, source)
			out, hit := got.Append(nil, []byte(s))
			wantOut, err := want.Match(s)
			if err == nil && !subject.WellFormed(wantOut) {
				// A split that leaves an empty token.
				if !hit || !subject.WellFormed(out) || !split.MatchString(destination) {
					t.Fatalf("%q to %q of %q: got %q, want it well-formed, not %q", source, destination, s, out, wantOut)
				}
				continue
			}
			if hit != (err == nil) || string(out) != wantOut {
				t.Fatalf("%q to %q of %q: got %q, %v, want %q, %v", source, destination, s, out, hit, wantOut, err)
			}
			if hit {
				mapped++
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			check(t)
		}
	})
	if accepted == 0 || mapped == 0 {
		t.Errorf("%d transforms were accepted and %d subjects mapped", accepted, mapped)
	}
}

// TestReferenceStrict: what is accepted here is there, and does the same.
func TestReferenceStrict(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		source := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "*", "*"}), 1, 4).Draw(t, "source"), ".")
		n := strings.Count(source, "*")
		order := rapid.Permutation([]string{"$1", "{{wildcard(2)}}", "$3", "$4"}[:n]).Draw(t, "order")
		if rapid.Bool().Draw(t, "more") {
			order = append(order, rapid.SampledFrom([]string{"x", "$1", "{{left(1,2)}}", "{{partition(2)}}", "$SYS"}).Draw(t, "extra"))
		}
		if len(order) == 0 {
			order = []string{"x"}
		}
		destination := strings.Join(order, ".")
		got, err := subject.NewStrictTransform(source, destination)
		want, wantErr := server.NewSubjectTransformStrict(source, destination)
		twice := strings.Count(destination, "$1") > 1
		literal := n == 0 && strings.Contains(destination, "partition") // not looked at there
		if (err == nil) != (wantErr == nil && !twice && !literal) {
			t.Fatalf("%q to %q: got %v, want %v", source, destination, err, wantErr)
		}
		if err != nil {
			return
		}
		s := fill(t, source)
		out, _ := got.Append(nil, []byte(s))
		if wantOut := want.TransformSubject(s); string(out) != wantOut {
			t.Fatalf("%q to %q of %q: got %q, want %q", source, destination, s, out, wantOut)
		}
	})
}

// TestReferenceMappings compares which rules are accepted.
func TestReferenceMappings(t *testing.T) {
	t.Parallel()
	destination := rapid.Custom(func(t *rapid.T) subject.MapDestination {
		return subject.MapDestination{
			Subject: rapid.SampledFrom([]string{"a", "b", "c", "d.$1", "e.$1", "f.$2", "g.>"}).Draw(t, "subject"),
			Weight:  rapid.SampledFrom([]int{0, 10, 40, 60, 100, 101, 255}).Draw(t, "weight"),
			Cluster: rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "cluster"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		rule := subject.MapRule{
			Source:       rapid.SampledFrom([]string{"a", "b.*", "b.*.*", "g.>", "a..b", "a b"}).Draw(t, "source"),
			Destinations: rapid.SliceOfN(destination, 0, 4).Draw(t, "destinations"),
		}
		var there []*server.MapDest
		for _, d := range rule.Destinations {
			there = append(there, &server.MapDest{Subject: d.Subject, Weight: uint8(d.Weight), Cluster: d.Cluster})
		}
		_, err := subject.NewMappings([]subject.MapRule{rule}, "A")
		wantErr := server.NewAccount("A").AddWeightedMappings(rule.Source, there...)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%+v: got %v, want %v", rule, err, wantErr)
		}
	})
}
