package library

import (
	"errors"
	"runtime/metrics"
	"testing"
	"time"

	"moonwire/hooks/lua/sandbox"
)

// pureNoon is the time in tests of the libraries that compute.
var pureNoon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// pureScript is a script with the libraries as locals, whose function hook was
// called with a function.
type pureScript struct {
	fakeCaller
	vm *sandbox.VM
}

// newPure loads a script. What it gives to hook is its function.
func newPure(t testing.TB, source string) *pureScript {
	t.Helper()
	return newPureAt(t, pureNoon, source)
}

// newPureAt is newPure at another time.
func newPureAt(t testing.TB, now time.Time, source string) *pureScript {
	t.Helper()
	shared := newShared(t, Options{Clock: func() time.Time { return now }})
	s := new(pureScript)
	s.vm = s.load(t, shared, requires(shared, " ")+source)
	return s
}

// call calls the function of the script.
func (s *pureScript) call(t testing.TB, args ...sandbox.Value) sandbox.Value {
	t.Helper()
	v, err := s.vm.Call(s.fn, unhurried, args...)
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
	_, err := s.vm.Call(s.fn, unhurried)
	var e *sandbox.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: got %v, want an error of the script", expression, err)
	}
	return e.Message
}

// pureAllocated is how many bytes the process has allocated in its life.
func pureAllocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// pureHostile calls what abuses the libraries, without a clock and with one. A call
// may keep a processor busy for 150 ms, four times that on a slow machine, and
// allocate 64 MB. Not parallel: it counts what the process does.
func pureHostile(t *testing.T, source string, input string) {
	t.Helper()
	for _, b := range []sandbox.Budget{{Wall: time.Hour}, {}} {
		s := newPure(t, "hook(function(s) "+source+" end)")
		payload := sandbox.String(input)
		before, start := pureAllocated(), cpuTime(t)
		_, err := s.vm.Call(s.fn, b, payload)
		took, got := cpuTime(t)-start, pureAllocated()-before
		t.Logf("%v, %d kB: %v", took, got>>10, err)
		longest, most := 4*150*time.Millisecond, uint64(64<<20)
		if raced {
			longest, most = 10*longest, 4*most
		}
		if took > longest || got > most {
			t.Errorf("took %v and %d MB", took, got>>20)
		}
	}
}
