package sandbox

import (
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// standard holds the standard globals once they are made.
var standard struct {
	once sync.Once
	all  map[string]lua.LValue
}

// builtins are the standard globals. They belong to no VM, are the same in all
// of them and never change.
func builtins() map[string]lua.LValue {
	standard.once.Do(func() { standard.all = makeBuiltins() })
	return standard.all
}

func makeBuiltins() map[string]lua.LValue {
	all := map[string]lua.LValue{
		"_VERSION": lua.LString(lua.LuaVersion),
		"string":   library(stringFuncs),
		"table":    library(tableFuncs),
		"math":     mathLibrary(),
	}
	for name, f := range baseFuncs() {
		all[name] = function(f)
	}
	return all
}

func library(funcs map[string]lua.LGFunction) *lua.LTable {
	t := &lua.LTable{Metatable: lua.LNil}
	for name, f := range funcs {
		t.RawSetString(name, function(f))
	}
	lock(t)
	return t
}

func baseFuncs() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"assert":       baseAssert,
		"error":        baseError,
		"getmetatable": baseGetMetatable,
		"ipairs":       baseIpairs,
		"next":         baseNext,
		"pairs":        basePairs,
		"pcall":        basePcall,
		"rawequal":     baseRawEqual,
		"rawget":       baseRawGet,
		"rawset":       baseRawSet,
		"require":      require,
		"select":       baseSelect,
		"setmetatable": baseSetMetatable,
		"tonumber":     baseToNumber,
		"tostring":     baseToString,
		"type":         baseType,
		"unpack":       baseUnpack,
		"xpcall":       baseXpcall,
	}
}

func baseAssert(L *lua.LState) int {
	L.CheckAny(1)
	if L.ToBool(1) {
		return L.GetTop()
	}
	switch v := L.Get(2).(type) {
	case *lua.LNilType:
		L.RaiseError("assertion failed!")
	case lua.LString:
		fail(L, v, 1)
	default:
		L.Error(v, 1)
	}
	return 0
}

func baseError(L *lua.LState) int {
	fail(L, L.Get(1), int(integer(L, 2, 1)))
	return 0
}

// fail raises an error object. The interpreter copies a text a few times.
func fail(L *lua.LState, v lua.LValue, level int) {
	if s, ok := v.(lua.LString); ok {
		meterOf(L).charge(L, 4*len(s))
	}
	L.Error(v, level)
}

func baseGetMetatable(L *lua.LState) int {
	L.Push(L.GetMetatable(L.CheckAny(1)))
	return 1
}

func baseSetMetatable(L *lua.LState) int {
	t := L.CheckTable(1)
	L.CheckTypes(2, lua.LTNil, lua.LTTable)
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		L.RaiseError("cannot change a protected metatable")
	}
	t.Metatable = L.Get(2)
	L.SetTop(1)
	return 1
}

var (
	nextFunction   = function(baseNext)
	ipairsFunction = function(ipairsNext)
)

func baseNext(L *lua.LState) int {
	m := meterOf(L)
	m.glance(L)
	key, value := behind(L.CheckTable(1)).Next(L.Get(2))
	L.Push(key)
	if key == lua.LNil {
		return 1
	}
	L.Push(value)
	return 2
}

// behind is what to walk through for t: the globals for their front.
func behind(t *lua.LTable) *lua.LTable {
	if !locked(t) {
		return t
	}
	if real, ok := t.Metatable.(*lua.LTable).RawGetString("__index").(*lua.LTable); ok {
		return real
	}
	return t
}

func basePairs(L *lua.LState) int {
	t := L.CheckTable(1)
	L.Push(nextFunction)
	L.Push(t)
	L.Push(lua.LNil)
	return 3
}

func baseIpairs(L *lua.LState) int {
	t := L.CheckTable(1)
	L.Push(ipairsFunction)
	L.Push(t)
	L.Push(boxes[0])
	return 3
}

func ipairsNext(L *lua.LState) int {
	i := L.CheckInt(2) + 1
	v := L.CheckTable(1).RawGetInt(i)
	if v == lua.LNil {
		return 0
	}
	L.Push(boxed(float64(i)))
	L.Push(v)
	return 2
}

// protected runs a function in a pcall of the interpreter, in a way that costs
// no traceback for each error.
var protected = function(func(L *lua.LState) int {
	L.Panic = quick
	L.Call(L.GetTop()-1, lua.MultRet)
	return L.GetTop()
})

// quick raises the error on top of the stack.
func quick(L *lua.LState) {
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: L.Get(-1), StackTrace: "-"})
}

// attempt calls the function at stack index 1 with what lies above it, and
// leaves its results there, or returns the error object.
func attempt(L *lua.LState) (object lua.LValue, failed bool) {
	m := meterOf(L)
	L.Insert(protected, 1)
	err := L.PCall(L.GetTop()-1, lua.MultRet, nil)
	if err == nil {
		return nil, false
	}
	ae, ok := err.(*lua.ApiError)
	if !ok || ae.Type == lua.ApiErrorPanic {
		m.vm.fail(ErrPanic)
		L.RaiseError("%s: %s", ErrPanic.Error(), brief(err.Error(), maxMessage))
	}
	m.raise(L)
	m.step(L, 8)
	m.charge(L, 512)
	if s, ok := ae.Object.(lua.LString); ok {
		m.charge(L, 4*len(s))
	}
	return ae.Object, true
}

func basePcall(L *lua.LState) int {
	L.CheckAny(1)
	if object, failed := attempt(L); failed {
		L.SetTop(0)
		L.Push(lua.LFalse)
		L.Push(object)
		return 2
	}
	L.Insert(lua.LTrue, 1)
	return L.GetTop()
}

// baseXpcall calls the handler after the stack is unwound: there is nothing in
// the sandbox that could look at it.
func baseXpcall(L *lua.LState) int {
	f, handler := L.CheckFunction(1), L.CheckFunction(2)
	L.SetTop(0)
	L.Push(f)
	object, failed := attempt(L)
	if !failed {
		L.Insert(lua.LTrue, 1)
		return L.GetTop()
	}
	L.SetTop(0)
	L.Push(handler)
	L.Push(object)
	if object, failed = attempt(L); failed {
		L.SetTop(0)
		L.Push(object)
	}
	L.SetTop(1)
	L.Insert(lua.LFalse, 1)
	return 2
}

func baseRawEqual(L *lua.LState) int {
	L.Push(lua.LBool(L.CheckAny(1) == L.CheckAny(2)))
	return 1
}

func baseRawGet(L *lua.LState) int {
	L.Push(behind(L.CheckTable(1)).RawGet(L.CheckAny(2)))
	return 1
}

func baseRawSet(L *lua.LState) int {
	meterOf(L).rawSet(L, L.CheckTable(1), L.CheckAny(2), L.CheckAny(3))
	L.SetTop(1)
	return 1
}

func baseSelect(L *lua.LState) int {
	if s, ok := L.Get(1).(lua.LString); ok && s == "#" {
		L.Push(boxed(float64(L.GetTop() - 1)))
		return 1
	}
	n, top := int(integer(L, 1, 0)), L.GetTop()
	if n < 0 {
		n += top
	}
	if n < 1 {
		L.ArgError(1, "index out of range")
	}
	return top - min(n, top)
}

func baseToNumber(L *lua.LState) int {
	switch v := L.CheckAny(1).(type) {
	case lua.LNumber:
		L.Push(v)
	case lua.LString:
		meterOf(L).step(L, len(v)/64)
		L.Push(parseNumber(string(v[:min(len(v), 1024)]), int(integer(L, 2, 0))))
	default:
		L.Push(lua.LNil)
	}
	return 1
}

// parseNumber is tonumber of a string; base 0 if none was given.
func parseNumber(s string, base int) lua.LValue {
	s = strings.Trim(s, " \t\r\n\v\f")
	if base == 0 || base == 10 {
		if f, err := strconv.ParseFloat(s, 64); err == nil && decimal(s) {
			return boxed(f)
		}
	}
	body := strings.ToLower(strings.TrimLeft(s, "+-"))
	if hex, ok := strings.CutPrefix(body, "0x"); ok && (base == 0 || base == 16) {
		base, body = 16, hex
		s = strings.Repeat("-", strings.Count(s[:1], "-")) + hex
	}
	if base < 2 || base > 36 || strings.ContainsRune(body, '_') {
		return lua.LNil
	}
	n, err := strconv.ParseInt(s, base, 64)
	if err != nil {
		return lua.LNil
	}
	return boxed(float64(n))
}

// decimal reports whether s is written as Lua writes numbers: no words, no
// underscores, no hexadecimal floats.
func decimal(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '.', c == '+', c == '-', c == 'e', c == 'E':
		default:
			return false
		}
	}
	return true
}

func baseToString(L *lua.LState) int {
	L.Push(toString(L, L.CheckAny(1)))
	return 1
}

func toString(L *lua.LState, v lua.LValue) lua.LValue {
	switch v := v.(type) {
	case lua.LString:
		return v
	case lua.LNumber:
		meterOf(L).charge(L, 48)
		return lua.LString(v.String())
	}
	if f, ok := L.GetMetaField(v, "__tostring").(*lua.LFunction); ok {
		L.Push(f)
		L.Push(v)
		L.Call(1, 1)
		s := L.Get(-1)
		L.Pop(1)
		return s
	}
	switch v.(type) {
	case *lua.LNilType, lua.LBool:
		return lua.LString(v.String())
	}
	m := meterOf(L)
	m.charge(L, 96)
	m.vm.chance = true
	return lua.LString(fmt.Sprintf("%s: 0x%012x", v.Type(), maphash.Comparable(seed, v)>>16))
}

// seed hides the addresses of tables and functions, which tell a script where
// things lie in memory.
var seed = maphash.MakeSeed()

var typeNames = func() (names [lua.LTChannel + 1]lua.LValue) {
	for i := range names {
		names[i] = lua.LString(lua.LValueType(i).String())
	}
	return names
}()

func baseType(L *lua.LState) int {
	L.Push(typeNames[L.CheckAny(1).Type()])
	return 1
}

func baseUnpack(L *lua.LState) int {
	t := L.CheckTable(1)
	from := integer(L, 2, 1)
	to := integer(L, 3, int64(t.Len()))
	if to < from {
		return 0
	}
	if to-from >= maxResults {
		L.RaiseError("too many results to unpack: at most %d", maxResults)
	}
	n := int(to-from) + 1
	m := meterOf(L)
	m.charge(L, 16*n)
	m.step(L, n/8)
	for i := int(from); i <= int(to); i++ {
		L.Push(t.RawGetInt(i))
	}
	return n
}

// integer is an argument as a whole number, at most 2^53 from 0; d if it is
// absent.
func integer(L *lua.LState, i int, d int64) int64 {
	if L.Get(i) == lua.LNil {
		return d
	}
	return whole(float64(L.CheckNumber(i)))
}

func whole(f float64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f > 1<<53:
		return 1 << 53
	case f < -(1 << 53):
		return -(1 << 53)
	}
	return int64(f)
}
