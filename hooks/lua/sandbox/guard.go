package sandbox

import (
	"math"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// markLocked in a metatable makes its table read-only to scripts.
const markLocked = "\x00locked"

// small returns a table for a few keys of texts: up to eight are found without
// hashing. A table that is made otherwise has room for 32.
func small(keys int) *lua.LTable {
	var none *lua.LState // which is not asked for
	return none.CreateTable(0, max(keys, 1))
}

// lockMeta is the metatable of read-only tables.
var lockMeta = sync.OnceValue(func() *lua.LTable {
	t := small(2)
	t.RawSetString("__metatable", lua.LFalse)
	t.RawSetString(markLocked, lua.LTrue)
	return t
})

// stringMeta is the metatable of strings.
var stringMeta = sync.OnceValue(func() *lua.LTable {
	t := small(2)
	t.RawSetString("__index", builtins()["string"])
	t.RawSetString("__metatable", lua.LFalse)
	return t
})

// objectMeta is the metatable of objects.
var objectMeta = sync.OnceValue(func() *lua.LTable {
	t := small(2)
	t.RawSetString("__index", function(objectIndex))
	t.RawSetString("__metatable", lua.LFalse)
	return t
})

func lock(t *lua.LTable) {
	if (Table{t}).IsList() {
		t.Metatable = lockedListMeta()
		return
	}
	t.Metatable = lockMeta()
}

func locked(t *lua.LTable) bool {
	if t.Metatable == lua.LNil {
		return false
	}
	meta, ok := t.Metatable.(*lua.LTable)
	return ok && (meta == lockMeta() || meta.RawGetString(markLocked) != lua.LNil)
}

// open raises an error if a table is read-only.
func open(L *lua.LState, t *lua.LTable) {
	if locked(t) {
		L.RaiseError("this table is read-only; copy it, or use kv for what is to last")
	}
}

// grow charges what a table takes to hold a value at a key.
func (m *meter) grow(L *lua.LState, t *lua.LTable, key, value lua.LValue) {
	if value == lua.LNil || t.RawGet(key) != lua.LNil {
		return
	}
	n, ok := key.(lua.LNumber)
	if !ok || n < 1 || n > maxElements || float64(n) != math.Trunc(float64(n)) {
		if n == maxElements+1 && t.RawGetInt(maxElements) != lua.LNil {
			L.RaiseError("a table holds at most %d elements", maxElements)
		}
		m.keyed(L, t)
		return
	}
	i := int(n)
	m.saw(8 * i)
	if i > 1 && t.RawGetInt(i-1) != lua.LNil {
		m.charge(L, 40)
		return
	}
	gap := i - t.Len()
	m.charge(L, 512+40*gap)
	m.step(L, gap/16)
}

// keyed charges a key. The first makes room for 32.
func (m *meter) keyed(L *lua.LState, t *lua.LTable) {
	if k, _ := t.Next(lua.LNil); k == lua.LNil {
		m.charge(L, 2600)
	}
	m.charge(L, 256)
}

// rawSet writes to a table, which may be read-only.
func (m *meter) rawSet(L *lua.LState, t *lua.LTable, key, value lua.LValue) {
	open(L, t)
	switch k := key.(type) {
	case lua.LString:
		if value != lua.LNil && t.RawGetString(string(k)) == lua.LNil {
			m.keyed(L, t)
		}
		t.RawSetString(string(k), value)
		return
	case lua.LNumber:
		if math.IsNaN(float64(k)) {
			L.RaiseError("table index is NaN")
		}
	case *lua.LNilType:
		L.RaiseError("table index is nil")
	}
	m.grow(L, t, key, value)
	t.RawSet(key, value)
}

// setIndex is "object[key] = value", with metamethods.
func setIndex(L *lua.LState) int {
	m := meterOf(L)
	object, key, value := L.Get(1), L.Get(2), L.Get(3)
	for range lua.MaxTableGetLoop {
		t, ok := object.(*lua.LTable)
		if ok && (t.Metatable == lua.LNil || t.RawGet(key) != lua.LNil) {
			m.rawSet(L, t, key, value)
			return 0
		}
		if ud, isUD := object.(*lua.LUserData); isUD {
			m.setField(L, ud, key, value)
			return 0
		}
		handler := L.GetMetaField(object, "__newindex")
		switch {
		case handler == lua.LNil && ok:
			m.rawSet(L, t, key, value)
			return 0
		case handler == lua.LNil:
			L.RaiseError("attempt to index a non-table object(%v) with key '%s'", object.Type(), keyText(key))
		case handler.Type() == lua.LTFunction:
			L.Push(handler)
			L.Push(object)
			L.Push(key)
			L.Push(value)
			L.Call(3, 0)
			return 0
		}
		object = handler
	}
	L.RaiseError("too many recursions in settable")
	return 0
}

func (m *meter) setField(L *lua.LState, ud *lua.LUserData, key, value lua.LValue) {
	o, _ := ud.Value.(*Object)
	name, ok := key.(lua.LString)
	switch {
	case o == nil:
		L.RaiseError("a %s has no fields", ud.Type())
	case !ok:
		L.RaiseError("the name of a field is a string, not a %s", key.Type())
	}
	if err := o.set(m.vm, string(name), value); err != nil {
		L.RaiseError("%s", err.Error())
	}
}

func keyText(key lua.LValue) string {
	switch k := key.(type) {
	case lua.LString:
		return brief(string(k), 80)
	case lua.LNumber, lua.LBool, *lua.LNilType:
		return k.String()
	}
	return key.Type().String()
}

// concat is "a .. b .. c".
func concat(L *lua.LState) int {
	m := meterOf(L)
	n, total := L.GetTop(), 0
	for i := 1; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			total += len(v)
		case lua.LNumber:
			total += 24
		default:
			return concatMeta(L, m, n)
		}
	}
	m.text(L, total)
	if n == 2 {
		a, aok := L.Get(1).(lua.LString)
		b, bok := L.Get(2).(lua.LString)
		if aok && bok {
			L.Push(a + b)
			return 1
		}
	}
	var out strings.Builder
	out.Grow(total)
	for i := 1; i <= n; i++ {
		out.WriteString(lua.LVAsString(L.Get(i)))
	}
	L.Push(lua.LString(out.String()))
	return 1
}

// concatMeta is concat with metamethods, from right to left.
func concatMeta(L *lua.LState, m *meter, n int) int {
	right := L.Get(n)
	for i := n - 1; i >= 1; i-- {
		left := L.Get(i)
		if lua.LVCanConvToString(left) && lua.LVCanConvToString(right) {
			a, b := lua.LVAsString(left), lua.LVAsString(right)
			m.text(L, len(a)+len(b))
			right = lua.LString(a + b)
			continue
		}
		handler := L.GetMetaField(left, "__concat")
		if handler == lua.LNil {
			handler = L.GetMetaField(right, "__concat")
		}
		if handler.Type() != lua.LTFunction {
			L.RaiseError("cannot perform concat operation between %v and %v", left.Type(), right.Type())
		}
		L.Push(handler)
		L.Push(left)
		L.Push(right)
		L.Call(2, 1)
		right = L.Get(-1)
		L.Pop(1)
	}
	L.Push(right)
	return 1
}

var (
	concatFunction = function(concat)
	setFunction    = function(setIndex)
)
