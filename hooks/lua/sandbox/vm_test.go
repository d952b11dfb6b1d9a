package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// TestCompileErrors: file, line and what.
func TestCompileErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ source, want string }{
		{"x = = 1", `a.lua:1: syntax error near "="`},
		{"\n\nlocal function f(", "a.lua:3: syntax error near \"(\": the file ends too early"},
		{"x = 'abc", `a.lua:1: unterminated string near "abc": the file ends too early`},
		{"\ngoto nowhere", "a.lua:3: no visible label 'nowhere' for <goto> at line 2"},
		{"\nbreak", "a.lua:2: no loop to break"},
		{"x = @", `a.lua:1: Invalid token near "@"`},
		{"local function f() return ... end", "a.lua:1: cannot use '...' outside a vararg function"},
	} {
		_, err := Compile("a.lua", []byte(tt.source), Options{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%q: got %v, want %s", tt.source, err, tt.want)
		}
	}
}

func TestRuntimeError(t *testing.T) {
	t.Parallel()
	vm, f := load(t, "hook(function(x)\n  local function inner()\n    return x.y.z\n  end\n  return (inner())\nend)")
	for range 3 {
		_, err := vm.Call(f, patient, vm.NewTable(0, 0).Value())
		var e *Error
		if !errors.As(err, &e) || e.File != "test.lua" || e.Line != 3 || e.Cause != nil ||
			e.Message != "attempt to index a non-table object(nil) with key 'z'" {
			t.Fatalf("got %#v", err)
		}
		if !strings.Contains(e.Traceback, "test.lua:3:") || !strings.Contains(e.Traceback, "test.lua:5:") {
			t.Errorf("traceback:\n%s", e.Traceback)
		}
	}
	if vm.Broken() {
		t.Error("a runtime error broke the VM")
	}
}

// errHost is an error of a function of the host.
var errHost = errors.New("the host's reason\nand more of it")

func TestHostFunction(t *testing.T) {
	t.Parallel()
	p := compile(t, `
		hook(function(x)
			if x == "fail" then fail() end
			if x == "caught" then return tostring(select(2, pcall(fail))) end
			return each(function(n) return n * 2 end, 1, 2, 3)
		end)`)
	vm, err := NewVM(p, Host{Setup: func(vm *VM) error {
		vm.SetGlobal("fail", vm.Func(func(*Args) error { return errHost }))
		vm.SetGlobal("each", vm.Func(func(a *Args) error {
			total := 0.0
			for i := 2; i <= a.Len(); i++ {
				n, _ := a.Call(a.At(1), a.At(i)).Number()
				total += n
			}
			a.Return(Number(total), String("dropped"))
			return nil
		}))
		return hooked(vm)
	}})
	if err != nil {
		t.Fatal(err)
	}
	f := vm.Ext.(Value)
	if v, err := vm.Call(f, patient); err != nil || v != Number(12) {
		t.Errorf("got %v, %v", v, err)
	}
	if _, err := vm.Call(f, patient, String("fail")); !errors.Is(err, errHost) || err.Error() != "test.lua:3: the host's reason" {
		t.Errorf("got %v", err)
	}
	if v, err := vm.Call(f, patient, String("caught")); err != nil || v != String("test.lua:4: the host's reason") {
		t.Errorf("got %v, %v", v, err)
	}
}

// TestHostCharges: what the host charges counts.
func TestHostCharges(t *testing.T) {
	t.Parallel()
	for want, charge := range map[error]func(*Args){
		ErrMemory:       func(a *Args) { a.Charge(9 << 20) },
		ErrInstructions: func(a *Args) { a.Step(2_000_000) },
		ErrPanic:        func(*Args) { panic("boom") },
	} {
		p := compile(t, "hook(function() while true do pcall(charge) end end)")
		vm, err := NewVM(p, Host{Setup: func(vm *VM) error {
			vm.SetGlobal("charge", vm.Func(func(a *Args) error { charge(a); return nil }))
			return hooked(vm)
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := vm.Call(vm.Ext.(Value), patient); !errors.Is(err, want) || !vm.Broken() {
			t.Errorf("got %v, want %v", err, want)
		}
		if _, err := vm.Call(vm.Ext.(Value), patient); !errors.Is(err, ErrBroken) {
			t.Errorf("a broken VM: got %v", err)
		}
	}
}

// TestDeadline drives the clock: it is read at the first look and then again
// and again, and the call ends once it is past.
func TestDeadline(t *testing.T) {
	t.Parallel()
	now, reads := time.Unix(0, 0), 0
	p := compile(t, "hook(function(n) for i = 1, n do end end)")
	vm, err := NewVM(p, Host{Setup: hooked, Now: func() time.Time {
		reads++
		now = now.Add(time.Millisecond)
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	f := vm.Ext.(Value)
	if _, err := vm.Call(f, Budget{Wall: 20 * time.Millisecond}, Number(5000)); err != nil {
		t.Errorf("within the limit: %v", err)
	}
	reads = 0
	_, err = vm.Call(f, Budget{Wall: 20 * time.Millisecond}, Number(500_000))
	if !errors.Is(err, ErrDeadline) || reads < 20 || reads > 23 {
		t.Errorf("got %v after %d looks", err, reads)
	}
}

// TestUsed: instructions are counted exactly, whatever the intervals.
func TestUsed(t *testing.T) {
	t.Parallel()
	vm, f := load(t, "hook(function(n) for i = 1, n do end end)")
	spent := func(n float64) int64 {
		t.Helper()
		if _, err := vm.Call(f, patient, Number(n)); err != nil {
			t.Fatal(err)
		}
		return vm.Used().Instructions
	}
	none := spent(0)
	for _, n := range []float64{1, 10, 511, 512, 513, 100_000} {
		if got := spent(n) - none; got != int64(n) {
			t.Errorf("a loop of %v: %d instructions", n, got)
		}
	}
	// The budget is exact to the instruction.
	need := spent(1000)
	if _, err := vm.Call(f, Budget{Instructions: need, Wall: time.Hour}, Number(1000)); err != nil {
		t.Errorf("with %d instructions: %v", need, err)
	}
	if _, err := vm.Call(f, Budget{Instructions: need - 1, Wall: time.Hour}, Number(1000)); !errors.Is(err, ErrInstructions) {
		t.Errorf("with one less: %v", err)
	}
}

// counting is a context that counts how often it is asked for Done, and says
// that it is over from some time on.
type counting struct {
	context.Context
	asked, most int
}

func (c *counting) Done() <-chan struct{} {
	if c.asked++; c.asked > c.most {
		return over
	}
	return nil
}

func (c *counting) Err() error { return errors.New("over") }

// TestInterpreter guards what the meter relies on in the interpreter's main
// loop. If it fails after an update of the interpreter, the sandbox is open.
func TestInterpreter(t *testing.T) {
	t.Parallel()
	L := lua.NewState()
	defer L.Close()
	run := func(code string, most int) (*counting, error) {
		c := &counting{Context: t.Context(), most: most}
		f, err := L.LoadString(code)
		if err != nil {
			t.Fatal(err)
		}
		L.SetContext(c)
		L.Push(f)
		return c, L.PCall(0, 0, nil)
	}
	// Done is asked for before each instruction: LOADK, 3 × LOADK, FORPREP,
	// 1000 × (ADD, FORLOOP), FORLOOP, RETURN.
	c, err := run("local x = 0 for i = 1, 1000 do x = x + i end", 1<<30)
	if err != nil || c.asked != 2007 {
		t.Errorf("asked %d times, %v", c.asked, err)
	}
	// What it says stays said, and the message is that of Err.
	c, err = run("while true do pcall(function() while true do end end) end", 100)
	if err == nil || !strings.HasPrefix(err.Error(), "<string>:1: over") || c.asked > 110 {
		t.Errorf("asked %d times, %v", c.asked, err)
	}
	// Calls from Go are counted, too.
	c, err = run("string.gsub('xxxx', 'x', function() end)", 1<<30)
	if err != nil || c.asked < 8 {
		t.Errorf("asked %d times, %v", c.asked, err)
	}
	// An ApiError with a trace of its own costs no traceback: see quick.
	L.Push(L.NewFunction(func(L *lua.LState) int { L.Panic = quick; L.RaiseError("x"); return 0 }))
	var ae *lua.ApiError
	if err := L.PCall(0, 0, nil); !errors.As(err, &ae) || ae.StackTrace != "-" {
		t.Errorf("got %#v", err)
	}
}

// TestNoBareWrites: no compiled program has an instruction that allocates or
// writes to a table without a charge.
func TestNoBareWrites(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/hostile/*.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "testdata/benign.lua") {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range strings.Split(string(source), "\n\n") {
			p, err := Compile(file, []byte(code), Options{})
			if err != nil {
				t.Fatal(err)
			}
			bare(t, p.main)
		}
	}
}

func bare(t *testing.T, proto *lua.FunctionProto) {
	t.Helper()
	fresh := make(map[uint32]bool) // registers that a constructor fills
	for pc, inst := range proto.Code {
		register := inst & argA
		switch op(inst) {
		case lua.OP_CONCAT:
			t.Errorf("%s: a concatenation at %d", proto.SourceName, proto.DbgSourcePositions[pc])
		case lua.OP_NEWTABLE:
			fresh[register] = true
		case lua.OP_SETTABLE, lua.OP_SETTABLEKS:
			if !fresh[register] {
				t.Errorf("%s: a write at %d", proto.SourceName, proto.DbgSourcePositions[pc])
			}
		case lua.OP_LOADK, lua.OP_CALL:
			delete(fresh, register)
		}
	}
	for _, inner := range proto.FunctionPrototypes {
		bare(t, inner)
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	asked := make(map[string]int)
	modules := map[string]string{
		"util":  "loads = (loads or 0) + 1 local M = {} function M.twice(s) return s .. s end return M",
		"quiet": "",
		"loop":  "require 'loop2'",
		"loop2": "require 'loop'",
		"wrong": "x = = 1",
	}
	o := Options{Resolve: func(name string) (string, []byte, error) {
		asked[name]++
		source, ok := modules[name]
		if !ok {
			return "", nil, fmt.Errorf("no module %s", name)
		}
		return name + ".lua", []byte(source), nil
	}}
	run := func(p *Program) (*VM, error) {
		return NewVM(p, Host{Setup: hooked, Modules: map[string]func(*VM) (Value, error){
			"native": func(vm *VM) (Value, error) {
				m := vm.NewTable(0, 1)
				m.Set("answer", Number(42))
				m.Lock()
				return m.Value(), nil
			},
		}})
	}
	p, err := Compile("main.lua", []byte(`
		local util, native = require "util", require "native"
		assert(require "util" == util and require "quiet" == true and loads == 1)
		assert(not pcall(function() native.answer = 1 end))
		hook(function(name) return util.twice(name) .. native.answer .. tostring(pcall(require, "other")) .. tostring(require "util" == util) end)`), o)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		vm, err := run(p)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := vm.Call(vm.Ext.(Value), patient, String("a")); err != nil || v != String("aa42falsetrue") {
			t.Errorf("got %v, %v", v, err)
		}
	}
	if asked["util"] != 1 || asked["quiet"] != 1 || asked["native"] != 0 || asked["other"] != 0 {
		t.Errorf("asked: %v", asked)
	}
	for source, want := range map[string]string{
		`require "loop"`:  `main.lua:1: module loop requires itself`,
		`require "none"`:  `main.lua:1: require "none": no module none`,
		`require "wrong"`: `main.lua:1: require "wrong": wrong.lua:1: syntax error near "="`,
	} {
		p, err := Compile("main.lua", []byte(source), o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = run(p)
		if err == nil || !strings.Contains(err.Error(), want[strings.Index(want, ": ")+2:]) {
			t.Errorf("%s: got %v, want %s", source, err, want)
		}
	}
}

// TestIsolation: what a script sees and changes is its own.
func TestIsolation(t *testing.T) {
	t.Parallel()
	p := compile(t, `
		mine = 0
		local count = 0
		hook(function(what)
			if what == "count" then count = count + 1 return count end
			if what == "seed" then math.randomseed(1) return math.random(1e9) end
			if what == "random" then return math.random(1e9) end
			if what == "names" then
				local names = {}
				for k in pairs(_G) do names[#names + 1] = k end
				table.sort(names)
				return table.concat(names, " ")
			end
			local ok, err = pcall(function() mine = 1 end)
			return tostring(mine) .. err
		end)`)
	var vms [2]*VM
	for i := range vms {
		vm, err := NewVM(p, Host{Setup: hooked})
		if err != nil {
			t.Fatal(err)
		}
		vms[i] = vm
	}
	ask := func(i int, what string) Value {
		t.Helper()
		v, err := vms[i].Call(vms[i].Ext.(Value), patient, String(what))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ask(0, "count")
	if a, b := ask(0, "count"), ask(1, "count"); a != Number(2) || b != Number(1) {
		t.Errorf("a local of one VM is seen in another: %v, %v", a, b)
	}
	if a, b := ask(0, "seed"), ask(1, "seed"); a != b {
		t.Errorf("the same seed: %v and %v", a, b)
	}
	if a, b := ask(0, "random"), ask(0, "seed"); a == b {
		t.Errorf("random does not move: %v", a)
	}
	const names = "_G _VERSION assert error getmetatable hook ipairs math mine next pairs pcall rawequal rawget rawset " +
		"require select setmetatable string table tonumber tostring type unpack xpcall"
	if got := ask(0, "names"); got != String(names) {
		t.Errorf("globals: %v", got)
	}
	const want = "0test.lua:14: cannot set global mine: globals are read-only once the script is loaded; use a local, or kv for what is to last"
	if got := ask(0, ""); got != String(want) {
		t.Errorf("got %v", got)
	}
}

// TestReadOnly tries all ways to write to what is read-only.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	vm, f := load(t, `
		local strings = getmetatable("")
		hook(function(client)
			local ways = {
				function(t) t.x = 1 end,
				function(t) t.name = nil end,
				function(t) t[1] = 1 end,
				function(t) rawset(t, "x", 1) end,
				function(t) table.insert(t, 1) end,
				function(t) table.insert(t, 1, 1) end,
				function(t) table.remove(t) end,
				function(t) table.sort(t) end,
				function(t) setmetatable(t, {}) end,
				function(t) setmetatable({}, { __newindex = t }).x = 1 end,
				function(t) setmetatable({}, { __newindex = t }).name = 1 end,
				function(t) local a a, t.x = 1, 2 end,
				function(t) function t.x() end end,
				function(t) function t:x() end end,
				function(t) for _ = 1, 1 do t.x, t.y = 1 end end,
			}
			local left = {}
			for i, way in ipairs(ways) do
				for name, t in pairs({ client = client, string = string, math = math, table = table, globals = _G }) do
					if pcall(way, t) then left[#left + 1] = name .. i end
				end
			end
			assert(strings == false and rawget(client, "x") == nil and string.x == nil and _G.x == nil)
			return table.concat(left, " ")
		end)`)
	client := vm.Client(1, nil, func(t Table) { t.Set("name", String("me")) })
	got, err := vm.Call(f, patient, client)
	if err != nil || got != String("") {
		t.Errorf("writable: %v, %v", got, err)
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	vm, f := load(t, "hook(function(c) return c.name end)")
	built := 0
	form := "a"
	ask := func(id uint64) {
		t.Helper()
		c := vm.Client(id, form, func(t Table) { built++; t.Set("name", String(fmt.Sprint("c", id))) })
		if v, err := vm.Call(f, patient, c); err != nil || v != String(fmt.Sprint("c", id)) {
			t.Errorf("client %d: got %v, %v", id, v, err)
		}
	}
	ask(0)
	ask(7)
	ask(7)
	ask(7 + clientSlots)
	ask(7)
	form = "b"
	ask(7)
	ask(7)
	if built != 5 {
		t.Errorf("built %d times, want 5", built)
	}
	for id := range uint64(100_000) {
		vm.Client(id, form, func(Table) {})
	}
	if len(vm.clients) != clientSlots {
		t.Errorf("%d tables are kept", len(vm.clients))
	}
}

// TestClientUnknown: a misspelt field of a client is an error, not nil.
func TestClientUnknown(t *testing.T) {
	t.Parallel()
	vm, f := load(t, "hook(function(c) return c.acount end)")
	c := vm.Client(1, nil, func(t Table) { t.Set("account", String("A")) })
	if v, err := vm.Call(f, patient, c); err == nil || !strings.Contains(err.Error(), "client has no field acount") {
		t.Errorf("got %v, %v", v, err)
	}
}

// TestSharedGlobals: functions of the host that belong to a program work in all
// its machines, and cannot be replaced.
func TestSharedGlobals(t *testing.T) {
	t.Parallel()
	o := Options{Globals: map[string]Func{"twice": func(a *Args) error {
		n, _ := a.At(1).Number()
		a.VM().Step(10)
		a.VM().Charge(100)
		a.Return(Number(2*n + float64(a.VM().Ext.(int))))
		return nil
	}}}
	p, err := Compile("test.lua", []byte(`function f(n) return twice(n) + _G.twice(n) + (function(twice) return twice end)(n) end`), o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		vm, err := NewVM(p, Host{})
		if err != nil {
			t.Fatal(err)
		}
		vm.Ext = i
		v, err := vm.Call(vm.Global("f"), patient, Number(3))
		if n, _ := v.Number(); err != nil || n != float64(15+2*i) {
			t.Errorf("machine %d: got %v, %v", i, n, err)
		}
		if u := vm.Used(); u.Instructions < 20 || u.Memory < 200 {
			t.Errorf("machine %d was charged %+v", i, u)
		}
	}
	p, err = Compile("test.lua", []byte("twice = 1"), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewVM(p, Host{}); err == nil || !strings.Contains(err.Error(), "cannot set global twice: it is read-only") {
		t.Errorf("got %v", err)
	}
}

// TestOpaque: an opaque value is what the host made, and nothing a script can
// look into or make.
func TestOpaque(t *testing.T) {
	t.Parallel()
	vm, f := load(t, `hook(function(o, way)
		if way == "read" then return o.v end
		if way == "write" then o.v = 1 end
		if way == "meta" then return getmetatable(o) == false end
		return o
	end)`)
	secret := new(int)
	v, err := vm.Call(f, patient, Opaque(secret))
	if err != nil || v.Opaque() != any(secret) {
		t.Errorf("passed on: got %v, %v", v.Opaque(), err)
	}
	for _, way := range []string{"read", "write"} {
		if v, err := vm.Call(f, patient, Opaque(secret), String(way)); err == nil {
			t.Errorf("%s: got %v", way, v)
		}
	}
	if v, err := vm.Call(f, patient, Opaque(secret), String("meta")); err != nil || !v.True() {
		t.Errorf("metatable: got %v, %v", v, err)
	}
	for _, v := range []Value{{}, String("x"), vm.NewTable(0, 0).Value(), vm.NewObject(NewClass("c")).Value()} {
		if v.Opaque() != nil {
			t.Errorf("a %v is opaque", v.Kind())
		}
	}
}

// TestWhere: a function of the host knows who calls it, and where a function of
// the script begins.
func TestWhere(t *testing.T) {
	t.Parallel()
	var got []string
	p := compile(t, "local f = function() end\n\nat(f)\nat(at)\nat(1)\nlocal function deep() at(f) end deep()")
	_, err := NewVM(p, Host{Setup: func(vm *VM) error {
		vm.SetGlobal("at", vm.Func(func(a *Args) error {
			file, line := a.Where()
			from, at, ok := a.At(1).Defined()
			got = append(got, fmt.Sprint(file, ":", line, " ", from, ":", at, " ", ok))
			return nil
		}))
		return nil
	}})
	want := []string{"test.lua:3 test.lua:1 true", "test.lua:4 :0 false", "test.lua:5 :0 false", "test.lua:6 test.lua:1 true"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

// TestChance: what differs from run to run is seen.
func TestChance(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		"return 1":                                       false,
		"return tostring(1) .. tostring('x')":            false,
		"return math.random(1, 6)":                       true,
		"return pcall(function() math.random(2, 1) end)": true,
		"return tostring({})":                            true,
		"return ('%s'):format(print or string.format)":   true,
	} {
		vm, f := load(t, "hook(function() "+source+" end)")
		if _, err := vm.Call(f, patient); err != nil || vm.Chance() != want {
			t.Errorf("%s: got %v, %v; want %v", source, vm.Chance(), err, want)
		}
	}
	vm, f := load(t, "hook(function(x) return x and math.random() end)")
	for i, x := range []bool{true, false, true} {
		if _, err := vm.Call(f, patient, Bool(x)); err != nil || vm.Chance() != x {
			t.Errorf("call %d: got %v, %v", i, vm.Chance(), err)
		}
	}
}

type request struct {
	subject, payload string
	made             int
	headers          map[string]string
}

func requestClass() *Class {
	headers := NewClass("headers")
	headers.Index = func(_ *VM, data any, key string) (Value, error) {
		v, ok := data.(*request).headers[key]
		if !ok {
			return Value{}, nil
		}
		return String(v), nil
	}
	headers.NewIndex = func(_ *VM, data any, key string, v Value) error {
		s, ok := v.Text()
		if !ok {
			return fmt.Errorf("want a string, not a %s", v.Kind())
		}
		data.(*request).headers[key] = s
		return nil
	}
	return NewClass("msg",
		Field{Name: "subject", Get: func(_ *VM, data any) (Value, error) { return String(data.(*request).subject), nil }},
		Field{
			Name: "payload",
			Get: func(_ *VM, data any) (Value, error) {
				data.(*request).made++
				return Bytes([]byte(data.(*request).payload)), nil
			},
			Set: func(_ *VM, data any, v Value) error {
				s, ok := v.Text()
				if !ok {
					return fmt.Errorf("want a string, not a %s", v.Kind())
				}
				data.(*request).payload = s
				return nil
			},
		},
		Field{Name: "headers", Get: func(vm *VM, data any) (Value, error) {
			o := vm.NewObject(headers)
			o.Bind(data)
			return o.Value(), nil
		}},
		Field{Name: "broken", Get: func(*VM, any) (Value, error) { return Value{}, errHost }},
	)
}

func TestObject(t *testing.T) {
	t.Parallel()
	vm, f := load(t, `
		local kept
		hook(function(msg, what)
			if what == "kept" then return kept.subject end
			if what == "payload" then msg.payload = msg.payload .. msg.payload return msg.payload end
			if what == "headers" then msg.headers["A"] = "a" .. msg.headers.B return tostring(msg.headers["none"]) end
			if what == "all" then kept = msg return msg.subject .. msg.payload end
			if what == "type" then return type(msg) .. tostring(getmetatable(msg)) .. tostring(msg == msg) end
			if what == "wrong" then msg.payload = {} end
			if what == "read-only" then msg.subject = "x" end
			if what == "write" then msg.other = "x" end
			if what == "number" then return msg[1] end
			return msg[what]
		end)`)
	o := vm.NewObject(requestClass())
	r := &request{subject: "s", payload: "p", headers: map[string]string{"B": "b"}}
	call := func(what string) (Value, error) {
		o.Bind(r)
		return vm.Call(f, patient, o.Value(), String(what))
	}
	for _, tt := range []struct {
		what, want string
		made       []bool // by field
	}{
		{"subject", "s", []bool{true, false, false, false}},
		{"all", "sp", []bool{true, true, false, false}},
		{"payload", "pp", []bool{false, true, false, false}},
		{"headers", "nil", []bool{false, false, true, false}},
		{"type", "userdatafalsetrue", []bool{false, false, false, false}},
	} {
		got, err := call(tt.what)
		var made []bool
		for _, v := range o.values {
			made = append(made, v != nil)
		}
		if err != nil || got != String(tt.want) || !slices.Equal(made, tt.made) {
			t.Errorf("%s: got %v, %v, made %v", tt.what, got, err, made)
		}
	}
	if r.payload != "pp" || r.headers["A"] != "ab" || r.made != 2 {
		t.Errorf("got %+v", r)
	}
	for what, want := range map[string]string{
		"other":     "msg has no field other",
		"broken":    "reading msg.broken: the host's reason",
		"wrong":     "setting msg.payload: want a string, not a table",
		"read-only": "msg.subject is read-only",
		"write":     "msg has no field other",
		"number":    "the name of a field is a string, not a number",
	} {
		var e *Error
		if _, err := call(what); !errors.As(err, &e) || e.Message != want || e.Line == 0 {
			t.Errorf("%s: got %v", what, err)
		}
	}
	o.Release()
	if _, err := vm.Call(f, patient, o.Value(), String("kept")); err == nil || !strings.Contains(err.Error(), "only valid during the call") {
		t.Errorf("after Release: %v", err)
	}
}

// TestLargePayload: a payload is charged when it is read, not before.
func TestLargePayload(t *testing.T) {
	t.Parallel()
	vm, f := load(t, "hook(function(msg, read) if read then return #msg.payload end end)")
	o := vm.NewObject(requestClass())
	o.Bind(&request{payload: strings.Repeat("x", 1<<20)})
	if _, err := vm.Call(f, patient, o.Value(), Bool(false)); err != nil || vm.Used().Memory > 1000 {
		t.Errorf("unread: %v, %d bytes", err, vm.Used().Memory)
	}
	if v, err := vm.Call(f, patient, o.Value(), Bool(true)); err != nil || v != Number(1<<20) || vm.Used().Memory < 1<<20 {
		t.Errorf("read: %v, %v, %d bytes", v, err, vm.Used().Memory)
	}
}

// TestValues goes through the kinds of values and tables.
func TestValues(t *testing.T) {
	t.Parallel()
	vm, f := load(t, `hook(function(v) return type(v) end)`)
	table := vm.NewTable(2, 2)
	for _, v := range []Value{{}, Bool(true), Number(1.5), String("x"), Bytes([]byte("x")), table.Value(), f, vm.NewObject(NewClass("c")).Value()} {
		got, err := vm.Call(f, patient, v)
		if err != nil || got != String(v.Kind().String()) {
			t.Errorf("%v: got %v, %v", v.Kind(), got, err)
		}
		if v.True() == v.IsNil() {
			t.Errorf("%v: counts as true: %v", v.Kind(), v.True())
		}
	}
	table.Set("a", Number(1))
	for range maxElements {
		if !table.Append(Bool(true)) {
			t.Fatal("no room")
		}
	}
	if table.Append(Bool(true)) || table.Len() != maxElements || table.At(1) != Bool(true) || table.Get("a") != Number(1) || !table.Get("b").IsNil() {
		t.Error("a full table")
	}
	n := 0
	table.Each(func(Value, Value) bool { n++; return n < 10 })
	if n != 10 {
		t.Errorf("walked %d entries", n)
	}
	for _, number := range []float64{0, 1, 255, 256, -1, 0.5} {
		if got, ok := Number(number).Number(); !ok || got != number {
			t.Errorf("%v became %v", number, got)
		}
	}
}
