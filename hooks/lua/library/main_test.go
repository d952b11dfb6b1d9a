package library

import (
	"testing"

	"go.uber.org/goleak"

	"moonwire/hooks/lua/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// luaTable returns the table that an expression of Lua makes.
func luaTable(t testing.TB, expression string) sandbox.Table {
	t.Helper()
	p, err := sandbox.Compile("test.lua", []byte("take("+expression+")"), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got sandbox.Value
	_, err = sandbox.NewVM(p, sandbox.Host{Setup: func(vm *sandbox.VM) error {
		vm.SetGlobal("take", vm.Func(func(a *sandbox.Args) error {
			got = a.At(1)
			return nil
		}))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	table, ok := got.Table()
	if !ok {
		t.Fatalf("%s is no table", expression)
	}
	return table
}
