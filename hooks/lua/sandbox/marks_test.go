package sandbox

import "testing"

// kept gives a script the functions mark, listed and lock, and the atom none.
func kept(vm *VM) error {
	table := func(do func(t Table) bool) Value {
		return vm.Func(func(a *Args) error {
			t, _ := a.At(1).Table()
			a.Return(Bool(do(t)))
			return nil
		})
	}
	vm.SetGlobal("mark", table(Table.MarkList))
	vm.SetGlobal("listed", table(Table.IsList))
	vm.SetGlobal("lock", table(func(t Table) bool { t.Lock(); return true }))
	vm.SetGlobal("none", none)
	return nil
}

var none = Atom("none")

func TestMarks(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"a list":              `local t = {} assert(not listed(t) and mark(t) and listed(t) and mark(t))`,
		"a list can be used":  `local t = {} mark(t) t[1] = "a" table.insert(t, "b") t.x = 1 assert(#t == 2 and t[2] == "b" and t.x == 1 and t.y == nil)`,
		"a list is protected": `local t = {} mark(t) assert(getmetatable(t) == false and not pcall(setmetatable, t, {}))`,
		"an own metatable":    `local t = setmetatable({}, {}) assert(not mark(t) and not listed(t))`,
		"read-only":           `local t = {} lock(t) assert(not mark(t) and not listed(t) and not pcall(function() t[1] = 1 end))`,
		"a read-only list":    `local t = {} mark(t) lock(t) assert(listed(t) and not mark(t) and not pcall(function() t[1] = 1 end))`,
		"an atom":             `assert(none == none and none ~= nil and none and tostring(none) == "none" and type(none) == "userdata")`,
		"an atom as a key":    `local t = { [none] = 1 } assert(t[none] == 1)`,
		"no fields":           `assert(not pcall(function() return none.x end) and getmetatable(none) == false)`,
		"no fields to set":    `local ok, err = pcall(function() none.x = 1 end) assert(not ok and err:find("no fields", 1, true), err)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := NewVM(compile(t, source), Host{Setup: kept}); err != nil {
				t.Error(err)
			}
		})
	}
}
