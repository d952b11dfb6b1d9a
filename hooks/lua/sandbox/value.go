package sandbox

import (
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// Value is a Lua value. The zero Value is nil. A table, function or object
// belongs to the VM that it came from and must not be given to another.
type Value struct{ v lua.LValue }

// Kind is the type of a value.
type Kind uint8

// The kinds of values.
const (
	KindNil Kind = iota
	KindBool
	KindNumber
	KindString
	KindTable
	KindFunction
	KindObject
)

// String is the name that Lua gives a kind.
func (k Kind) String() string {
	return [...]string{"nil", "boolean", "number", "string", "table", "function", "userdata"}[k]
}

// Bool returns a boolean.
func Bool(b bool) Value { return Value{lua.LBool(b)} }

// Number returns a number.
func Number(f float64) Value { return Value{boxed(f)} }

// String returns a string. It keeps s, so s must not alias a buffer.
func String(s string) Value { return Value{lua.LString(s)} }

// Bytes returns a string with a copy of b.
func Bytes(b []byte) Value { return Value{lua.LString(b)} }

// raw is the value as the interpreter wants it.
func (v Value) raw() lua.LValue {
	if v.v == nil {
		return lua.LNil
	}
	return v.v
}

func wrap(v lua.LValue) Value {
	if v == lua.LNil {
		return Value{}
	}
	return Value{v}
}

// Kind returns the type of v.
func (v Value) Kind() Kind {
	switch v.v.(type) {
	case nil, *lua.LNilType:
		return KindNil
	case lua.LBool:
		return KindBool
	case lua.LNumber:
		return KindNumber
	case lua.LString:
		return KindString
	case *lua.LTable:
		return KindTable
	case *lua.LFunction:
		return KindFunction
	}
	return KindObject
}

// IsNil reports whether v is nil.
func (v Value) IsNil() bool { return v.Kind() == KindNil }

// True reports whether v counts as true: all but nil and false do.
func (v Value) True() bool { return lua.LVAsBool(v.raw()) }

// Text returns the bytes of a string; ok is false if v is something else.
func (v Value) Text() (s string, ok bool) {
	l, ok := v.v.(lua.LString)
	return string(l), ok
}

// Number returns a number; ok is false if v is something else.
func (v Value) Number() (f float64, ok bool) {
	n, ok := v.v.(lua.LNumber)
	return float64(n), ok
}

// Table returns a table; ok is false if v is something else.
func (v Value) Table() (t Table, ok bool) {
	l, ok := v.v.(*lua.LTable)
	return Table{l}, ok
}

// Object returns the object behind v; ok is false if v is something else.
func (v Value) Object() (o *Object, ok bool) {
	u, ok := v.v.(*lua.LUserData)
	if !ok {
		return nil, false
	}
	o, ok = u.Value.(*Object)
	return o, ok
}

// Defined returns where a function of the script begins; ok is false if v is
// something else, or a function of the host.
func (v Value) Defined() (file string, line int, ok bool) {
	f, ok := v.v.(*lua.LFunction)
	if !ok || f.IsG {
		return "", 0, false
	}
	return f.Proto.SourceName, f.Proto.LineDefined, true
}

// opaque is what lies in a value that scripts can only pass on.
type opaque struct{ v any }

// opaqueMeta is the metatable of opaque values.
var opaqueMeta = sync.OnceValue(func() *lua.LTable {
	t := small(1)
	t.RawSetString("__metatable", lua.LFalse)
	return t
})

// Opaque returns a value that scripts can keep, compare and pass on, and nothing
// else: they cannot make one.
func Opaque(v any) Value { return Value{&lua.LUserData{Value: opaque{v}, Metatable: opaqueMeta()}} }

// Opaque returns what lies in a value of the function Opaque; nil if v is
// something else.
func (v Value) Opaque() any {
	if u, ok := v.v.(*lua.LUserData); ok {
		if o, ok := u.Value.(opaque); ok {
			return o.v
		}
	}
	return nil
}

// Table is a Lua table as the host sees it: without metamethods, and without
// regard for read-only. The host's writes are charged to no budget but by
// [VM.NewTable] and [Args.Charge].
type Table struct{ t *lua.LTable }

// Value returns the table as a value.
func (t Table) Value() Value { return Value{t.t} }

// Get returns what lies at a string key.
func (t Table) Get(key string) Value { return wrap(t.t.RawGetString(key)) }

// Set puts v at a string key; nil removes it.
func (t Table) Set(key string, v Value) { t.t.RawSetString(key, v.raw()) }

// Len returns the length of the array part.
func (t Table) Len() int { return t.t.Len() }

// At returns the element at i, counted from 1.
func (t Table) At(i int) Value { return wrap(t.t.RawGetInt(i)) }

// Append adds an element to the array part, which holds 65,535 at most; what
// comes after is dropped and false returned.
func (t Table) Append(v Value) bool {
	n := t.t.Len()
	if n >= maxElements {
		return false
	}
	t.t.RawSetInt(n+1, v.raw())
	return true
}

// Each calls f for all entries, elements first, then keys in the order in which
// they were first set, until it returns false.
func (t Table) Each(f func(key, value Value) bool) {
	for k, v := t.t.Next(lua.LNil); k != lua.LNil; k, v = t.t.Next(k) {
		if !f(wrap(k), wrap(v)) {
			return
		}
	}
}

// EachField is as Each for the entries that are no elements.
func (t Table) EachField(f func(key, value Value) bool) {
	var last lua.LValue = lua.LNil
	if n := t.t.Len(); n > 0 {
		last = lua.LNumber(n)
	}
	for k, v := t.t.Next(last); k != lua.LNil; k, v = t.t.Next(k) {
		if !f(wrap(k), wrap(v)) {
			return
		}
	}
}

// Func is a function of the host that scripts call. It takes its arguments from
// a and gives its results to [Args.Return]. An error becomes a Lua error at the
// line of the caller, and the [Error.Cause] of the call if nothing catches it.
type Func func(a *Args) error

// Args are the arguments of one call of a [Func], valid until it returns.
type Args struct {
	vm      *VM
	results int
}

// VM returns the virtual machine that calls.
func (a *Args) VM() *VM { return a.vm }

// Len returns the number of arguments.
func (a *Args) Len() int { return a.vm.l.GetTop() - a.results }

// At returns an argument, counted from 1; nil if there is none. Not after
// Return.
func (a *Args) At(i int) Value { return wrap(a.vm.l.Get(i)) }

// Return adds results.
func (a *Args) Return(values ...Value) {
	for _, v := range values {
		a.vm.l.Push(v.raw())
		a.results++
	}
}

// Where returns the place in the script that calls: "" and 0 if it is not known.
func (a *Args) Where() (file string, line int) {
	file, line, _ = split(a.vm.l.Where(1) + " ")
	return file, line
}

// Charge charges bytes that the function is about to allocate for the script.
// When they are more than what is left, it does not return: the call ends.
func (a *Args) Charge(bytes int) { a.vm.Charge(bytes) }

// Step charges instructions, for work that the script can ask for. When they
// are more than what is left, it does not return: the call ends.
func (a *Args) Step(n int) { a.vm.Step(n) }

// Call calls a Lua function and returns its first result. When that fails it
// does not return: the call of the host's function ends as well.
func (a *Args) Call(f Value, args ...Value) Value {
	L := a.vm.l
	L.Push(f.raw())
	for _, v := range args {
		L.Push(v.raw())
	}
	held := a.results
	L.Call(len(args), 1)
	a.results = held
	v := L.Get(-1)
	L.Pop(1)
	return wrap(v)
}

// hostError carries an error of a Func through the interpreter to the host. The
// script sees its text.
type hostError struct {
	err  error
	text string
}

// hosted makes a function of Lua of one of the host; it belongs to no VM.
func hosted(f Func) *lua.LFunction {
	return function(func(L *lua.LState) int {
		vm := meterOf(L).vm
		a := &vm.args
		held := a.results
		a.results = 0
		err := f(a)
		n := a.results
		a.results = held
		if err != nil {
			text := brief(err.Error(), maxMessage)
			vm.cause = hostError{err, text}
			L.RaiseError("%s", text)
		}
		return n
	})
}

// function makes a function of Go; it belongs to no VM.
func function(f lua.LGFunction) *lua.LFunction { return &lua.LFunction{IsG: true, GFunction: f} }

// boxes are numbers that need no allocation.
var boxes = func() (b [256]lua.LValue) {
	for i := range b {
		b[i] = lua.LNumber(i)
	}
	return b
}()

// letters are strings of one byte that need no allocation.
var letters = func() (l [256]lua.LValue) {
	for i := range l {
		l[i] = lua.LString([]byte{byte(i)})
	}
	return l
}()

// piece returns a part of a string that is charged already.
func (m *meter) piece(L *lua.LState, s string) lua.LValue {
	if len(s) == 1 {
		return letters[s[0]]
	}
	m.charge(L, 16)
	return lua.LString(s)
}

func boxed(f float64) lua.LValue {
	if f >= 0 && f < float64(len(boxes)) {
		if i := int(f); float64(i) == f && (i != 0 || 1/f > 0) {
			return boxes[i]
		}
	}
	return lua.LNumber(f)
}
