package library

import (
	"context"
	"io"
	"log"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"

	"moonwire/hooks/lua/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCaller is a call of the hook "test", or of another, that may wait.
type fakeCaller struct {
	ctx     context.Context
	hook    string
	loading bool
	hurry   bool // it may not wait
	outside int  // calls of Outside
	out     []any
	fn      sandbox.Value // what the script gave to hook
	clock   *clock
}

func (c *fakeCaller) Context() context.Context { return c.ctx }
func (c *fakeCaller) Loading() bool            { return c.loading }
func (c *fakeCaller) MayWait() bool            { return !c.hurry }
func (c *fakeCaller) Outside()                 { c.outside++ }
func (c *fakeCaller) Hook() string             { return c.hook }
func (c *fakeCaller) Log(Level, string, []any) {}

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// newShared returns what scripts share, until the end of the test.
func newShared(t testing.TB, o Options) *Shared {
	t.Helper()
	s, err := NewShared(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// host gives scripts the modules, and besides
//
//	hook(f)           the function to call
//	out(...)          results for the test
//	sleep(seconds)    sets the clock forward
//	allow, deny, drop
func (c *fakeCaller) host(s *Shared) sandbox.Host {
	if c.ctx == nil {
		c.ctx = context.Background()
	}
	if c.hook == "" {
		c.hook = "test"
	}
	h := sandbox.Host{Modules: make(map[string]func(*sandbox.VM) (sandbox.Value, error))}
	for _, m := range Modules(s) {
		h.Modules[m.Name] = func(vm *sandbox.VM) (sandbox.Value, error) { return m.Build(vm), nil }
	}
	h.Setup = func(vm *sandbox.VM) error {
		vm.Ext = c
		set := func(name string, f sandbox.Func) { vm.SetGlobal(name, vm.Func(f)) }
		set("hook", func(a *sandbox.Args) error {
			c.fn = a.At(1)
			return nil
		})
		set("out", func(a *sandbox.Args) error {
			for i := range a.Len() {
				v, err := FromLua(a.VM(), a.At(i+1))
				if err != nil {
					return err
				}
				c.out = append(c.out, v)
			}
			return nil
		})
		set("sleep", func(a *sandbox.Args) error {
			f, err := number(a, 1)
			c.clock.advance(time.Duration(f * float64(time.Second)))
			return err
		})
		for _, name := range []string{"allow", "deny", "drop"} {
			set(name, func(*sandbox.Args) error { return nil })
		}
		return nil
	}
	return h
}

// unhurried is a budget that no clock ends.
var unhurried = sandbox.Budget{Wall: time.Hour}

// run runs lines of Lua in the function of a hook. Each module is a local of its
// name.
func (c *fakeCaller) run(t testing.TB, s *Shared, lines string) error {
	t.Helper()
	vm := c.load(t, s, requires(s, "\n")+"hook(function()\n"+lines+"\nend)")
	_, err := vm.Call(c.fn, unhurried)
	return err
}

// requires is Lua that makes each module a local of its name, with something behind
// each.
func requires(s *Shared, behind string) string {
	var b strings.Builder
	for _, m := range Modules(s) {
		b.WriteString("local " + m.Name + ` = require "` + m.Name + `"` + behind)
	}
	return b.String()
}

// load loads a script.
func (c *fakeCaller) load(t testing.TB, s *Shared, source string) *sandbox.VM {
	t.Helper()
	p, err := sandbox.Compile("test.lua", []byte(source), sandbox.Options{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, source)
	}
	vm, err := sandbox.NewVM(p, c.host(s))
	if err != nil {
		t.Fatalf("%v in\n%s", err, source)
	}
	return vm
}

// same reports whether two strings lie at the same place.
func same(a, b string) bool {
	return len(a) > 0 && len(b) > 0 && unsafe.StringData(a) == unsafe.StringData(b)
}

// quiet is a log that nobody reads.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
