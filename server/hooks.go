package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"moonwire/hooks"
	"moonwire/server/account"
	"moonwire/server/config"
)

// WithHooks has the server ask hooks in Go. They come before those of the
// options, in the order given.
func WithHooks(specs ...hooks.Spec) Option {
	return func(s *Server) {
		for _, spec := range specs {
			if spec.Version == "" {
				spec.Version = "go" // a reload cannot change it
			}
			s.natives = append(s.natives, spec)
		}
	}
}

// newHooks returns what loads hooks and hands them to the accounts.
func (s *Server) newHooks() *hooks.Manager {
	o := &s.options().Hooks
	return hooks.NewManager(hooks.ManagerOptions{
		Options: hooks.Options{
			CacheEntries: o.Cache.MaxEntries,
			Breaker: hooks.BreakerOptions{
				Threshold: o.Breaker.Threshold, MinCalls: uint64(o.Breaker.MinCalls),
				Window: o.Breaker.Window, Cooldown: o.Breaker.Cooldown,
			},
			Sampling: hooks.Sampling{Sample: o.DecisionLog.Sample, Denied: o.DecisionLog.Denied},
			Observer: s.hookObserver(),
		},
		Probation:  o.Reload.Probation,
		Background: s.loader.failedLater,
		Swap:       s.hooksChanged,
	})
}

// hookLoader loads the hooks of the options, and loads them again.
type hookLoader struct {
	server  *Server
	openers map[string]Opener // by kind; immutable once the server is made
	testers map[string]Tester // by kind; likewise
	// control returns what hooks can do to connections. Immutable.
	control func() hooks.Control

	// mu orders what changes the hooks. It is held while they are opened, and
	// guards what follows.
	mu      sync.Mutex
	desk    bool                   // the hooks are opened for a tool
	pending map[string]*openedHook // by name: of the load that goes on
	loads   int                    // versions given so far
	files   fileSums
	failed  map[string]string // by name, "" for all: sum of the files that did not load
	warned  []string          // of the set before

	now atomic.Pointer[loadedHooks] // stored with mu held
	// changed tells follow that there may be other files. It has one element.
	changed chan struct{}
}

// loadedHooks are the hooks of the options that are loaded. Immutable.
type loadedHooks struct {
	options *Options               // that they are of
	list    []config.Hook          // those that are off too
	opened  map[string]*openedHook // by name
}

// live returns the record of the engine at work of a hook, nil if there is none,
// with the rollbacks of the hook so far: the one before may be back.
func (l *loadedHooks) live(name string, rollbacks uint64) *openedHook {
	rec := l.opened[name]
	if rec != nil && rec.before != nil && rollbacks > rec.backs {
		return rec.before
	}
	return rec
}

// openedHook is an engine that was opened, and what it was opened from.
// Immutable.
type openedHook struct {
	engine   hooks.Engine
	before   *openedHook // that it has replaced; nil if none
	backs    uint64      // rollbacks of the hook until then
	version  string      // that the manager knows it by
	path     string      // of its script or program; "" if there is none
	settings string      // sum of them
	files    []string    // that it was made of
	content  string      // sum of them
}

func newHookLoader(s *Server) *hookLoader {
	l := &hookLoader{
		server: s, openers: make(map[string]Opener), testers: make(map[string]Tester),
		control: s.Control,
		failed:  make(map[string]string), files: make(fileSums), changed: make(chan struct{}, 1),
	}
	l.now.Store(new(loadedHooks))
	return l
}

// setLocked notes what is loaded now, and says so.
func (l *hookLoader) setLocked(now *loadedHooks) {
	l.now.Store(now)
	for i := range now.list {
		h := &now.list[i]
		if l.pending[h.Name] != nil {
			l.server.log.Info(fmt.Sprintf("Loaded hook %q (%v)", h.Name, sourceOf(h)))
		}
	}
	l.warnLocked(now.options, now.list)
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// loadHooks makes the hooks those of o, or changes nothing. It returns in words
// which are not what they were.
func (s *Server) loadHooks(o *Options) (changed []string, err error) {
	ctx, cancel := s.untilQuit()
	defer cancel()
	l := s.loader
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loadLocked(ctx, o)
}

// untilQuit returns a context that ends with the server.
func (s *Server) untilQuit() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-s.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (l *hookLoader) loadLocked(ctx context.Context, o *Options) (changed []string, err error) {
	list, err := hookList(o)
	if err != nil {
		return nil, err
	}
	specs, err := l.specsLocked(o, list)
	if err != nil {
		return nil, err
	}
	l.pending = make(map[string]*openedHook)
	if err := l.server.hooks.Load(ctx, specs); err != nil {
		return nil, err
	}
	before, now := l.now.Load(), &loadedHooks{options: o, list: list, opened: make(map[string]*openedHook)}
	for i := range list {
		name := list[i].Name
		if rec := cmp.Or(l.pending[name], before.opened[name]); rec != nil && list[i].Mode != hooks.Off.String() {
			now.opened[name] = rec
		}
	}
	clear(l.failed)
	l.setLocked(now)
	return l.changesLocked(before, now), nil
}

// changesLocked says which hooks are not what they were before.
func (l *hookLoader) changesLocked(before, now *loadedHooks) (list []string) {
	for i := range now.list {
		if name := now.list[i].Name; l.pending[name] != nil {
			list = append(list, fmt.Sprintf("hook %q", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before.opened)) {
		if now.opened[name] == nil {
			list = append(list, fmt.Sprintf("hook %q is no longer asked", name))
		}
	}
	return list
}

// warnLocked logs what the operator should know, once for as long as it holds.
func (l *hookLoader) warnLocked(o *Options, list []config.Hook) {
	warnings := slices.Clone(l.server.hooks.Set().Warnings)
	if o.Hooks.ScriptsDir != "" && len(list) == 0 {
		warnings = append(warnings, fmt.Sprintf("hooks.scripts_dir: there is no script in %s", o.HookPath(o.Hooks.ScriptsDir)))
	}
	for i := range list {
		h := &list[i]
		if o.Hooks.Reload.RequireTests && h.Lua != "" && h.Mode != hooks.Off.String() && l.testers[EngineLua] == nil {
			warnings = append(warnings, fmt.Sprintf("hooks.reload.require_tests: nothing runs the tests of hook %q in this broker", h.Name))
		}
	}
	warnings = append(warnings, l.strangers(o)...)
	for _, w := range warnings {
		if !slices.Contains(l.warned, w) {
			l.server.log.Warn(w)
		}
	}
	l.warned = warnings
}

// strangers warns of accounts that hooks are for and that are not there: one that is
// misspelled in a script would let everybody pass by it. In operator mode they are not
// known here, and those in the options are an error.
func (l *hookLoader) strangers(o *Options) (warnings []string) {
	if l.server.operator != nil {
		return nil
	}
	there := map[string]bool{account.Global: true}
	for i := range o.Accounts {
		there[o.Accounts[i].Name] = true
	}
	system := l.server.accounts.System().Name
	l.server.hooks.Set().Accounts(func(hook, name string) {
		switch {
		case name == system:
			warnings = append(warnings, fmt.Sprintf("hook %q is for account %q, which is the system account: no hook is asked about it", hook, name))
		case !there[name]:
			warnings = append(warnings, fmt.Sprintf("hook %q is for account %q, which is not there", hook, name))
		}
	})
	return warnings
}

// reloadLocked opens the engine of one hook anew, from its files as they are.
func (l *hookLoader) reloadLocked(ctx context.Context, name string) error {
	l.pending = make(map[string]*openedHook)
	if err := l.server.hooks.Reload(ctx, name); err != nil {
		return err
	}
	if rec := l.pending[name]; rec != nil {
		now := l.now.Load()
		opened := maps.Clone(now.opened)
		opened[name] = rec
		l.setLocked(&loadedHooks{now.options, now.list, opened})
	}
	delete(l.failed, name)
	return nil
}

// versionLocked returns the version of a hook: that of the engine at work if it
// would be opened from the same.
func (l *hookLoader) versionLocked(name, settings string) string {
	if rec := l.now.Load().opened[name]; rec != nil && rec.settings == settings && rec.content == l.files.all(rec.files, nil) {
		return rec.version
	}
	l.loads++
	return strconv.Itoa(l.loads)
}

// openLocked opens an engine, and notes what it was made of.
func (l *hookLoader) openLocked(ctx context.Context, rec *openedHook, eo EngineOptions, open Opener, test Tester) (hooks.Engine, error) {
	var own []string
	if rec.path != "" {
		own = []string{rec.path}
	}
	known := slices.Clone(own)
	rec.backs = l.rollbacks(eo.Name)
	if rec.before = l.now.Load().live(eo.Name, rec.backs); rec.before != nil {
		known = append(known, rec.before.files...)
	}
	sums := l.files.each(known) // first: what is read later may be newer, not older
	if test != nil {
		if err := test(ctx, eo); err != nil {
			return nil, fmt.Errorf("its tests fail: %w", err)
		}
	}
	e, err := open(ctx, eo)
	if err != nil {
		return nil, err
	}
	rec.engine, rec.files = e, filesOf(own, e)
	rec.content = l.files.all(rec.files, sums)
	if rec.before != nil {
		before := *rec.before
		before.before = nil // one is enough
		rec.before = &before
	}
	l.pending[eo.Name] = rec
	return e, nil
}

// filesOf returns all files that an engine was made of, in order.
func filesOf(own []string, e hooks.Engine) []string {
	files := slices.Clone(own)
	if e, ok := e.(interface{ Files() []string }); ok {
		files = append(files, e.Files()...)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// rollbacks returns how often the version before of a hook has come back.
func (l *hookLoader) rollbacks(name string) uint64 {
	for _, st := range l.server.hooks.Set().Stats() {
		if st.Name == name {
			return st.Reloads[hooks.ReloadRolledBack]
		}
	}
	return 0
}

// Check reads the certificates, and opens the hooks and closes them again. The
// error says what keeps them from being loaded, the warnings what is probably not
// meant. The server must not have been started, and cannot be any more.
func (s *Server) Check() (warnings []string, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	certs, err := s.newCertificates(s.options())
	certs.close()
	if _, wrong := s.loadHooks(s.options()); wrong != nil {
		err = errors.Join(err, wrong)
	}
	s.loader.mu.Lock()
	warnings = s.loader.warned
	s.loader.mu.Unlock()
	s.Shutdown()
	return warnings, err
}

// closeHooks lets go of what the hooks run.
func (s *Server) closeHooks() {
	ctx, cancel := context.WithTimeout(context.Background(), hooksPatience)
	defer cancel()
	if err := s.hooks.Close(ctx); err != nil {
		s.log.Error(err.Error())
	}
}

// hooksPatience is how long a server that shuts down waits for its hooks.
const hooksPatience = 5 * time.Second

// failedLater logs what went wrong with a hook when nobody waited for it.
func (l *hookLoader) failedLater(hook string, err error) {
	l.server.log.Error(err.Error(), zap.String("hook", hook))
}
