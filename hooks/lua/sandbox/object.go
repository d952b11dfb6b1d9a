package sandbox

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// MaxFields is how many fields a class may have: [Reads] is a word.
const MaxFields = 64

// Field is one field of the objects of a class.
type Field struct {
	Name string
	// Get makes the value, at the first read after Bind. Data is what Bind
	// got. What it allocates beyond the value's own bytes is not charged.
	Get func(vm *VM, data any) (Value, error)
	// Set takes a value that a script assigned. Nil: the field is read-only.
	Set func(vm *VM, data any, v Value) error
	// Ahead makes the value as Get does, in Bind, for objects of [VM.NewEager],
	// once a script has read it in an earlier call; false leaves it to Get. It is
	// for what is small and cheap, and is not charged. Nil: Bind does not make it.
	Ahead func(vm *VM, data any) (v Value, ok bool)
}

// Class is the shape of objects, made once and shared by all VMs. Its fields
// are read by name; those of a class with Index are any strings.
type Class struct {
	name   string
	fields []Field
	index  map[string]int

	// Index and NewIndex, if not nil, serve the keys that are not fields, as
	// of message headers. Set them before the first object is made.
	Index    func(vm *VM, data any, key string) (Value, error)
	NewIndex func(vm *VM, data any, key string, v Value) error
}

// NewClass makes a class. It panics if fields are more than MaxFields or have
// the same name.
func NewClass(name string, fields ...Field) *Class {
	c := &Class{name: name, fields: fields, index: make(map[string]int, len(fields))}
	for i, f := range fields {
		if _, twice := c.index[f.Name]; twice || i >= MaxFields {
			panic("sandbox: class " + name + " has too many fields or two that are named " + f.Name)
		}
		c.index[f.Name] = i
	}
	return c
}

// Reads is the set of fields that were read, a bit for each in the order of
// [NewClass].
type Reads uint64

// Has reports whether the field at i was read.
func (r Reads) Has(i int) bool { return r>>i&1 != 0 }

// maxKeys is how many keys beyond fields an object remembers.
const maxKeys = 16

// Object is a value with fields that are made when a script reads them. It is
// made once for each VM and kind of request, and bound to one request after
// another.
type Object struct {
	class  *Class
	vm     *VM
	ud     *lua.LUserData
	data   any
	bound  bool
	values []lua.LValue // of fields that were read or assigned; nil: not yet
	reads  Reads
	writes Reads
	keys   []string
	many   bool   // more keys than maxKeys were read
	eager  *eager // nil unless values are made ahead
}

// eager is what an object has whose values are made ahead: the interpreter finds
// them without a call of a function, which takes several times as long.
type eager struct {
	forms [Forms]*form
	now   *form // of what the object is bound to
	want  Reads // fields that were read or assigned at some time
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

// NewObject makes an object that is bound to nothing.
func (vm *VM) NewObject(c *Class) *Object {
	o := &Object{class: c, vm: vm, values: make([]lua.LValue, len(c.fields))}
	o.ud = &lua.LUserData{Value: o, Metatable: objectMeta()}
	return o
}

// NewEager makes an object whose fields that are marked Ahead are made by Bind
// once a script has read them. Such reads are not in [Object.Reads].
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
		i := bits.TrailingZeros64(uint64(want))
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

// Value returns the object as a value.
func (o *Object) Value() Value { return Value{o.ud} }

// Bind makes the object stand for data and forgets what it stood for.
func (o *Object) Bind(data any) { o.BindForm(data, 0) }

// BindForm is Bind with one of the [Forms] sets of values that are made ahead. It
// is fastest if the last data of that set had many of the same values.
func (o *Object) BindForm(data any, which int) {
	o.Release()
	o.data, o.bound = data, true
	if o.eager != nil {
		o.eager.make(o, which)
	}
}

// Release makes the object stand for nothing until the next Bind: a script that
// kept it gets an error when it reads a field.
func (o *Object) Release() {
	if !o.bound {
		return
	}
	o.data, o.bound = nil, false
	if o.eager != nil {
		o.ud.Metatable = objectMeta()
	}
	if o.reads|o.writes != 0 {
		clear(o.values)
	}
	o.reads, o.writes, o.keys, o.many = 0, 0, o.keys[:0], false
}

// Reads returns the fields that were read since Bind.
func (o *Object) Reads() Reads { return o.reads }

// Writes returns the fields that were assigned since Bind.
func (o *Object) Writes() Reads { return o.writes }

// Keys returns the keys beyond fields that were read since Bind, in their order
// and maybe more than once, valid until the next Bind or Release. If there were
// more than 16, all is false.
func (o *Object) Keys() (keys []string, all bool) { return o.keys, !o.many }

var errReleased = errors.New("this object is only valid during the call that it was given to")

func (o *Object) get(vm *VM, key string) (lua.LValue, error) {
	i, ok := o.class.index[key]
	switch {
	case !o.bound:
		return nil, errReleased
	case !ok:
		return o.other(vm, key)
	}
	o.reads |= 1 << i
	if o.eager != nil && o.class.fields[i].Ahead != nil {
		o.eager.want |= 1 << i
	}
	if v := o.values[i]; v != nil {
		return v, nil
	}
	v, err := o.class.fields[i].Get(vm, o.data)
	if err != nil {
		return nil, fmt.Errorf("reading %s.%s: %w", o.class.name, key, err)
	}
	o.values[i] = v.raw()
	return vm.received(v), nil
}

func (o *Object) other(vm *VM, key string) (lua.LValue, error) {
	if o.class.Index == nil {
		return nil, fmt.Errorf("%s has no field %s", o.class.name, brief(key, 40))
	}
	if len(o.keys) < maxKeys {
		o.keys = append(o.keys, key)
	} else {
		o.many = true
	}
	v, err := o.class.Index(vm, o.data, key)
	if err != nil {
		return nil, fmt.Errorf("reading %s[%q]: %w", o.class.name, brief(key, 40), err)
	}
	return vm.received(v), nil
}

// received charges a value that came from the host.
func (vm *VM) received(v Value) lua.LValue {
	if s, ok := v.v.(lua.LString); ok {
		vm.text(vm.l, len(s))
	}
	return v.raw()
}

func (o *Object) set(vm *VM, key string, v lua.LValue) error {
	i, ok := o.class.index[key]
	var err error
	switch {
	case !o.bound:
		return errReleased
	case !ok && o.class.NewIndex != nil:
		err = o.class.NewIndex(vm, o.data, key, wrap(v))
	case !ok:
		return fmt.Errorf("%s has no field %s", o.class.name, brief(key, 40))
	case o.class.fields[i].Set == nil:
		return fmt.Errorf("%s.%s is read-only", o.class.name, key)
	default:
		if err = o.class.fields[i].Set(vm, o.data, wrap(v)); err == nil {
			o.writes |= 1 << i
			o.values[i] = v
			if o.eager != nil {
				o.eager.want |= 1 << i // so that the next Bind takes it away
				o.eager.now.put(o, i, v)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("setting %s.%s: %w", o.class.name, brief(key, 40), err)
	}
	return nil
}

// objectIndex is the __index of objects.
func objectIndex(L *lua.LState) int {
	ud, _ := L.Get(1).(*lua.LUserData)
	if ud == nil {
		L.RaiseError("a field of something that is not an object")
	}
	o, ok := ud.Value.(*Object)
	if !ok {
		L.RaiseError("a field of something that is not an object")
	}
	return o.index(L, L.Get(2))
}

func (o *Object) index(L *lua.LState, key lua.LValue) int {
	name, ok := key.(lua.LString)
	if !ok {
		L.RaiseError("the name of a field is a string, not a %s", key.Type())
	}
	v, err := o.get(meterOf(L).vm, string(name))
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	L.Push(v)
	return 1
}

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

// Lock makes a table read-only to scripts, and it alone: not the tables in it.
func (t Table) Lock() { lock(t.t) }

// Bound reports whether the object stands for something.
func (o *Object) Bound() bool { return o.bound }
