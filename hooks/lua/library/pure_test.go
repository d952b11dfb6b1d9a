package library

import (
	"context"
	"errors"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"moonwire/hooks/lua/sandbox"
)

// pureNoon is the time in tests of the libraries that compute.
var pureNoon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// pureCall is a call at a point where a hook may wait, or may not.
type pureCall struct {
	vm      *sandbox.VM
	ctx     context.Context
	hurried bool // it may not wait
	outside bool // Outside was called
}

func (c *pureCall) Context() context.Context { return c.ctx }
func (c *pureCall) Loading() bool            { return c.vm.Loading() }
func (c *pureCall) MayWait() bool            { return !c.hurried }
func (c *pureCall) Outside()                 { c.outside = true }
func (c *pureCall) Hook() string             { return "test" }
func (c *pureCall) Log(Level, string, []any) {}

// pureScript is a script with the libraries that compute as globals, whose
// function hook was called with a function.
type pureScript struct {
	pureCall
	f sandbox.Value
}

// newPure loads a script. What it gives to hook is its function.
func newPure(t testing.TB, source string) *pureScript {
	t.Helper()
	return newPureAt(t, pureNoon, source)
}

// newPureAt is newPure at another time.
func newPureAt(t testing.TB, now time.Time, source string) *pureScript {
	t.Helper()
	var head strings.Builder
	modules := make(map[string]func(*sandbox.VM) (sandbox.Value, error))
	for _, m := range pureModules(func() time.Time { return now }) {
		modules[m.Name] = func(vm *sandbox.VM) (sandbox.Value, error) { return m.Build(vm), nil }
		head.WriteString("local " + m.Name + " = require '" + m.Name + "' ")
	}
	p, err := sandbox.Compile("test.lua", []byte(head.String()+source), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &pureScript{pureCall: pureCall{ctx: t.Context()}}
	_, err = sandbox.NewVM(p, sandbox.Host{Modules: modules, Setup: func(vm *sandbox.VM) error {
		s.vm, vm.Ext = vm, &s.pureCall
		vm.SetGlobal("hook", vm.Func(func(a *sandbox.Args) error {
			s.f = a.At(1)
			return nil
		}))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pureBudget is a budget that no clock ends.
var pureBudget = sandbox.Budget{Wall: time.Hour}

// call calls the function of the script.
func (s *pureScript) call(t testing.TB, args ...sandbox.Value) sandbox.Value {
	t.Helper()
	v, err := s.vm.Call(s.f, pureBudget, args...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// pureShow is a function for scripts that writes what a function returned: texts
// in quotes, several results with a blank between them.
const pureShow = `local function show(...)
	local out = {}
	for i = 1, select("#", ...) do
		local v = select(i, ...)
		out[i] = type(v) == "string" and v or "<" .. tostring(v) .. ">"
	end
	return table.concat(out, " ")
end `

// pureText evaluates an expression in which s is the text given, and shows what
// it is.
func pureText(t testing.TB, expression, s string) string {
	t.Helper()
	p := newPure(t, pureShow+"hook(function(s) return show("+expression+") end)")
	got, _ := p.call(t, sandbox.String(s)).Text()
	return got
}

// pureError evaluates an expression that raises an error, and returns it
// without its place.
func pureError(t testing.TB, expression string) string {
	t.Helper()
	s := newPure(t, "hook(function() return "+expression+" end)")
	_, err := s.vm.Call(s.f, pureBudget)
	var e *sandbox.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: got %v, want an error of the script", expression, err)
	}
	return e.Message
}

// TestPureExamples runs the examples of the declarations.
func TestPureExamples(t *testing.T) {
	t.Parallel()
	for _, m := range pureModules(time.Now) {
		for _, f := range m.Functions {
			if f.Example == "" {
				continue
			}
			t.Run(m.Name+"."+f.Name, func(t *testing.T) {
				t.Parallel()
				newPure(t, "hook(function() "+f.Example+"\nend)").call(t)
			})
		}
	}
}

// TestPureDeclarations: everything that a script can call says what it is.
func TestPureDeclarations(t *testing.T) {
	t.Parallel()
	for _, m := range pureModules(time.Now) {
		if m.New != nil {
			m = m.New()
		}
		if m.Doc == "" || len(m.Functions) == 0 {
			t.Errorf("%s says nothing", m.Name)
		}
		for _, f := range m.Functions {
			if !strings.HasSuffix(f.Doc, ".") || f.Do == nil || len(f.Returns) == 0 || f.Example == "" {
				t.Errorf("%s.%s is not declared in full", m.Name, f.Name)
			}
			for _, p := range append(f.Params, f.Returns...) {
				if p.Name == "" || p.Type == "" || !strings.HasSuffix(p.Doc, ".") {
					t.Errorf("%s.%s: a parameter or result is not declared in full: %+v", m.Name, f.Name, p)
				}
			}
		}
	}
}

// pureAllocated is how many bytes the process has allocated in its life.
func pureAllocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// pureHostile calls what abuses the libraries, without a clock and with one. A
// call may last 150 ms (ten times that where machines are busy) and allocate
// 64 MB. Not parallel: it counts what the process allocates.
func pureHostile(t *testing.T, source string, input string) {
	t.Helper()
	for _, b := range []sandbox.Budget{{Wall: time.Minute}, {}} {
		s := newPure(t, "hook(function(s) "+source+" end)")
		payload := sandbox.String(input)
		before, start := pureAllocated(), time.Now()
		_, err := s.vm.Call(s.f, b, payload)
		took, got := time.Since(start), pureAllocated()-before
		t.Logf("%v, %d kB: %v", took, got>>10, err)
		longest, most := 10*150*time.Millisecond, uint64(64<<20)
		if raced {
			longest, most = 10*longest, 4*most
		}
		if took > longest || got > most {
			t.Errorf("took %v and %d MB", took, got>>20)
		}
	}
}
