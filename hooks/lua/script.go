package lua

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// Script is one loaded hook script. It implements [hooks.Engine] and
// [hooks.Versioned].
type Script struct {
	options  Options // immutable
	config   map[string]any
	handlers []handler // by registration; immutable once the script is open
	version  string    // as the script says; immutable likewise
	sum      string
	files    []string
	globals  []*library.Module // immutable

	fast     *sandbox.Pool // for messages and subscriptions; nil if there is no use for it
	blocking *sandbox.Pool // for connect and event; likewise

	life context.Context // ends with the script
	end  context.CancelFunc

	made   atomic.Uint64 // machines
	usages [usages]usage

	lines    limiter // of the script's log
	failures limiter // of the log of failed event functions
}

// handler is one registration of a script.
type handler struct {
	hooks.Registration
	index int
	noted bool // hooks are told what its calls look at
	file  string
	line  int
}

// Handler says what a function of a script is for.
type Handler struct {
	Point      hooks.Point
	Subjects   []string // patterns; empty is all
	Accounts   []string // empty is all
	Events     []string // types, at event; empty is all
	Cache      *hooks.CachePolicy
	MaxPayload int
	// File and Line are where the function begins.
	File string
	Line int
}

// mostWarm is how many VMs a script has at least as long as it runs, if it may
// have that many: the rest is made when they are needed.
const mostWarm = 8

// Open loads a script: it reads it with its modules, compiles it, and runs its
// top level in each of the first virtual machines. What is wrong with a script
// has file and line. The caller closes the script.
func Open(ctx context.Context, o Options) (*Script, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Script{options: o, globals: Globals()}
	s.lines = limiter{rate: 100, most: 200, clock: o.Clock}
	s.failures = limiter{rate: 1, most: 5, clock: o.Clock}
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.open(ctx); err != nil {
		s.end()
		return nil, err // it has the file; whoever opens it knows the hook
	}
	return s, nil
}

func (s *Script) open(ctx context.Context) error {
	src, err := readSource(&s.options)
	if err != nil {
		return err
	}
	if s.config, err = src.loadConfig(&s.options); err != nil {
		return err
	}
	program, err := sandbox.Compile(s.options.File, src.main, sandbox.Options{
		Resolve: src.resolve, Globals: s.functions(), Results: map[string]sandbox.Value{"allow": allowed},
	})
	if err != nil {
		return err
	}
	// The first VM says what the script registers, and is not used for more.
	first, err := sandbox.NewVM(program, s.host())
	if err != nil {
		return err
	}
	m := machineOf(first)
	if s.handlers, s.version = m.found, m.version; len(s.handlers) == 0 {
		return fmt.Errorf("%s registers nothing: call hook.connect, hook.publish or another function of hook at its top level", s.options.File)
	}
	s.files, s.sum = src.seal()
	return s.pools(ctx, program)
}

// pools makes the pools that the registrations need.
func (s *Script) pools(ctx context.Context, program *sandbox.Program) (err error) {
	if err = ctx.Err(); err != nil {
		return fmt.Errorf("opening the script: %w", err)
	}
	waiting := func(h handler) bool { return waits(h.Point) }
	l := s.options.Limits
	if slices.ContainsFunc(s.handlers, func(h handler) bool { return !waiting(h) }) {
		if s.fast, err = sandbox.NewPool(program, s.host(), sandbox.PoolOptions{Max: l.VMs, Warm: min(l.VMs, mostWarm)}); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(s.handlers, waiting) {
		s.blocking, err = sandbox.NewPool(program, s.host(), sandbox.PoolOptions{Max: l.BlockingVMs, Warm: 1})
	}
	return err
}

// functions returns the globals that are functions.
func (s *Script) functions() map[string]sandbox.Func {
	all := make(map[string]sandbox.Func)
	for _, g := range s.globals {
		if g.Name != "" {
			continue
		}
		for _, f := range g.Functions {
			if f.Do != nil {
				all[f.Name] = f.Do
			}
		}
	}
	return all
}

// host is what the virtual machines have from the engine.
func (s *Script) host() sandbox.Host {
	modules := make(map[string]func(*sandbox.VM) (sandbox.Value, error))
	for _, m := range s.options.Libraries {
		modules[m.Name] = func(vm *sandbox.VM) (sandbox.Value, error) { return m.Build(vm), nil }
	}
	modules["log"] = func(vm *sandbox.VM) (sandbox.Value, error) { return vm.Global("log"), nil }
	load := sandbox.Budget{Instructions: max(10_000_000, s.options.Limits.Instructions), Memory: max(32<<20, s.options.Limits.Memory)}
	return sandbox.Host{Setup: s.setup, Modules: modules, Load: load, Now: s.options.Clock}
}

// Registrations returns what the script wants to be asked.
func (s *Script) Registrations() []hooks.Registration {
	list := make([]hooks.Registration, len(s.handlers))
	for i, h := range s.handlers {
		list[i] = h.Registration
	}
	return list
}

// Describe returns the functions of the script, in the order of Registrations.
func (s *Script) Describe() []Handler {
	list := make([]Handler, len(s.handlers))
	for i, h := range s.handlers {
		list[i] = Handler{
			Point: h.Point, Subjects: h.Subjects, Accounts: h.Accounts, Events: h.Events,
			Cache: h.Cache, MaxPayload: h.MaxPayload, File: h.file, Line: h.line,
		}
	}
	return list
}

// Version returns what the script said by hook.version, and the SHA-256 of the
// script with its modules in hexadecimal.
func (s *Script) Version() (version, sha256 string) { return s.version, s.sum }

// Files returns the paths of what was read: the script, its modules and the files
// that its configuration names. When one changes, the script is to be opened
// anew.
func (s *Script) Files() []string { return slices.Clone(s.files) }

// Close ends what the script waits for, and returns when all its calls have
// ended, or with an error when ctx has.
func (s *Script) Close(ctx context.Context) error {
	s.end()
	var errs []error
	for _, p := range []*sandbox.Pool{s.fast, s.blocking} {
		if p != nil {
			errs = append(errs, p.Close(ctx))
		}
	}
	return errors.Join(errs...)
}
