package sandbox

import (
	"cmp"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// Use is a place where a script reads a global.
type Use struct {
	Name string
	File string
	Line int
}

// Undefined returns where the script and its own modules read globals that there
// are none of, in the order of files and lines. As globals are read-only once the
// top level has run, what such a place gets in a call is nil. What is reached
// otherwise, as by _G, is not seen.
func (vm *VM) Undefined() []Use {
	p := vm.program
	p.mu.Lock()
	defer p.mu.Unlock()
	list := vm.undefined(nil, p.main)
	for _, m := range p.mu.modules {
		if m.proto != nil {
			list = vm.undefined(list, m.proto)
		}
	}
	slices.SortFunc(list, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(list)
}

// undefined appends what a function reads, with those in it. What stands for a
// function of the host was linked, and is no global any more.
func (vm *VM) undefined(list []Use, proto *lua.FunctionProto) []Use {
	for pc, inst := range proto.Code {
		if op(inst) != lua.OP_GETGLOBAL {
			continue
		}
		name, ok := proto.Constants[inst&argBx].(lua.LString)
		if ok && vm.globals.RawGetString(string(name)) == lua.LNil {
			list = append(list, Use{string(name), proto.SourceName, proto.DbgSourcePositions[pc]})
		}
	}
	for _, inner := range proto.FunctionPrototypes {
		list = vm.undefined(list, inner)
	}
	return list
}
