package sandbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Host is what a virtual machine has from the host.
type Host struct {
	// Setup runs before the script: it sets globals. May be nil.
	Setup func(*VM) error
	// Modules are those that require finds before the program's own. Each is
	// made once for each VM that asks for it.
	Modules map[string]func(*VM) (Value, error)
	// Load is the budget of the script's top level; 10,000,000 instructions,
	// 32 MiB, 1 s by default.
	Load Budget
	// Now is the clock; time.Now by default.
	Now func() time.Time
}

// VM is a virtual machine with one loaded program. It serves one call at a
// time and is not safe for concurrent use.
type VM struct {
	// Ext is the host's.
	Ext any

	meter
	program *Program
	host    Host
	l       *lua.LState
	args    Args

	globals *lua.LTable // behind the environment, which stays empty
	fixed   map[string]bool
	loading bool
	modules map[string]lua.LValue // by name; nil while it loads

	broken  bool
	running bool
	cause   hostError // of the last error of a function of the host
	calls   int       // since load
	born    time.Time
	aged    int // calls when its pool last looked at its age
	berth   int // in its pool

	clients  []client
	patterns map[string]*pattern
	random   *rand.Rand // after math.randomseed
	chance   bool       // the last call saw what differs from run to run
}

// NewVM makes a virtual machine and runs the top level of p in it.
func NewVM(p *Program, h Host) (*VM, error) {
	configure()
	if h.Now == nil {
		h.Now = time.Now
	}
	vm := &VM{program: p, host: h, loading: true}
	vm.meter.vm, vm.meter.now = vm, h.Now
	vm.args.vm = vm
	vm.largest, vm.interval = 1<<12, longest
	vm.born = h.Now()
	vm.fixed = make(map[string]bool)
	vm.modules = make(map[string]lua.LValue)
	vm.patterns = make(map[string]*pattern)
	vm.l = lua.NewState(lua.Options{
		CallStackSize: callDepth, RegistrySize: 256, RegistryMaxSize: registers, RegistryGrowStep: 512, SkipOpenLibs: true,
	})
	vm.l.SetContext(&vm.meter)
	vm.l.SetMetatable(lua.LString(""), stringMeta())
	vm.environment()
	if h.Setup != nil {
		if err := h.Setup(vm); err != nil {
			return nil, fmt.Errorf("preparing a virtual machine for %s: %w", p.name, err)
		}
	}
	_, err := vm.call(vm.l.NewFunctionFromProto(p.main), h.Load.or(defaultLoad), nil)
	if err != nil {
		return nil, err
	}
	vm.loading = false
	vm.calls = 0
	return vm, nil
}

// environment makes the table of globals. What scripts see is an empty table in
// front of it, so that each write passes through a function.
func (vm *VM) environment() {
	vm.globals = vm.l.G.Global
	for name, v := range builtins() {
		vm.globals.RawSetString(name, v)
	}
	for name, f := range vm.program.shared {
		vm.globals.RawSetString(name, f)
		vm.fixed[name] = true
	}
	env, meta := &lua.LTable{Metatable: lua.LNil}, small(4)
	meta.RawSetString("__index", vm.globals)
	meta.RawSetString("__newindex", setGlobalFunction)
	meta.RawSetString("__metatable", lua.LFalse)
	meta.RawSetString(markLocked, lua.LTrue)
	env.Metatable = meta
	vm.globals.RawSetString("_G", env)
	vm.fixed["_G"] = true
	vm.l.Env = env
}

// SetGlobal sets a global that the script can read and not set. Only during
// Setup.
func (vm *VM) SetGlobal(name string, v Value) {
	if !vm.loading {
		panic("sandbox: SetGlobal after load")
	}
	vm.globals.RawSetString(name, v.raw())
	vm.fixed[name] = true
}

// Global returns a global.
func (vm *VM) Global(name string) Value { return wrap(vm.globals.RawGetString(name)) }

// Func returns f as a value of this VM.
func (vm *VM) Func(f Func) Value { return Value{hosted(f)} }

// NewTable returns a table with room for some elements and keys. During a call
// it is charged to the script.
func (vm *VM) NewTable(elements, keys int) Table {
	if vm.running {
		vm.charge(vm.l, 112+16*elements+160*keys)
	}
	return Table{vm.l.CreateTable(elements, keys)}
}

// Charge is [Args.Charge], for the fields of objects.
func (vm *VM) Charge(bytes int) { vm.text(vm.l, bytes) }

// Step is [Args.Step], for the fields of objects.
func (vm *VM) Step(n int) { vm.step(vm.l, n) }

// Loading reports whether the top level of the script is still running.
func (vm *VM) Loading() bool { return vm.loading }

// Broken reports whether the VM must be thrown away: a budget ran out or the
// interpreter failed. All later calls return ErrBroken.
func (vm *VM) Broken() bool { return vm.broken }

// Chance reports whether the last call took a random number, or the text of a
// table or function, which differs from run to run: its result may depend on
// more than its arguments.
func (vm *VM) Chance() bool { return vm.chance }

// Used returns the instructions and bytes that the last call was charged.
func (vm *VM) Used() Budget {
	return Budget{Instructions: vm.used(), Memory: vm.budget.Memory - max(vm.mem, 0)}
}

// Call calls a function of the script and returns its first result. The error
// is an [*Error] but for ErrBroken. After an error whose cause is a budget or
// ErrPanic the VM is broken; after any other it can go on.
func (vm *VM) Call(f Value, b Budget, args ...Value) (Value, error) {
	if vm.broken || vm.running {
		return Value{}, ErrBroken
	}
	vm.calls++
	return vm.call(f.raw(), b.or(defaultBudget), args)
}

func (vm *VM) call(f lua.LValue, b Budget, args []Value) (v Value, err error) {
	vm.arm(b)
	vm.running, vm.chance = true, false
	defer vm.end(&v, &err)
	L := vm.l
	L.Push(f)
	for _, a := range args {
		v := a.raw()
		if s, ok := v.(lua.LString); ok {
			vm.saw(len(s))
		}
		L.Push(v)
	}
	if err = L.PCall(len(args), 1, nil); err == nil {
		v = wrap(L.Get(-1))
		L.Pop(1)
	}
	return v, err
}

// end ends a call. The interpreter can panic while it handles an error: when it
// looks for the line of a function that has not begun.
func (vm *VM) end(v *Value, err *error) {
	if r := recover(); r != nil {
		vm.fail(ErrPanic)
		*err = fmt.Errorf("%v", r)
	}
	vm.running = false
	vm.disarm()
	if *err != nil || vm.err != nil {
		*v, *err = Value{}, vm.failed(*err)
	}
}

// failed says what went wrong in a call.
func (vm *VM) failed(err error) error {
	out := &Error{}
	var ae *lua.ApiError
	if errors.As(err, &ae) {
		out.File, out.Line, out.Message = split(message(ae.Object))
		out.Traceback = trim(ae.StackTrace)
		if ae.Type == lua.ApiErrorPanic && vm.err == nil {
			vm.fail(ErrPanic)
		}
	} else if err != nil {
		out.Message = err.Error()
	}
	if vm.err != nil {
		vm.broken = true
		out.Cause = vm.err
		if text := vm.err.Error(); !strings.HasPrefix(out.Message, text) {
			out.Message = strings.TrimSuffix(text+": "+out.Message, ": ")
		}
	} else if vm.cause.err != nil && vm.cause.text == out.Message {
		out.Cause = vm.cause.err
	}
	vm.cause = hostError{}
	out.Message = brief(out.Message, maxMessage)
	return out
}

// message is the text of an error object. No metamethod is asked: it could loop.
func message(v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v[:min(len(v), 2*maxMessage)])
	case lua.LNumber:
		return v.String()
	}
	return "the error is a " + v.Type().String()
}

func trim(trace string) string {
	_, trace, _ = strings.Cut(trace, "\n")
	if len(trace) > maxTrace {
		trace = trace[:maxTrace]
	}
	return strings.ToValidUTF8(trace, "?")
}

// setGlobal is what happens at each write to a global.
func setGlobal(L *lua.LState) int {
	vm := meterOf(L).vm
	name, ok := L.Get(2).(lua.LString)
	if !ok {
		L.RaiseError("a global has a string for its name, not a %s", L.Get(2).Type())
	}
	short := brief(string(name), 40)
	_, standard := builtins()[string(name)]
	switch {
	case !vm.loading:
		L.RaiseError("cannot set global %s: globals are read-only once the script is loaded; use a local, or kv for what is to last", short)
	case standard || vm.fixed[string(name)]:
		L.RaiseError("cannot set global %s: it is read-only; choose another name", short)
	}
	vm.charge(L, 256+len(name))
	vm.globals.RawSetString(string(name), L.Get(3))
	return 0
}

var setGlobalFunction = function(setGlobal)

// require loads a module, once for each VM. It works at load only: later it
// only returns what is there.
func require(L *lua.LState) int {
	vm := meterOf(L).vm
	name := L.CheckString(1)
	v, ok := vm.modules[name]
	switch {
	case ok && v == nil:
		L.RaiseError("module %s requires itself", brief(name, 80))
	case ok:
	case !vm.loading:
		L.RaiseError("require %q: modules are loaded at the top level of a script, not in a call", brief(name, 80))
	case len(name) > 128:
		L.RaiseError("the name of a module is at most 128 bytes long")
	default:
		v = vm.load(L, name)
	}
	L.Push(v)
	return 1
}

func (vm *VM) load(L *lua.LState, name string) lua.LValue {
	vm.modules[name] = nil
	if native, ok := vm.host.Modules[name]; ok {
		v, err := native(vm)
		if err != nil {
			vm.unload(L, name, err)
		}
		vm.modules[name] = v.raw()
		return v.raw()
	}
	proto, err := vm.program.module(name)
	if err != nil {
		vm.unload(L, name, err)
	}
	L.Push(L.NewFunctionFromProto(proto))
	L.Push(lua.LString(name))
	L.Call(1, 1)
	v := L.Get(-1)
	L.Pop(1)
	if v == lua.LNil {
		v = lua.LTrue
	}
	vm.modules[name] = v
	return v
}

func (vm *VM) unload(L *lua.LState, name string, err error) {
	delete(vm.modules, name)
	L.RaiseError("require %q: %s", name, brief(err.Error(), maxMessage))
}
