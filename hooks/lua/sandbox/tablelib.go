package sandbox

import (
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

var tableFuncs = map[string]lua.LGFunction{
	"concat": tableConcat,
	"getn":   tableGetN,
	"insert": tableInsert,
	"maxn":   tableMaxN,
	"remove": tableRemove,
	"sort":   tableSort,
}

func tableConcat(L *lua.LState) int {
	t, m := L.CheckTable(1), meterOf(L)
	sep := optString(L, 2)
	n := int64(t.Len())
	i, j := integer(L, 3, 1), integer(L, 4, n)
	if L.GetTop() == 3 && (i > n || i < 1) {
		L.Push(lua.LString(""))
		return 1
	}
	i, j = max(min(i, n), 1), min(j, n)
	if i > j {
		L.Push(lua.LString(""))
		return 1
	}
	total := 0
	for k := i; k <= j; k++ {
		m.step(L, 1)
		switch v := t.RawGetInt(int(k)).(type) {
		case lua.LString:
			total += len(v)
		case lua.LNumber:
			total += 24
		default:
			L.RaiseError("invalid value (%s) at index %d in table for concat", v.Type(), k)
		}
		if k < j {
			total += len(sep)
		}
	}
	m.text(L, total)
	var out strings.Builder
	out.Grow(total)
	for k := i; k <= j; k++ {
		out.WriteString(lua.LVAsString(t.RawGetInt(int(k))))
		if k < j {
			out.WriteString(sep)
		}
	}
	L.Push(lua.LString(out.String()))
	return 1
}

func optString(L *lua.LState, i int) string {
	if L.Get(i) == lua.LNil {
		return ""
	}
	return L.CheckString(i)
}

func tableGetN(L *lua.LState) int {
	L.Push(boxed(float64(L.CheckTable(1).Len())))
	return 1
}

func tableMaxN(L *lua.LState) int {
	L.Push(boxed(float64(L.CheckTable(1).MaxN())))
	return 1
}

func tableInsert(L *lua.LState) int {
	t, m := L.CheckTable(1), meterOf(L)
	open(L, t)
	n := t.Len()
	switch L.GetTop() {
	case 2:
		m.append(L, t, n, L.Get(2))
		return 0
	case 3:
	default:
		L.RaiseError("wrong number of arguments")
	}
	at, v := integer(L, 2, 0), L.Get(3)
	if at < 1 || at > int64(n) {
		m.rawSet(L, t, lua.LNumber(at), v)
		return 0
	}
	if n >= maxElements {
		L.RaiseError("a table holds at most %d elements", maxElements)
	}
	m.charge(L, 40)
	m.step(L, (n-int(at))/32)
	m.saw(8 * n)
	t.Insert(int(at), v)
	return 0
}

func (m *meter) append(L *lua.LState, t *lua.LTable, n int, v lua.LValue) {
	if n >= maxElements {
		L.RaiseError("a table holds at most %d elements", maxElements)
	}
	if n == 0 {
		m.charge(L, 512)
	}
	m.charge(L, 40)
	m.saw(8 * n)
	t.Append(v)
}

func tableRemove(L *lua.LState) int {
	t, m := L.CheckTable(1), meterOf(L)
	open(L, t)
	at := -1
	if L.GetTop() > 1 {
		at = int(integer(L, 2, -1))
		if at > 0 {
			m.step(L, max(0, t.Len()-at)/32)
		}
	}
	L.Push(t.Remove(at))
	return 1
}

// sorter sorts a copy of the elements, with a charge for each comparison.
type sorter struct {
	l      *lua.LState
	m      *meter
	less   *lua.LFunction // nil: <
	values []lua.LValue
}

func (s *sorter) Len() int      { return len(s.values) }
func (s *sorter) Swap(i, j int) { s.values[i], s.values[j] = s.values[j], s.values[i] }

func (s *sorter) Less(i, j int) bool {
	L, a, b := s.l, s.values[i], s.values[j]
	s.m.step(L, 1)
	if s.less != nil {
		L.Push(s.less)
		L.Push(a)
		L.Push(b)
		L.Call(2, 1)
		r := lua.LVAsBool(L.Get(-1))
		L.Pop(1)
		return r
	}
	if x, ok := a.(lua.LString); ok {
		s.m.step(L, len(x)/64)
	}
	return L.LessThan(a, b)
}

func tableSort(L *lua.LState) int {
	t, m := L.CheckTable(1), meterOf(L)
	open(L, t)
	s := &sorter{l: L, m: m}
	if L.GetTop() > 1 {
		s.less = L.CheckFunction(2)
	}
	n := t.Len()
	m.charge(L, 16*n)
	m.step(L, n/8)
	s.values = make([]lua.LValue, n)
	for i := range s.values {
		s.values[i] = t.RawGetInt(i + 1)
	}
	sort.Sort(s)
	for i, v := range s.values {
		t.RawSetInt(i+1, v)
	}
	return 0
}
