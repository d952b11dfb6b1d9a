package sandbox

import (
	"math/bits"

	lua "github.com/yuin/gopher-lua"
)

// eager is what an object has whose values are made ahead: the interpreter finds
// them without a call of a function, which takes several times as long.
type eager struct {
	forms [Forms]*form
	now   *form  // of what the object is bound to
	want  uint64 // fields that were read or assigned at some time, a bit for each
}

// Forms is how many sets of values an object of [VM.NewEager] keeps. To put
// another value into a table takes as long as to read two.
const Forms = 16

// form is one set of values.
type form struct {
	meta  *lua.LTable  // of the object while it is bound; leads to ready
	ready *lua.LTable  // the values, and behind them the function for the rest
	made  []lua.LValue // what is in ready, by field; what was never there is nil
}

// NewEager makes an object whose fields that are marked Ahead are made by Bind
// once a script has read them.
func (vm *VM) NewEager(c *Class) *Object {
	o := vm.NewObject(c)
	o.eager = new(eager)
	return o
}

func (o *Object) newForm() *form {
	n := len(o.class.fields)
	f := &form{meta: small(2), ready: small(n), made: make([]lua.LValue, n)}
	rest := small(1)
	rest.RawSetString("__index", function(func(L *lua.LState) int { return o.index(L, L.Get(2)) }))
	f.ready.Metatable = rest
	f.meta.RawSetString("__index", f.ready)
	f.meta.RawSetString("__metatable", lua.LFalse)
	return f
}

// make makes what is likely to be read.
func (e *eager) make(o *Object, which int) {
	at := &e.forms[which]
	if *at == nil {
		*at = o.newForm()
	}
	e.now = *at
	for want := e.want; want != 0; want &= want - 1 {
		i := bits.TrailingZeros64(want)
		f := &o.class.fields[i]
		var ready Value // nil where the function for the rest is to make it
		if f.Ahead != nil {
			if v, ok := f.Ahead(o.vm, o.data); ok {
				ready = v
			}
		}
		if s, ok := ready.v.(lua.LString); ok {
			o.vm.saw(len(s))
		}
		e.now.put(o, i, ready.raw())
	}
	o.ud.Metatable = e.now.meta
}

func (f *form) put(o *Object, i int, v lua.LValue) {
	if v != f.made[i] {
		f.ready.RawSetString(o.class.fields[i].Name, v)
		f.made[i] = v
	}
}
