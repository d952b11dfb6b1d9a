package lua

import (
	"fmt"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// attribute is a field of an object that stands for something of type T in Lua:
// what the handbook says of it, what reading it tells the cache of decisions, and
// how it is made.
type attribute[T any] struct {
	library.Param
	saw hooks.Field
	get func(m *machine, of T) sandbox.Value
	// set takes what a script assigns; nil for what is read-only.
	set func(m *machine, of T, v sandbox.Value) error
	// cheap reports whether the field may be made ahead, once a script has read
	// it and where nobody needs to know of reads; nil: see always.
	cheap  func(of T) bool
	always bool // it is cheap, whatever it is of
}

// field returns an attribute that is read-only.
func field[T any](name, typ, doc string, saw hooks.Field, get func(m *machine, of T) sandbox.Value) attribute[T] {
	return attribute[T]{Param: library.Param{Name: name, Type: typ, Doc: doc}, saw: saw, get: get}
}

// ahead marks an attribute as always cheap.
func ahead[T any](a attribute[T]) attribute[T] {
	a.always = true
	return a
}

// text is a string, or nil in place of an empty one: what is not there.
func text[S ~string | ~[]byte](s S) sandbox.Value {
	if len(s) == 0 {
		return sandbox.Value{}
	}
	return sandbox.String(string(s))
}

// class makes the class of objects with some attributes.
func class[T any](name string, list []attribute[T]) *sandbox.Class {
	fields := make([]sandbox.Field, len(list))
	known := make([]string, len(list))
	for i, a := range list {
		known[i] = a.Name
		fields[i] = sandbox.Field{Name: a.Name, Get: func(vm *sandbox.VM, data any) (sandbox.Value, error) {
			m := machineOf(vm)
			m.saw(a.saw)
			return a.get(m, data.(T)), nil
		}}
		if a.cheap != nil || a.always {
			fields[i].Ahead = func(vm *sandbox.VM, data any) (sandbox.Value, bool) {
				of := data.(T)
				if !a.always && !a.cheap(of) {
					return sandbox.Value{}, false
				}
				return a.get(machineOf(vm), of), true
			}
		}
		if a.set != nil {
			fields[i].Set = func(vm *sandbox.VM, data any, v sandbox.Value) error {
				return a.set(machineOf(vm), data.(T), v)
			}
		}
	}
	c := sandbox.NewClass(name, fields...)
	c.Index = func(vm *sandbox.VM, _ any, key string) (sandbox.Value, error) {
		return sandbox.Value{}, fmt.Errorf("at %v there is no field %s", machineOf(vm).point(), library.Suggest(key, known))
	}
	return c
}

// document makes the declaration of the same objects.
func document[T any](name, doc string, list []attribute[T]) library.Type {
	t := library.Type{Name: name, Doc: doc}
	for _, a := range list {
		t.Fields = append(t.Fields, a.Param)
	}
	return t
}
