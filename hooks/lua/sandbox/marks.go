package sandbox

import (
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// markList in a metatable says that its table is a list, though it may be empty.
const markList = "\x00list"

// listMeta and lockedListMeta are the metatables of lists.
var (
	listMeta       = sync.OnceValue(func() *lua.LTable { return marks(markList) })
	lockedListMeta = sync.OnceValue(func() *lua.LTable { return marks(markList, markLocked) })
)

// marks returns a metatable that does nothing but carry marks.
func marks(names ...string) *lua.LTable {
	t := &lua.LTable{Metatable: lua.LNil}
	t.RawSetString("__metatable", lua.LFalse)
	for _, name := range names {
		t.RawSetString(name, lua.LTrue)
	}
	return t
}

// Lock makes a table read-only to scripts, and it alone: not the tables in it.
func (t Table) Lock() { lock(t.t) }

// LockFields makes a table read-only to scripts, as [Table.Lock] does, and has them
// get an error for a key that it does not have: the text is what unknown returns.
func (t Table) LockFields(unknown func(key string) string) {
	m := small(3)
	m.RawSetString("__metatable", lua.LFalse)
	m.RawSetString(markLocked, lua.LTrue)
	m.RawSetString("__index", function(func(L *lua.LState) int {
		L.RaiseError("%s", brief(unknown(lua.LVAsString(L.Get(2))), maxMessage))
		return 0
	}))
	t.t.Metatable = m
}

// MarkList marks a table as a list, which tells an empty one from a table
// without fields. Scripts see no difference but that they cannot give the table
// a metatable. Ok is false, and nothing is changed, if it has one of its own or
// is read-only.
func (t Table) MarkList() (ok bool) {
	if t.t.Metatable == lua.LNil {
		t.t.Metatable = listMeta()
	}
	return t.t.Metatable == listMeta()
}

// IsList reports whether the table was marked by MarkList.
func (t Table) IsList() bool {
	return t.t.Metatable == listMeta() || t.t.Metatable == lockedListMeta()
}

// Atom returns a new value that is equal to itself only, counts as true, has no
// fields and prints as name. It belongs to no VM.
func Atom(name string) Value {
	meta := marks()
	meta.RawSetString("__tostring", function(func(L *lua.LState) int {
		L.Push(lua.LString(name))
		return 1
	}))
	return Value{&lua.LUserData{Value: name, Metatable: meta}}
}
