package sandbox

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUndefined: what nobody defines is found where it is read, in functions, at
// the top level and in modules, and nothing else is.
func TestUndefined(t *testing.T) {
	t.Parallel()
	modules := map[string]string{"one": "return function()\n  return missing end", "unused": "return nobody"}
	p, err := Compile("test.lua", []byte(`local one = require "one"
late = 1
hook(function(req, ...)
  local mine = { late, host, denied("x"), denied("y") }
  mine.field = req.field .. tostring(#mine) .. _G.unseen
  local function inner()
    return shared(), math.huge,
      inner2
  end
  for i, v in ipairs(mine) do print2 = v end
  return inner
end)
if absent then return end
assert(pcall(one))
`), Options{
		Globals: map[string]Func{"shared": func(*Args) error { return nil }},
		Resolve: func(name string) (string, []byte, error) { return name + ".lua", []byte(modules[name]), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	vm, err := NewVM(p, Host{Setup: func(vm *VM) error {
		vm.SetGlobal("hook", vm.Func(func(*Args) error { return nil }))
		vm.SetGlobal("host", Number(1))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range vm.Undefined() {
		got = append(got, fmt.Sprintf("%s:%d: %s", u.File, u.Line, u.Name))
	}
	want := []string{"one.lua:2: missing", "test.lua:4: denied", "test.lua:8: inner2", "test.lua:13: absent"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
