package subject

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// function makes text of tokens of a subject.
type function uint8

const (
	fnNone function = iota
	fnTail          // what the ">" of the source stands for
	fnWildcard
	fnPartition
	fnRandom
	fnSplit
	fnSplitFromLeft
	fnSplitFromRight
	fnSliceFromLeft
	fnSliceFromRight
	fnLeft
	fnRight
)

// known is all functions, for errors.
const known = "wildcard, partition, random, split, splitFromLeft, splitFromRight, " +
	"sliceFromLeft, sliceFromRight, left and right"

// lookup returns the function of that name and how it is called.
func lookup(name string) (fn function, usage string) {
	switch strings.ToLower(name) {
	case "wildcard":
		return fnWildcard, "wildcard(n)"
	case "partition":
		return fnPartition, "partition(buckets,n…)"
	case "random":
		return fnRandom, "random(buckets)"
	case "split":
		return fnSplit, "split(n,sep)"
	case "splitfromleft":
		return fnSplitFromLeft, "splitFromLeft(n,off)"
	case "splitfromright":
		return fnSplitFromRight, "splitFromRight(n,off)"
	case "slicefromleft":
		return fnSliceFromLeft, "sliceFromLeft(n,size)"
	case "slicefromright":
		return fnSliceFromRight, "sliceFromRight(n,size)"
	case "left":
		return fnLeft, "left(n,len)"
	case "right":
		return fnRight, "right(n,len)"
	}
	return fnNone, ""
}

// parse reads a token of a destination: literal text, ">", $n or a function.
func (t *Transform) parse(token string) (part, error) {
	switch {
	case isWildcard(token, AnyTail):
		return part{fn: fnTail}, nil
	case isWildcard(token, AnyToken):
		return part{}, errors.New("the destination has a *: write $1, $2 and so on for the wildcards of the source")
	}
	p, err := part{text: token}, error(nil)
	if n, ok := strings.CutPrefix(token, "$"); ok && isInt(n) { // else it is text, as $SYS
		p, err = t.bind(fnWildcard, "wildcard(n)", n)
	} else if strings.Contains(token, "{{") || strings.Contains(token, "}}") {
		p, err = t.parseCall(token)
	} else if strings.ContainsAny(token, blanks) {
		err = errors.New("a subject has no blanks")
	}
	if err != nil {
		return part{}, fmt.Errorf("%s: %w", token, err)
	}
	return p, nil
}

func isInt(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// parseCall reads {{name(arguments)}}.
func (t *Transform) parseCall(token string) (part, error) {
	call, opened := strings.CutPrefix(token, "{{")
	call, closed := strings.CutSuffix(call, "}}")
	if !opened || !closed {
		return part{}, errors.New("{{…}} must be a token of its own and have no dot in it")
	}
	name, args, opened := strings.Cut(call, "(")
	args, closed = strings.CutSuffix(strings.TrimRight(args, blanks), ")")
	name = strings.Trim(name, blanks)
	fn, usage := lookup(name)
	switch {
	case fn == fnNone:
		return part{}, fmt.Errorf("%q is not a function; there are %s", name, known)
	case !opened || !closed:
		return part{}, fmt.Errorf("write it as {{%s}}", usage)
	}
	return t.bind(fn, usage, strings.Split(args, ",")...)
}

// bind checks the arguments of a function and finds the tokens it takes.
func (t *Transform) bind(fn function, usage string, args ...string) (part, error) {
	name, list, _ := strings.Cut(usage, "(")
	literal := !HasWildcard(t.source)
	buckets := fn == fnPartition || fn == fnRandom // these begin with their number
	switch {
	case fn != fnPartition && len(args) != strings.Count(list, ",")+1:
		return part{}, fmt.Errorf("the number of arguments is %d; write it as {{%s}}", len(args), usage)
	case literal && !buckets:
		return part{}, fmt.Errorf("%s needs a wildcard of the source, which has none", name)
	}
	p := part{fn: fn}
	for i, arg := range args {
		var err error
		switch isNumber := (i == 0) == buckets; {
		case isNumber && fn == fnSplit:
			p.sep, err = separator(arg)
		case isNumber:
			p.n, err = number(arg, math.MaxInt32)
		case literal:
			// Without wildcards it is always the whole subject.
			_, err = number(arg, math.MaxInt)
		default:
			var n int
			if n, err = number(arg, len(t.wilds)); n > 0 {
				n = t.wilds[n-1]
			}
			p.tokens = append(p.tokens, n)
		}
		if err != nil {
			return part{}, fmt.Errorf("argument %d of %s is %q: %w", i+1, name, arg, err)
		}
	}
	return p, nil
}

// number reads a number from 0 to most.
func number(arg string, most int) (int, error) {
	n, err := strconv.Atoi(strings.Trim(arg, blanks))
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("allowed is a number from 0 to %d", most)
	}
	return n, nil
}

// separator reads the separator of split. Blanks before it belong to the comma.
func separator(arg string) ([]byte, error) {
	sep := strings.TrimLeft(arg, blanks)
	if strings.ContainsAny(sep, blanks) {
		return nil, errors.New("allowed is text without blanks")
	}
	return []byte(sep), nil
}

// append appends what the function of p makes of the subject under c. None makes
// an empty token of tokens that are not, or a subject could be lost.
func (p *part) append(dst []byte, c *cursor, random func(n uint32) uint32) []byte {
	switch p.fn {
	case fnNone:
		return dst
	case fnTail:
		return append(dst, c.from(p.tokens[0])...)
	case fnPartition:
		return strconv.AppendUint(dst, uint64(p.bucket(c)), 10)
	case fnRandom:
		var n uint32
		if p.n > 0 {
			n = random(uint32(p.n))
		}
		return strconv.AppendUint(dst, uint64(n), 10)
	}
	token := c.token(p.tokens[0])
	if p.fn == fnSplit {
		return appendSplit(dst, token, p.sep)
	}
	switch {
	case p.fn == fnWildcard || p.n == 0 || p.n >= len(token):
		return append(dst, token...)
	case p.fn == fnSplitFromLeft:
		return appendPieces(dst, token, p.n, len(token))
	case p.fn == fnSplitFromRight:
		return appendPieces(dst, token, len(token)-p.n, len(token))
	case p.fn == fnSliceFromLeft:
		return appendPieces(dst, token, p.n, p.n)
	case p.fn == fnSliceFromRight:
		return appendPieces(dst, token, (len(token)-1)%p.n+1, p.n)
	case p.fn == fnLeft:
		return append(dst, token[:p.n]...)
	default: // fnRight
		return append(dst, token[len(token)-p.n:]...)
	}
}

// bucket returns which of the buckets the tokens fall into, by FNV-1a of their
// bytes without the dots between them, or of the whole subject.
func (p *part) bucket(c *cursor) uint32 {
	if p.n == 0 {
		return 0
	}
	h := uint32(2166136261)
	if len(p.tokens) == 0 {
		h = fnv(h, c.subj)
	}
	for _, i := range p.tokens {
		h = fnv(h, c.token(i))
	}
	return h % uint32(p.n)
}

func fnv(h uint32, b []byte) uint32 {
	for _, x := range b {
		h = (h ^ uint32(x)) * 16777619
	}
	return h
}

// appendPieces appends a token in pieces: one of the length first, the others of
// the length next but the last.
func appendPieces(dst, token []byte, first, next int) []byte {
	for len(token) > first {
		dst = append(append(dst, token[:first]...), Separator)
		token, first = token[first:], next
	}
	return append(dst, token...)
}

// appendSplit appends what lies between the separators of a token, each a token
// of its own; the token itself if it has nothing else.
func appendSplit(dst, token, sep []byte) []byte {
	start := len(dst)
	for rest := token; len(rest) > 0; {
		var piece []byte
		if len(sep) > 0 {
			piece, rest, _ = bytes.Cut(rest, sep)
		} else {
			_, n := utf8.DecodeRune(rest)
			piece, rest = rest[:n], rest[n:]
		}
		if len(piece) == 0 {
			continue
		}
		if len(dst) > start {
			dst = append(dst, Separator)
		}
		dst = append(dst, piece...)
	}
	if len(dst) == start {
		return append(dst, token...)
	}
	return dst
}
