package sandbox

import (
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// client is a slot of the cache of client tables.
type client struct {
	id    uint64
	form  any
	table *lua.LTable
}

// clientSlots bounds the cache of client tables of a VM.
const clientSlots = 1024

// clientMeta is the metatable of client tables. What is not in them is an
// error, as with objects: a misspelt name must not read as nil.
var clientMeta = sync.OnceValue(func() *lua.LTable {
	t := small(3)
	t.RawSetString("__index", function(func(L *lua.LState) int {
		L.RaiseError("client has no field %s", keyText(L.Get(2)))
		return 0
	}))
	t.RawSetString("__metatable", lua.LFalse)
	t.RawSetString(markLocked, lua.LTrue)
	return t
})

// Client returns the table of a connection. It is built at the first use in
// this VM and kept until another connection takes its place: 1024 are kept. It
// is read-only to scripts, to whom it is an error to read what it does not have.
// Form is what the table is built of: when another one comes with the same id,
// such as after a change of identity, it is built again.
func (vm *VM) Client(id uint64, form any, build func(Table)) Value {
	if vm.clients == nil {
		vm.clients = make([]client, clientSlots)
	}
	slot := &vm.clients[id%clientSlots]
	if slot.table == nil || slot.id != id || slot.form != form {
		t := small(8)
		build(Table{t})
		t.Metatable = clientMeta()
		*slot = client{id, form, t}
	}
	return Value{slot.table}
}
