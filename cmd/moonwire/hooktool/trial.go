package hooktool

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"moonwire/hooks/lua"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// What the code of tests may spend: it is the operator's own, but a loop without
// end should say so.
var testBudget = sandbox.Budget{Instructions: 50_000_000, Memory: 256 << 20, Wall: 10 * time.Second}

// trial is a file of tests, loaded in a virtual machine of its own to run one.
type trial struct {
	suite *suite
	ctx   context.Context
	vm    *sandbox.VM
	tests []declared

	stage    *stage         // nil before the test does anything
	settings map[string]any // the script's config
	asserted bool
	failure  *failure // of the first assertion that failed: no pcall hides it

	outcomes map[sandbox.Table]*outcome // by the tables that stand for them
	people   map[sandbox.Table]*actor
}

// declared is a test as the top level of a file declares it.
type declared struct {
	name string
	line int
	fn   sandbox.Value
}

// failure is why a test failed.
type failure struct {
	text    string   // file:line: what is wrong
	callers []string // where that was called, from the inside to the test
}

func failuref(format string, args ...any) *failure {
	return &failure{text: fmt.Sprintf(format, args...)}
}

// newTrial loads a file of tests.
func newTrial(ctx context.Context, s *suite, source []byte) (*trial, error) {
	t := &trial{suite: s, ctx: ctx, outcomes: make(map[sandbox.Table]*outcome), people: make(map[sandbox.Table]*actor)}
	shared, err := library.NewShared(library.Options{})
	if err != nil {
		return nil, err
	}
	shared.Close() // what tests have of the network is the stage's
	folder := filepath.Dir(s.file)
	program, err := sandbox.Compile(s.file, source, sandbox.Options{
		Resolve: func(name string) (string, []byte, error) { return lua.ReadModule(folder, name) },
	})
	if err != nil {
		return nil, err
	}
	modules := make(map[string]func(*sandbox.VM) (sandbox.Value, error))
	for _, m := range library.Modules(shared) {
		if !m.Waits {
			modules[m.Name] = func(vm *sandbox.VM) (sandbox.Value, error) { return m.Build(vm), nil }
		}
	}
	t.vm, err = sandbox.NewVM(program, sandbox.Host{Setup: t.setup, Modules: modules, Load: testBudget})
	return t, err
}

// setup gives the virtual machine what tests have besides the language.
func (t *trial) setup(vm *sandbox.VM) error {
	t.vm = vm
	vm.Ext = t
	for _, f := range t.library().Functions {
		do := f.Do
		if strings.HasPrefix(f.Name, "assert_") {
			do = t.asserting(do)
		}
		vm.SetGlobal(f.Name, vm.Func(do))
	}
	return nil
}

// asserting notes that a test asserts something, and the first failure.
func (t *trial) asserting(do sandbox.Func) sandbox.Func {
	return func(a *sandbox.Args) error {
		t.asserted = true
		err := do(a)
		if err != nil && t.failure == nil {
			file, line := a.Where()
			t.failure = failuref("%s:%d: %v", file, line, err)
		}
		return err
	}
}

// run runs one of the tests, and returns why it failed, nil if it did not, with
// what the script has logged.
func (t *trial) run(i int) (f *failure, logs []string) {
	_, err := t.vm.Call(t.tests[i].fn, testBudget)
	if err != nil {
		f = t.failureOf(err)
	}
	if t.failure != nil && (f == nil || f.text != t.failure.text) {
		f = t.failure
	}
	if t.stage != nil {
		logs = t.stage.logged()
		if err := t.stage.close(); err != nil && f == nil {
			f = &failure{text: err.Error()}
		}
	}
	if f == nil && !t.asserted {
		f = failuref("%s:%d: the test asserts nothing", t.suite.file, t.tests[i].line)
	}
	return f, logs
}

// frame is a line of a traceback that says where it is: file:line, and in what.
var frame = regexp.MustCompile(`^\s*(.+:\d+): in (?:function '?([^']*)'?|(main chunk))$`)

// failureOf says where an error came up: where it stands, and where helpers of the
// test were called.
func (t *trial) failureOf(err error) *failure {
	f := &failure{text: err.Error()}
	var e *sandbox.Error
	if !errors.As(err, &e) {
		return f
	}
	if e.File == "" { // the budget ran out in a function of the host
		f.text = fmt.Sprintf("%s: %s", t.suite.file, f.text)
	}
	inner := true
	for line := range strings.Lines(e.Traceback) {
		m := frame.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil || strings.HasPrefix(m[1], "[G]") {
			continue
		}
		if inner {
			inner = false // it is where the error stands
			continue
		}
		in := "the test"
		if m[3] == "" {
			in = m[2]
		}
		f.callers = append(f.callers, fmt.Sprintf("called at %s, in %s", m[1], in))
	}
	if len(f.callers) > mostCallers {
		f.callers = append(f.callers[:mostCallers-1:mostCallers-1], f.callers[len(f.callers)-1])
	}
	return f
}

// mostCallers is how many places are shown: the innermost, and the test's own.
const mostCallers = 6

// play returns the stage of the test, which it sets up if there is none yet.
func (t *trial) play() (*stage, error) {
	if t.vm.Loading() {
		return nil, errors.New("that can be done in a test only: test(name, function)")
	}
	if t.stage == nil {
		o := t.suite.script
		o.Config = t.settings
		s, err := newStage(t.ctx, o)
		if err != nil {
			return nil, fmt.Errorf("the script cannot be loaded: %w", err)
		}
		t.stage = s
	}
	return t.stage, nil
}

// Context implements [library.Caller], as the methods that follow.
func (t *trial) Context() context.Context { return t.ctx }

// Loading reports whether the top level of the file is running.
func (t *trial) Loading() bool { return t.vm.Loading() }

// MayWait is so nowhere.
func (t *trial) MayWait() bool { return false }

// Outside does not matter.
func (t *trial) Outside() {}

// Hook is the name of the hook.
func (t *trial) Hook() string { return nameOf(t.suite.script.File) }

// Log goes to the lines of the script, if there is one.
func (t *trial) Log(level library.Level, message string, fields []any) {
	if t.stage != nil {
		t.stage.log(level, message, fields)
	}
}
