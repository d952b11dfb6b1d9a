package library

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"moonwire/hooks/lua/sandbox"
)

// What a pattern may be.
const (
	maxRePattern = 1024 // bytes
	maxReSteps   = 2000 // instructions of its program, when all repetitions are written out
	maxReGroups  = 32
	keptPatterns = 64      // of a VM
	reDirect     = 1 << 19 // steps times bytes that are searched in one go
	reRate       = 8       // steps times bytes that count as an instruction
)

// reCache keeps the compiled patterns of a VM. When it is full it is emptied: a
// script has few patterns, or makes ever new ones.
type reCache struct{ patterns map[string]*rePattern }

// rePattern is a compiled pattern.
type rePattern struct {
	re         *regexp.Regexp
	later      *regexp.Regexp // finds a match behind the first character; made when it is needed
	source     string
	size       int // instructions of its program, or more
	runes      int // ranges of characters, in runes
	groupCount int
}

// reMatched is where a match and its groups begin and end; -1 for a group that
// took no part.
type reMatched []int

func (c *reCache) compile(a *sandbox.Args, source string) (*rePattern, error) {
	if p, ok := c.patterns[source]; ok {
		return p, nil
	}
	p, err := compileRe(a, source)
	if err != nil {
		return nil, err
	}
	if len(c.patterns) >= keptPatterns {
		clear(c.patterns)
	}
	if c.patterns == nil {
		c.patterns = make(map[string]*rePattern)
	}
	c.patterns[p.source] = p
	return p, nil
}

// compileRe compiles a pattern. The size of its program is known before it is
// made: nested repetitions would make it as large as they like.
func compileRe(a *sandbox.Args, source string) (*rePattern, error) {
	if len(source) > maxRePattern {
		return nil, fmt.Errorf("a pattern has at most %d bytes, this one has %d", maxRePattern, len(source))
	}
	a.Charge(1024 + 64*len(source))
	a.Step(100 + 8*len(source))
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		var e *syntax.Error
		if errors.As(err, &e) {
			return nil, fmt.Errorf("%s: %s", e.Code, quoteBrief(e.Expr))
		}
		return nil, err
	}
	size, runes := programSize(parsed)
	size += 2 // where all programs begin and end
	switch {
	case size > maxReSteps:
		return nil, fmt.Errorf("the pattern is too large: written out it has more than %d steps", maxReSteps)
	case parsed.MaxCap() > maxReGroups:
		return nil, fmt.Errorf("a pattern has at most %d groups, this one has %d", maxReGroups, parsed.MaxCap())
	}
	p := &rePattern{source: strings.Clone(source), size: size, runes: runes, groupCount: parsed.MaxCap()}
	p.charge(a)
	p.re, err = regexp.Compile(p.source)
	return p, err
}

// charge pays for a program.
func (p *rePattern) charge(a *sandbox.Args) {
	a.Charge(1024 + 256*p.size + 16*p.runes)
	a.Step(40*p.size + p.runes)
}

// programSize returns how many instructions the program of a pattern has, or a few
// more, and how many ends of ranges of characters. Beyond what is allowed it is
// not exact.
func programSize(re *syntax.Regexp) (size, runes int) {
	for _, sub := range re.Sub {
		n, r := programSize(sub)
		size, runes = size+n, runes+r
	}
	switch re.Op {
	case syntax.OpLiteral:
		size = len(re.Rune)
	case syntax.OpCharClass:
		size, runes = 1, len(re.Rune)
	case syntax.OpCapture, syntax.OpStar:
		size += 2
	case syntax.OpPlus, syntax.OpQuest:
		size++
	case syntax.OpAlternate:
		size += len(re.Sub)
	case syntax.OpRepeat:
		times := max(re.Min, re.Max) // x{2,} is xx+, x{2,4} is xx(x(x)?)?
		size, runes = times*size+max(times-re.Min, 1), times*runes
	}
	return min(max(size, 1), maxReSteps+1), min(runes, 1<<20)
}

// resultSize is what one match takes, in bytes.
func (p *rePattern) resultSize() int { return 64 + 64*p.groupCount }

// search returns the first match that begins at byte from or behind it, nil if
// there is none.
func (p *rePattern) search(a *sandbox.Args, s string, from int) reMatched {
	if from > 0 {
		return p.searchLater(a, s, from)
	}
	cost := len(s) * p.size
	if cost <= reDirect {
		a.Step(4 + cost/reRate)
		return p.re.FindStringSubmatchIndex(s)
	}
	return p.re.FindReaderSubmatchIndex(&reReader{a: a, s: s, size: p.size})
}

// searchLater begins with the character before from, because what stands there
// matters to \b and ^. It takes one at the start, then what comes before a
// match, as little as possible.
func (p *rePattern) searchLater(a *sandbox.Args, s string, from int) reMatched {
	if p.later == nil {
		p.charge(a)
		p.later = regexp.MustCompile(`\A(?s:.)(?s:.*?)(` + closed(p.source) + `)`)
	}
	_, before := utf8.DecodeLastRuneInString(s[:from])
	start := from - before
	m := p.later.FindReaderSubmatchIndex(&reReader{a: a, s: s[start:], size: p.size + 8})
	if m == nil {
		return nil
	}
	m = m[2:]
	for i := range m {
		if m[i] >= 0 {
			m[i] += start
		}
	}
	return m
}

// closed returns a pattern without a \Q that ends where the pattern does.
func closed(source string) string {
	if !strings.Contains(source, `\Q`) {
		return source
	}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return source // which has been compiled, so this does not happen
	}
	return parsed.String()
}

// reReader gives a string to a search, and pays for each character: how far the
// search goes cannot be known before, and over many searches in one string that
// makes the square of its length.
type reReader struct {
	a    *sandbox.Args
	s    string
	size int
	owed int
}

// ReadRune is for io.RuneReader.
func (r *reReader) ReadRune() (c rune, n int, err error) {
	if r.s == "" {
		return 0, 0, io.EOF
	}
	r.owed += r.size
	if r.owed >= reRate {
		r.a.Step(r.owed / reRate)
		r.owed %= reRate
	}
	c, n = rune(r.s[0]), 1
	if c >= utf8.RuneSelf {
		c, n = utf8.DecodeRuneInString(r.s)
	}
	r.s = r.s[n:]
	return c, n, nil
}

// each calls f for the matches in s, from left to right and without overlap, until
// it returns false or an error. An empty match right behind another is none.
func (p *rePattern) each(a *sandbox.Args, s string, f func(reMatched) (bool, error)) error {
	end := -1 // of the last match
	for at := 0; at <= len(s); {
		a.Step(8)
		m := p.search(a, s, at)
		if m == nil {
			return nil
		}
		accept := true
		if m[1] == at {
			accept = m[0] != end
			_, n := utf8.DecodeRuneInString(s[at:])
			at += max(1, n)
		} else {
			at = m[1]
		}
		end = m[1]
		if !accept {
			continue
		}
		if more, err := f(m); !more || err != nil {
			return err
		}
	}
	return nil
}

// groups returns what the groups matched, or all that was matched if there are
// none.
func (m reMatched) groups(s string) []sandbox.Value {
	if len(m) == 2 {
		return []sandbox.Value{sandbox.String(s[m[0]:m[1]])}
	}
	out := make([]sandbox.Value, len(m)/2-1)
	for i := range out {
		from, to := m[2*i+2], m[2*i+3]
		if out[i] = sandbox.Bool(false); from >= 0 {
			out[i] = sandbox.String(s[from:to])
		}
	}
	return out
}
