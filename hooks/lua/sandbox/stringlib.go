package sandbox

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

var stringFuncs = map[string]lua.LGFunction{
	"byte":    stringByte,
	"char":    stringChar,
	"find":    stringFind,
	"format":  stringFormat,
	"gfind":   stringGmatch,
	"gmatch":  stringGmatch,
	"gsub":    stringGsub,
	"len":     stringLen,
	"lower":   func(L *lua.LState) int { return mapped(L, 'A', 'Z') },
	"match":   stringMatch,
	"rep":     stringRep,
	"reverse": stringReverse,
	"sub":     stringSub,
	"upper":   func(L *lua.LState) int { return mapped(L, 'a', 'z') },
}

// place turns an index, which may count from the end, into one that counts from
// the start.
func place(i int64, n int) int64 {
	if i < 0 {
		return max(0, int64(n)+i+1)
	}
	return i
}

// slice returns the bounds of s[i..j] as Lua counts.
func slice(i, j int64, n int) (from, to int) {
	i, j = max(1, place(i, n)), min(int64(n), place(j, n))
	if i > j {
		return 0, 0
	}
	return int(i) - 1, int(j)
}

func stringByte(L *lua.LState) int {
	s := L.CheckString(1)
	i := integer(L, 2, 1)
	from, to := slice(i, integer(L, 3, place(i, len(s))), len(s))
	if to-from > maxResults {
		L.RaiseError("string slice too long: at most %d bytes", maxResults)
	}
	m := meterOf(L)
	m.step(L, (to-from)/8)
	for _, c := range []byte(s[from:to]) {
		L.Push(boxes[c])
	}
	return to - from
}

func stringChar(L *lua.LState) int {
	n := L.GetTop()
	meterOf(L).text(L, n)
	out := make([]byte, n)
	for i := range out {
		c := float64(L.CheckNumber(i + 1))
		if !(c >= 0 && c < 256) {
			L.ArgError(i+1, "invalid value: a byte is 0 to 255")
		}
		out[i] = byte(c)
	}
	L.Push(lua.LString(out))
	return 1
}

func stringLen(L *lua.LState) int {
	L.Push(boxed(float64(len(L.CheckString(1)))))
	return 1
}

// mapped changes the case of the letters from low to high. Other bytes stay:
// a payload need not be text.
func mapped(L *lua.LState, low, high byte) int {
	s := L.CheckString(1)
	meterOf(L).text(L, 2*len(s))
	out := []byte(s)
	for i, c := range out {
		if c >= low && c <= high {
			out[i] = c ^ 0x20
		}
	}
	L.Push(lua.LString(out))
	return 1
}

func stringRep(L *lua.LState) int {
	s := L.CheckString(1)
	L.CheckNumber(2)
	n := integer(L, 2, 0)
	if n <= 0 || s == "" {
		L.Push(lua.LString(""))
		return 1
	}
	m := meterOf(L)
	if n > m.mem/int64(len(s)) {
		n = m.mem/int64(len(s)) + 1 // over the budget, whatever the product
	}
	m.text(L, len(s)*int(n))
	L.Push(lua.LString(strings.Repeat(s, int(n))))
	return 1
}

func stringReverse(L *lua.LState) int {
	s := L.CheckString(1)
	meterOf(L).text(L, 2*len(s))
	out := make([]byte, len(s))
	for i := range len(s) {
		out[len(s)-1-i] = s[i]
	}
	L.Push(lua.LString(out))
	return 1
}

func stringSub(L *lua.LState) int {
	s := L.CheckString(1)
	L.CheckNumber(2)
	from, to := slice(integer(L, 2, 1), integer(L, 3, -1), len(s))
	L.Push(meterOf(L).piece(L, s[from:to]))
	return 1
}

func stringFind(L *lua.LState) int {
	s, p := L.CheckString(1), L.CheckString(2)
	m := meterOf(L)
	at := start(L, s)
	if at > len(s) {
		L.Push(lua.LNil)
		return 1
	}
	if L.ToBool(4) {
		i := strings.Index(s[at:], p)
		m.step(L, (len(s)-at)/64)
		if i < 0 {
			L.Push(lua.LNil)
			return 1
		}
		return found(L, at+i, at+i+len(p))
	}
	x := matcher{l: L, m: m, p: m.pattern(L, p), src: s}
	from, to := x.find(at)
	if from < 0 {
		L.Push(lua.LNil)
		return 1
	}
	n := found(L, from, to)
	if x.p.captures > 0 {
		n += x.push(from, to)
	}
	return n
}

// start is the place where a search begins, from argument 3.
func start(L *lua.LState, s string) int {
	return int(max(0, min(int64(len(s))+1, place(integer(L, 3, 1), len(s))-1)))
}

func found(L *lua.LState, from, to int) int {
	L.Push(boxed(float64(from + 1)))
	L.Push(boxed(float64(to)))
	return 2
}

func stringMatch(L *lua.LState) int {
	s, p := L.CheckString(1), L.CheckString(2)
	m := meterOf(L)
	x := matcher{l: L, m: m, p: m.pattern(L, p), src: s}
	from, to := x.find(start(L, s))
	if from < 0 {
		L.Push(lua.LNil)
		return 1
	}
	return x.push(from, to)
}

func stringGmatch(L *lua.LState) int {
	s, m := L.CheckString(1), meterOf(L)
	m.charge(L, 512)
	x := &matcher{m: m, p: m.pattern(L, L.CheckString(2)), src: s}
	at := 0
	L.Push(function(func(L *lua.LState) int {
		x.l = L
		from, to := x.find(at)
		if from < 0 || x.p.anchored && at > 0 {
			at = len(s) + 1
			return 0
		}
		at = max(to, from+1)
		return x.push(from, to)
	}))
	return 1
}

// gsub is one call of string.gsub.
type gsub struct {
	matcher
	replace lua.LValue
	out     []byte
	copied  int // bytes of src that are in out
}

func stringGsub(L *lua.LState) int {
	s, m := L.CheckString(1), meterOf(L)
	g := &gsub{matcher: matcher{l: L, m: m, p: m.pattern(L, L.CheckString(2)), src: s}}
	m.charge(L, 512)
	g.replace = L.Get(3)
	if n, ok := g.replace.(lua.LNumber); ok {
		g.replace = lua.LString(n.String())
	}
	switch g.replace.Type() {
	case lua.LTString, lua.LTTable, lua.LTFunction:
	default:
		L.TypeError(3, lua.LTString)
	}
	most := integer(L, 4, int64(len(s))+1)
	count := int64(0)
	for at := 0; count < most; {
		m.step(L, 1)
		from, to := g.find(at)
		if from < 0 {
			break
		}
		count++
		g.one(from, to)
		if at = max(to, from+1); g.p.anchored {
			break
		}
	}
	g.append(s[g.copied:])
	if count == 0 {
		L.Push(lua.LString(s))
	} else {
		m.saw(len(g.out))
		L.Push(lua.LString(g.out))
	}
	L.Push(boxed(float64(count)))
	return 2
}

// append adds to the result; it grows by doubling and is copied once.
func (g *gsub) append(s string) {
	g.m.charge(g.l, 3*len(s))
	g.m.step(g.l, len(s)/64)
	g.out = append(g.out, s...)
}

// one replaces one match.
func (g *gsub) one(from, to int) {
	L := g.l
	var v lua.LValue
	switch r := g.replace.(type) {
	case lua.LString:
		g.append(g.src[g.copied:from])
		g.copied = to
		g.template(string(r), from, to)
		return
	case *lua.LTable:
		v = L.GetTable(r, g.capture(0, from, to))
	case *lua.LFunction:
		L.Push(r)
		n := g.push(from, to)
		L.Call(n, 1)
		v = L.Get(-1)
		L.Pop(1)
	}
	switch {
	case lua.LVIsFalse(v):
		return
	case !lua.LVCanConvToString(v):
		L.RaiseError("invalid replacement value (a %s)", v.Type())
	}
	g.append(g.src[g.copied:from])
	g.copied = to
	g.append(lua.LVAsString(v))
}

// template adds a replacement with its %1.
func (g *gsub) template(r string, from, to int) {
	for {
		i := strings.IndexByte(r, '%')
		if i < 0 || i == len(r)-1 {
			g.append(r)
			return
		}
		g.append(r[:i])
		c := r[i+1]
		switch {
		case c == '%':
			g.append("%")
		case c == '0':
			g.append(g.src[from:to])
		case c >= '1' && c <= '9':
			n := int(c - '1')
			if n > 0 && n >= g.p.captures {
				g.l.RaiseError("invalid capture index")
			}
			g.append(lua.LVAsString(g.capture(n, from, to)))
		default:
			g.append(r[i : i+2])
		}
		r = r[i+2:]
	}
}
