package subject

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Transform gives the subjects that match its source another subject. It is
// immutable.
type Transform struct {
	source string
	wilds  []int // positions of the "*" among the tokens of source
	parts  []part
}

// part is a stretch of a destination: some text and the function behind it.
type part struct {
	text   string // literal tokens and dots
	fn     function
	tokens []int // positions in the subject of the tokens that fn takes
	n      int   // its number: buckets, a length or an offset
	sep    []byte
}

// blanks separate the words on the wire, so they are in no subject.
const blanks = " \t\n\f\r"

// NewTransform compiles a transform from the pattern source to destination. An
// empty source is ">". In the destination these stand for tokens, where n counts
// the "*" of the source from 1 and may be 0 for the first token of the subject:
//
//	$n, {{wildcard(n)}}         the n-th wildcard
//	{{partition(buckets,n…)}}   a number below buckets, a hash of these wildcards;
//	                            of the whole subject if there are none
//	{{random(buckets)}}         a random number below buckets
//	{{split(n,sep)}}            split at each sep, or after each character if it is empty
//	{{splitFromLeft(n,off)}}    split in two, off bytes from the left
//	{{splitFromRight(n,off)}}   or from the right
//	{{sliceFromLeft(n,size)}}   split into pieces of size bytes; what remains is the last
//	{{sliceFromRight(n,size)}}  or the first
//	{{left(n,len)}}             the first len bytes
//	{{right(n,len)}}            or the last
//
// A token that is too short for its function stays whole, and with 0 buckets the
// number is 0. Upper and lower case are the same in names, and blanks may stand
// around names and arguments. Both end in ">" or neither does; it stands for the
// same tokens in both. A source without wildcards has only partition, always of
// the whole subject, and random.
//
// The error joins all problems; each names both subjects, and of a function the
// argument and what is allowed.
func NewTransform(source, destination string) (*Transform, error) {
	return compile("transform", source, destination)
}

// NewStrictTransform compiles a transform that can be reversed, as imports need
// it: the destination uses every wildcard of the source exactly once and no
// function but wildcard. Its n-th "*", if it has any, stands for $n.
func NewStrictTransform(source, destination string) (*Transform, error) {
	t, err := compile("transform", source, numbered(destination))
	if err != nil {
		return nil, err
	}
	if err := t.strict(); err != nil {
		return nil, fmt.Errorf("transform of %q to %q cannot be reversed: %w", source, destination, err)
	}
	return t, nil
}

// numbered puts $1, $2 and so on in the place of the "*" of s.
func numbered(s string) string {
	n := 0
	tokens := strings.Split(s, string(Separator))
	for i, token := range tokens {
		if isWildcard(token, AnyToken) {
			n++
			tokens[i] = "$" + strconv.Itoa(n)
		}
	}
	return strings.Join(tokens, string(Separator))
}

// compile is NewTransform; what is the word for it in errors.
func compile(what, source, destination string) (*Transform, error) {
	var errs []error
	fail := func(err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s of %q to %q: %w", what, source, destination, err))
		}
	}
	if source == "" {
		source = string(AnyTail)
	}
	fail(checkForm("source", source))
	if strings.ContainsAny(source, blanks) {
		fail(errors.New("the source has a blank"))
	}
	fail(checkForm("destination", destination))
	if errs == nil && endsInTail(source) != endsInTail(destination) {
		fail(errors.New("source and destination must both end in > or neither"))
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	t := &Transform{source: source}
	all := strings.Split(source, string(Separator))
	for i, token := range all {
		if isWildcard(token, AnyToken) {
			t.wilds = append(t.wilds, i)
		}
	}
	text, dot := "", ""
	for token := range strings.SplitSeq(destination, string(Separator)) {
		p, err := t.parse(token)
		fail(err)
		if p.fn == fnTail {
			p.tokens = []int{len(all) - 1}
		}
		text, dot = text+dot+p.text, string(Separator)
		if p.fn != fnNone {
			p.text, text = text, ""
			t.parts = append(t.parts, p)
		}
	}
	if text != "" {
		t.parts = append(t.parts, part{text: text})
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return t, nil
}

// checkForm returns an error unless s is a valid pattern. what is the role of s.
func checkForm(what, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("the %s is empty", what)
	case !ValidPattern(s):
		return fmt.Errorf("the %s has an empty token or a > that is not its last token", what)
	}
	return nil
}

// endsInTail reports whether the last token of a valid pattern is ">".
func endsInTail(pattern string) bool {
	return isWildcard(pattern[strings.LastIndexByte(pattern, Separator)+1:], AnyTail)
}

// strict returns an error unless every wildcard is used exactly once and by no
// function but wildcard.
func (t *Transform) strict() error {
	var used []int
	for _, p := range t.parts {
		switch p.fn {
		case fnNone, fnTail:
		case fnWildcard:
			used = append(used, p.tokens[0])
		default:
			return errors.New("wildcard is the only function that can")
		}
	}
	slices.Sort(used)
	if !slices.Equal(used, t.wilds) {
		return fmt.Errorf("use each of the %d wildcards of the source once, as $1 and so on", len(t.wilds))
	}
	return nil
}

// Match reports whether subj matches the source.
func (t *Transform) Match(subj []byte) bool { return Match(t.source, subj) }

// Append appends to dst the subject that subj gets, which is always well-formed.
// If subj does not match the source, ok is false and out is dst. Append does not
// allocate unless dst has to grow.
func (t *Transform) Append(dst, subj []byte) (out []byte, ok bool) {
	if !t.Match(subj) {
		return dst, false
	}
	return t.append(dst, subj, rand.Uint32N), true
}

// append is Append for a subj that matches. random is as for Mappings.Append.
func (t *Transform) append(dst, subj []byte, random func(n uint32) uint32) []byte {
	c := cursor{subj: subj}
	for i := range t.parts {
		p := &t.parts[i]
		dst = append(dst, p.text...)
		dst = p.append(dst, &c, random)
	}
	return dst
}

// Reverse returns the transform that gives a subject back what t took away. It
// returns an error if t is not as NewStrictTransform wants it, or if a token of
// its source would mean a function in a destination.
func (t *Transform) Reverse() (*Transform, error) {
	if err := t.strict(); err != nil {
		return nil, fmt.Errorf("transform of %q cannot be reversed: %w", t.source, err)
	}
	var source strings.Builder
	destination := strings.Split(t.source, string(Separator))
	n := 0
	for _, p := range t.parts {
		source.WriteString(p.text)
		switch p.fn {
		case fnWildcard:
			n++
			destination[p.tokens[0]] = "$" + strconv.Itoa(n)
			source.WriteByte(AnyToken)
		case fnTail:
			source.WriteByte(AnyTail)
		}
	}
	return NewStrictTransform(source.String(), strings.Join(destination, string(Separator)))
}

// Pattern returns the pattern of exactly the subjects that t makes of those that
// match both its source and p: from "a.*.*" to "b.$2.$1" it is "b.*.x" for
// "a.x.*", and "b.*.*" for ">". ok is false if no subject matches both, if p is
// not valid, or if t is not as NewStrictTransform wants it.
func (t *Transform) Pattern(p string) (pattern string, ok bool) {
	if !Overlap(t.source, p) || t.strict() != nil {
		return "", false
	}
	// Wildcards of the intersection are tokens like others here.
	return string(t.append(nil, intersect(t.source, p), nil)), true
}

// intersect returns the pattern of what two overlapping patterns both match.
func intersect(a, b string) (both []byte) {
	for {
		ta, ra, more := Next(a)
		tb, rb, _ := Next(b)
		switch {
		case isWildcard(ta, AnyTail):
			return append(both, b...)
		case isWildcard(tb, AnyTail):
			return append(both, a...)
		case isWildcard(ta, AnyToken):
			both = append(both, tb...)
		default:
			both = append(both, ta...)
		}
		if !more {
			return both
		}
		both = append(both, Separator)
		a, b = ra, rb
	}
}

// cursor finds the tokens of a subject by their position. Going forward it does
// not look at a token twice.
type cursor struct {
	subj  []byte
	i, at int // position and offset of the token it is at
}

// from returns the subject from its token i on.
func (c *cursor) from(i int) []byte {
	if i < c.i {
		c.i, c.at = 0, 0
	}
	for ; c.i < i; c.i++ {
		c.at += bytes.IndexByte(c.subj[c.at:], Separator) + 1
	}
	return c.subj[c.at:]
}

// token returns the token i.
func (c *cursor) token(i int) []byte {
	token, _, _ := Next(c.from(i))
	return token
}
