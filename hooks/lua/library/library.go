package library

import (
	"fmt"
	"slices"
	"strings"

	"moonwire/hooks/lua/sandbox"
)

// Module is a library, or with an empty Name the globals.
type Module struct {
	Name string
	Doc  string // sentences; the first is the summary
	// Waits: its functions wait for others, so they are for connect and event
	// only.
	Waits     bool
	Functions []Function
	Constants []Constant
	Types     []Type // shapes of tables that its functions take and give
	// New makes the module for one VM, if its functions keep something from call
	// to call. Nil: all VMs share this one.
	New func() *Module
}

// Constant is a value of a module that is no function. It belongs to no VM; nil is
// one that the engine sets.
type Constant struct {
	Name, Type, Doc string
	Value           sandbox.Value
}

// Function is one function that scripts can call.
type Function struct {
	Name    string // within the module; with a dot within a table of it
	Doc     string // sentences; the first is the summary
	Params  []Param
	Returns []Param
	// Example is lines of Lua; "" for none. Those of a library run in the function of
	// a hook, where each module is a local of its name, those of globals at the top
	// level of a script, which is where hooks are registered.
	Example string
	Waits   bool // as of a module, of this function alone
	// Calls: it is for calls only, not for the top level of a script, which runs
	// once for each VM and when it is only checked.
	Calls bool
	Do    sandbox.Func // nil for what is part of the language
}

// Param is a parameter or a result. The Type is one of LuaLS annotations:
// "string", "integer?", "table<string, string>", the name of a [Type].
type Param struct{ Name, Type, Doc string }

// Type is the shape of a table or an object.
type Type struct {
	Name, Doc string
	Fields    []Param
}

// signature is the function as a type of LuaLS.
func (f *Function) signature() string {
	var b strings.Builder
	b.WriteString("fun(")
	for i, p := range f.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Name)
		kind, optional := strings.CutSuffix(p.Type, "?")
		if optional {
			b.WriteString("?")
		}
		b.WriteString(": " + kind)
	}
	b.WriteString(")")
	for i, p := range f.Returns {
		b.WriteString([]string{": ", ", "}[min(i, 1)] + p.Type)
	}
	return b.String()
}

// Build makes the module's table in a VM. It is read-only to scripts.
func (m *Module) Build(vm *sandbox.VM) sandbox.Value {
	if m.New != nil {
		m = m.New()
	}
	t := vm.NewTable(0, len(m.Functions)+len(m.Constants))
	for _, c := range m.Constants {
		t.Set(c.Name, c.Value)
	}
	inner := make(map[string]sandbox.Table)
	for _, f := range m.Functions {
		if f.Do == nil {
			continue
		}
		to, name := t, f.Name
		if outer, rest, ok := strings.Cut(f.Name, "."); ok {
			if _, made := inner[outer]; !made {
				inner[outer] = vm.NewTable(0, 4)
				t.Set(outer, inner[outer].Value())
			}
			to, name = inner[outer], rest
		}
		to.Set(name, vm.Func(m.guarded(f)))
	}
	for _, i := range inner {
		i.Lock()
	}
	t.LockFields(m.unknown)
	return t.Value()
}

// unknown says that the module has no field of a name.
func (m *Module) unknown(name string) string {
	var known []string
	for _, c := range m.Constants {
		known = append(known, c.Name)
	}
	for _, f := range m.Functions {
		outer, _, _ := strings.Cut(f.Name, ".")
		known = append(known, outer)
	}
	slices.Sort(known)
	return m.Name + " has no " + Suggest(name, slices.Compact(known))
}

// guarded returns what runs f where it may run: a function that waits does so
// only where that holds nobody up.
func (m *Module) guarded(f Function) sandbox.Func {
	name := m.Name + "." + f.Name
	switch {
	case m.Waits || f.Waits:
		return func(a *sandbox.Args) error {
			if c := CallerOf(a); c.Loading() || !c.MayWait() {
				return fmt.Errorf("%s can be called at connect and event only: it waits, and messages would wait with it", name)
			}
			return f.Do(a)
		}
	case f.Calls:
		return func(a *sandbox.Args) error {
			if CallerOf(a).Loading() {
				return fmt.Errorf("%s can be called by the functions of hooks only: the top level of a script runs once for each of its virtual machines", name)
			}
			return f.Do(a)
		}
	}
	return f.Do
}
