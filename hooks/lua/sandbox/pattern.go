package sandbox

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// pattern is a compiled Lua pattern: a list of items without recursion, as
// captures cannot be repeated. The only choice is how often a class repeats.
type pattern struct {
	items    []item
	anchored bool
	captures int
	plain    bool   // nothing but letters: literal
	literal  string // if plain
}

type item struct {
	kind   uint8
	repeat byte // of a class: 0, '*', '+', '-' or '?'
	n      uint8
	a, b   byte
	set    set
}

// set is a set of bytes.
type set [4]uint64

func (s *set) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }
func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }

func (s *set) invert() {
	for i := range s {
		s[i] = ^s[i]
	}
}

// Kinds of items.
const (
	itemChar     = iota // the byte a
	itemSet             // a byte of set
	itemOpen            // capture n begins
	itemClose           // capture n ends
	itemPlace           // capture n is this place
	itemBack            // what capture n holds
	itemBalance         // %b: from a to its b
	itemFrontier        // %f: from outside set to inside
	itemEnd             // the end of the subject
)

// parser compiles a pattern.
type parser struct {
	src    string
	at     int
	out    pattern
	open   []uint8
	closed [maxCaptures]bool
}

// compilePattern compiles p. What is undefined in the manual is as in the
// reference implementation.
func compilePattern(p string) (*pattern, error) {
	if len(p) > maxPattern {
		return nil, errors.New("the pattern is longer than 4096 bytes")
	}
	ps := &parser{src: p}
	if strings.HasPrefix(p, "^") {
		ps.out.anchored, ps.at = true, 1
	}
	for ps.at < len(p) {
		if err := ps.item(); err != nil {
			return nil, err
		}
	}
	if len(ps.open) > 0 {
		return nil, errors.New("unfinished capture")
	}
	ps.finish()
	return &ps.out, nil
}

// finish finds out whether the pattern is plain.
func (ps *parser) finish() {
	var b strings.Builder
	for _, it := range ps.out.items {
		if it.kind != itemChar || it.repeat != 0 {
			return
		}
		b.WriteByte(it.a)
	}
	ps.out.plain, ps.out.literal = !ps.out.anchored, b.String()
}

func (ps *parser) item() error {
	c := ps.src[ps.at]
	ps.at++
	switch {
	case c == '(':
		return ps.begin()
	case c == ')':
		return ps.end()
	case c == '$' && ps.at == len(ps.src) && len(ps.open) == 0:
		ps.push(item{kind: itemEnd})
		return nil
	case c == '%':
		return ps.escape()
	case c == '.':
		it := item{kind: itemSet}
		it.set.invert()
		ps.class(it)
		return nil
	case c == '[':
		s, err := ps.set()
		if err == nil {
			ps.class(item{kind: itemSet, set: s})
		}
		return err
	}
	ps.class(item{kind: itemChar, a: c})
	return nil
}

func (ps *parser) push(it item) { ps.out.items = append(ps.out.items, it) }

// class adds a class with the repetition that may follow it.
func (ps *parser) class(it item) {
	if ps.at < len(ps.src) {
		switch r := ps.src[ps.at]; r {
		case '*', '+', '-', '?':
			it.repeat = r
			ps.at++
		}
	}
	ps.push(it)
}

func (ps *parser) begin() error {
	if ps.out.captures == maxCaptures {
		return errors.New("too many captures")
	}
	n := uint8(ps.out.captures)
	ps.out.captures++
	if ps.at < len(ps.src) && ps.src[ps.at] == ')' {
		ps.at++
		ps.closed[n] = true
		ps.push(item{kind: itemPlace, n: n})
		return nil
	}
	ps.open = append(ps.open, n)
	ps.push(item{kind: itemOpen, n: n})
	return nil
}

func (ps *parser) end() error {
	if len(ps.open) == 0 {
		return errors.New("invalid ')' in pattern")
	}
	n := ps.open[len(ps.open)-1]
	ps.open = ps.open[:len(ps.open)-1]
	ps.closed[n] = true
	ps.push(item{kind: itemClose, n: n})
	return nil
}

func (ps *parser) escape() error {
	if ps.at == len(ps.src) {
		return errors.New("malformed pattern (ends with '%')")
	}
	c := ps.src[ps.at]
	ps.at++
	switch {
	case c == 'b':
		if ps.at+2 > len(ps.src) {
			return errors.New("missing arguments to '%b'")
		}
		ps.push(item{kind: itemBalance, a: ps.src[ps.at], b: ps.src[ps.at+1]})
		ps.at += 2
	case c == 'f':
		if ps.at == len(ps.src) || ps.src[ps.at] != '[' {
			return errors.New("missing '[' after '%f' in pattern")
		}
		ps.at++
		s, err := ps.set()
		if err != nil {
			return err
		}
		ps.push(item{kind: itemFrontier, set: s})
	case c >= '0' && c <= '9':
		n := int(c) - '1'
		if n < 0 || n >= ps.out.captures || !ps.closed[n] {
			return errors.New("invalid capture index")
		}
		ps.push(item{kind: itemBack, n: uint8(n)})
	default:
		it := item{kind: itemSet}
		if !it.set.named(c) {
			it = item{kind: itemChar, a: c}
		}
		ps.class(it)
	}
	return nil
}

// set reads the rest of a set, after its [.
func (ps *parser) set() (s set, err error) {
	p := ps.src
	negate := ps.at < len(p) && p[ps.at] == '^'
	if negate {
		ps.at++
	}
	for first := true; ; first = false {
		if ps.at >= len(p) {
			return s, errors.New("malformed pattern (missing ']')")
		}
		c := p[ps.at]
		ps.at++
		switch {
		case c == ']' && !first:
			if negate {
				s.invert()
			}
			return s, nil
		case c == '%' && ps.at < len(p):
			if c = p[ps.at]; !s.named(c) {
				s.add(c)
			}
			ps.at++
		case ps.at+1 < len(p) && p[ps.at] == '-' && p[ps.at+1] != ']':
			for b := int(c); b <= int(p[ps.at+1]); b++ {
				s.add(byte(b))
			}
			ps.at += 2
		default:
			s.add(c)
		}
	}
}

// named adds the bytes of a class such as %d; false if there is no such class.
func (s *set) named(name byte) bool {
	f := classes[name|0x20]
	if f == nil || name|0x20 == name && name < 'a' {
		return false
	}
	for b := range 256 {
		if f(byte(b)) != (name < 'a') {
			s.add(byte(b))
		}
	}
	return true
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// classes in the C locale.
var classes = [256]func(byte) bool{
	'a': letter,
	'c': func(c byte) bool { return c < 0x20 || c == 0x7f },
	'd': digit,
	'l': func(c byte) bool { return c >= 'a' && c <= 'z' },
	'p': func(c byte) bool { return c > 0x20 && c < 0x7f && !letter(c) && !digit(c) },
	's': func(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' },
	'u': func(c byte) bool { return c >= 'A' && c <= 'Z' },
	'w': func(c byte) bool { return letter(c) || digit(c) },
	'x': func(c byte) bool { return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' },
	'z': func(c byte) bool { return c == 0 },
}

// span is a capture; to is -1 for a place.
type span struct{ from, to int32 }

// matcher matches one pattern against one subject. Its work is paid for in
// small operations, of which eight cost as much as an instruction.
type matcher struct {
	l     *lua.LState
	m     *meter
	p     *pattern
	src   string
	spans [maxCaptures]span
}

// opsPerStep is how many small operations one instruction pays for; refills
// buys some.
const (
	opsPerStep = 8
	refills    = 64 // instructions
)

func (x *matcher) pay(n int) {
	for x.m.ops -= n; x.m.ops < 0; x.m.ops += refills * opsPerStep {
		x.m.step(x.l, refills)
	}
}

// find returns the first match at or after a place; from is -1 if there is
// none.
func (x *matcher) find(at int) (from, to int) {
	if at > len(x.src) {
		return -1, -1
	}
	if x.p.plain {
		i := strings.Index(x.src[at:], x.p.literal)
		if i < 0 {
			x.pay((len(x.src) - at) / 8)
			return -1, -1
		}
		x.pay(i / 8)
		return at + i, at + i + len(x.p.literal)
	}
	for ; at <= len(x.src); at++ {
		if e := x.match(at, 0); e >= 0 {
			return at, e
		}
		if x.p.anchored {
			break
		}
	}
	return -1, -1
}

// match matches the items from i on at place s and returns where they end, -1
// if they do not match. It calls itself once for each repetition in the pattern.
func (x *matcher) match(s, i int) int {
	items, src := x.p.items, x.src
	for ; i < len(items); i++ {
		x.pay(1)
		it := &items[i]
		switch it.kind {
		case itemChar, itemSet:
			if it.repeat != 0 {
				return x.repeated(s, i)
			}
			if s >= len(src) || !it.is(src[s]) {
				return -1
			}
			s++
		case itemOpen:
			x.spans[it.n] = span{int32(s), int32(s)}
		case itemClose:
			x.spans[it.n].to = int32(s)
		case itemPlace:
			x.spans[it.n] = span{int32(s), -1}
		case itemEnd:
			if s != len(src) {
				return -1
			}
		default:
			if s = x.special(s, it); s < 0 {
				return -1
			}
		}
	}
	return s
}

func (it *item) is(c byte) bool {
	if it.kind == itemChar {
		return it.a == c
	}
	return it.set.has(c)
}

func (x *matcher) repeated(s, i int) int {
	it, src := &x.p.items[i], x.src
	if it.repeat == '-' {
		return x.lazy(s, i)
	}
	least, most := 0, len(src)-s
	switch it.repeat {
	case '?':
		most = min(most, 1)
	case '+':
		least = 1
	}
	n := 0
	for n < most && it.is(src[s+n]) {
		if n++; n&1023 == 0 {
			x.pay(256)
		}
	}
	x.pay(n & 1023 / 4)
	if i+1 == len(x.p.items) && n >= least {
		return s + n
	}
	for ; n >= least; n-- {
		if e := x.match(s+n, i+1); e >= 0 {
			return e
		}
		x.pay(1)
	}
	return -1
}

func (x *matcher) lazy(s, i int) int {
	it := &x.p.items[i]
	for {
		if e := x.match(s, i+1); e >= 0 {
			return e
		}
		if s >= len(x.src) || !it.is(x.src[s]) {
			return -1
		}
		s++
		x.pay(1)
	}
}

func (x *matcher) special(s int, it *item) int {
	src := x.src
	switch it.kind {
	case itemBack:
		c := x.spans[it.n]
		if c.to < 0 {
			return -1
		}
		held := src[c.from:c.to]
		x.pay(len(held) / 16)
		if !strings.HasPrefix(src[s:], held) {
			return -1
		}
		return s + len(held)
	case itemFrontier:
		var before, after byte
		if s > 0 {
			before = src[s-1]
		}
		if s < len(src) {
			after = src[s]
		}
		if it.set.has(before) || !it.set.has(after) {
			return -1
		}
		return s
	}
	return x.balance(s, it)
}

func (x *matcher) balance(s int, it *item) int {
	src := x.src
	if s >= len(src) || src[s] != it.a {
		return -1
	}
	deep := 1
	for s++; s < len(src); s++ {
		if s&255 == 0 {
			x.pay(64)
		}
		switch src[s] {
		case it.b:
			if deep--; deep == 0 {
				return s + 1
			}
		case it.a:
			deep++
		}
	}
	return -1
}

// capture returns capture n of a match from..to, counted from 0; the whole
// match if the pattern has none.
func (x *matcher) capture(n, from, to int) lua.LValue {
	if n >= x.p.captures {
		return x.m.piece(x.l, x.src[from:to])
	}
	c := x.spans[n]
	if c.to < 0 {
		x.m.charge(x.l, 16)
		return boxed(float64(c.from + 1))
	}
	return x.m.piece(x.l, x.src[c.from:c.to])
}

// push pushes all captures and returns their number.
func (x *matcher) push(from, to int) int {
	n := max(x.p.captures, 1)
	for i := range n {
		x.l.Push(x.capture(i, from, to))
	}
	return n
}

// pattern returns a compiled pattern, from the few that the VM keeps.
func (m *meter) pattern(L *lua.LState, p string) *pattern {
	if c, ok := m.vm.patterns[p]; ok {
		return c
	}
	m.charge(L, 64*len(p)+256)
	m.step(L, len(p))
	c, err := compilePattern(p)
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	if len(m.vm.patterns) >= keptPatterns {
		clear(m.vm.patterns)
	}
	m.vm.patterns[strings.Clone(p)] = c
	return c
}
