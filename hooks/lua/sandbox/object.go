package sandbox

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// MaxFields is how many fields a class may have: a set of them is a word.
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
	used   bool         // one was since Bind
	eager  *eager       // nil unless values are made ahead
}

// NewObject makes an object that is bound to nothing.
func (vm *VM) NewObject(c *Class) *Object {
	o := &Object{class: c, vm: vm, values: make([]lua.LValue, len(c.fields))}
	o.ud = &lua.LUserData{Value: o, Metatable: objectMeta()}
	return o
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
	if o.used {
		clear(o.values)
		o.used = false
	}
}

// Bound reports whether the object stands for something.
func (o *Object) Bound() bool { return o.bound }

var errReleased = errors.New("this object is only valid during the call that it was given to")

func (o *Object) get(vm *VM, key string) (lua.LValue, error) {
	i, ok := o.class.index[key]
	switch {
	case !o.bound:
		return nil, errReleased
	case !ok:
		return o.other(vm, key)
	}
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
	o.values[i], o.used = v.raw(), true
	return vm.received(v), nil
}

func (o *Object) other(vm *VM, key string) (lua.LValue, error) {
	if o.class.Index == nil {
		return nil, fmt.Errorf("%s has no field %s", o.class.name, brief(key, 40))
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
			o.values[i], o.used = v, true
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
