package library

import (
	"fmt"
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
	Values    []Param // what else is in it, which the engine sets
	Types     []Type  // shapes of tables that its functions take and give
}

// Function is one function that scripts can call.
type Function struct {
	Name    string // within the module; with a dot within a table of it
	Doc     string // sentences; the first is the summary
	Params  []Param
	Returns []Param
	Example string       // lines of Lua that run; "" for none
	Do      sandbox.Func // nil for what is part of the language
}

// Param is a parameter or a result. The Type is one of LuaLS annotations:
// "string", "integer?", "table<string, string>", the name of a [Type].
type Param struct{ Name, Type, Doc string }

// Type is the shape of a table or an object.
type Type struct {
	Name, Doc string
	Fields    []Param
}

// Build makes the module's table in a VM. It is read-only to scripts.
func (m *Module) Build(vm *sandbox.VM) sandbox.Value {
	t := vm.NewTable(0, len(m.Functions))
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
	t.Lock()
	return t.Value()
}

// guarded returns what runs f: a function that waits does so only where that
// holds nobody up.
func (m *Module) guarded(f Function) sandbox.Func {
	if !m.Waits {
		return f.Do
	}
	name := m.Name + "." + f.Name
	return func(a *sandbox.Args) error {
		if c := CallerOf(a); c.Loading() || !c.MayWait() {
			return fmt.Errorf("%s can be called at connect and event only: it waits, and messages would wait with it", name)
		}
		return f.Do(a)
	}
}
