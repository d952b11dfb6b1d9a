package sandbox

import (
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// stringFormat is string.format: the directives of Lua with a width and a
// precision of at most two digits.
func stringFormat(L *lua.LState) int {
	m := meterOf(L)
	f := L.CheckString(1)
	m.text(L, 2*len(f))
	out := make([]byte, 0, len(f)+16)
	arg := 1
	for {
		i := strings.IndexByte(f, '%')
		if i < 0 {
			break
		}
		out = append(out, f[:i]...)
		if f = f[i+1:]; strings.HasPrefix(f, "%") {
			out, f = append(out, '%'), f[1:]
			continue
		}
		m.step(L, 2)
		d, rest := directive(L, f)
		arg++
		out = d.append(L, m, out, arg)
		f = rest
	}
	L.Push(lua.LString(append(out, f...)))
	return 1
}

// spec is one directive.
type spec struct {
	flags     string
	width     int // -1: none
	precision int // -1: none
	verb      byte
}

func directive(L *lua.LState, f string) (spec, string) {
	d := spec{width: -1, precision: -1}
	n := len(f) - len(strings.TrimLeft(f, "-+ #0"))
	if n > 5 {
		L.RaiseError("invalid format (repeated flags)")
	}
	d.flags, f = f[:n], f[n:]
	d.width, f = number(L, f)
	if strings.HasPrefix(f, ".") {
		if d.precision, f = number(L, f[1:]); d.precision < 0 {
			d.precision = 0
		}
	}
	if f == "" {
		L.RaiseError("invalid format (ends with '%%')")
	}
	d.verb = f[0]
	return d, f[1:]
}

func number(L *lua.LState, f string) (int, string) {
	n := 0
	for n < len(f) && digit(f[n]) {
		n++
	}
	switch {
	case n == 0:
		return -1, f
	case n > 2:
		L.RaiseError("invalid format (width or precision too long)")
	}
	v, _ := strconv.Atoi(f[:n]) // two digits
	return v, f[n:]
}

// with is the directive with another verb, for the fmt package.
func (d spec) with(verb string) string {
	s := "%" + d.flags
	if d.width >= 0 {
		s += strconv.Itoa(d.width)
	}
	if d.precision >= 0 {
		s += "." + strconv.Itoa(d.precision)
	}
	return s + verb
}

func (d spec) append(L *lua.LState, m *meter, out []byte, arg int) []byte {
	if arg > L.GetTop() {
		L.ArgError(arg, "no value")
	}
	m.charge(L, 512) // what fmt needs, and two digits of width or precision
	switch d.verb {
	case 'd', 'i', 'u':
		return fmt.Appendf(out, d.with("d"), int64(L.CheckNumber(arg)))
	case 'x', 'X', 'o':
		return fmt.Appendf(out, d.with(string(d.verb)), int64(L.CheckNumber(arg)))
	case 'c':
		return fmt.Appendf(out, d.with("s"), string([]byte{byte(whole(float64(L.CheckNumber(arg))))}))
	case 'e', 'E', 'f', 'g', 'G':
		return fmt.Appendf(out, d.with(string(d.verb)), float64(L.CheckNumber(arg)))
	case 'q':
		s := L.CheckString(arg)
		m.text(L, 12*len(s))
		return strconv.AppendQuote(out, s)
	case 's':
		return d.appendText(L, m, out, arg)
	}
	L.RaiseError("invalid option '%%%s' to 'format'", strconv.QuoteToASCII(string(rune(d.verb))))
	return nil
}

func (d spec) appendText(L *lua.LState, m *meter, out []byte, arg int) []byte {
	v := toString(L, L.Get(arg))
	if !lua.LVCanConvToString(v) {
		L.RaiseError("'__tostring' must return a string")
	}
	s := lua.LVAsString(v)
	m.text(L, 3*len(s))
	if d.width < 0 && d.precision < 0 {
		return append(out, s...)
	}
	return fmt.Appendf(out, d.with("s"), s)
}
