package sandbox

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	configure() // before a test makes a state of the interpreter itself
	goleak.VerifyTestMain(m)
}

// compile compiles a source that is right.
func compile(t testing.TB, source string) *Program {
	t.Helper()
	p, err := Compile("test.lua", []byte(source), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// load makes a VM of a source that loads. The script gives its function to
// hook.
func load(t testing.TB, source string) (*VM, Value) {
	t.Helper()
	vm, err := NewVM(compile(t, source), Host{Setup: hooked})
	if err != nil {
		t.Fatal(err)
	}
	f, _ := vm.Ext.(Value)
	return vm, f
}

// hooked gives a script the function hook, which keeps its argument in Ext.
func hooked(vm *VM) error {
	vm.SetGlobal("hook", vm.Func(func(a *Args) error {
		a.VM().Ext = a.At(1)
		return nil
	}))
	return nil
}

// patient is a budget that no clock ends.
var patient = Budget{Wall: time.Hour}
