package hooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ReloadResult is how the reload of a hook ended.
type ReloadResult uint8

const (
	ReloadOK         ReloadResult = iota // the new engine is at work
	ReloadRejected                       // it could not be loaded; the old one stays
	ReloadRolledBack                     // it failed too much; the old one is back
	numReloadResults = iota
)

// ReloadResults is how many results there are: they are 0 to ReloadResults-1.
const ReloadResults = numReloadResults

// String returns the name in metrics: "ok", "rejected" or "rolled_back".
func (r ReloadResult) String() string {
	return nameOf([]string{"ok", "rejected", "rolled_back"}, r)
}

// Spec is a hook of the configuration with the way to its engine.
type Spec struct {
	Hook // Engine is left nil
	// Open makes the engine, and has it ready to be asked. Old is the one that it
	// is to replace, which still works, for state to be handed over; nil if there
	// is none. An engine that is returned is closed by the manager.
	Open func(ctx context.Context, old Engine) (Engine, error)
	// Version says what Open would open, such as a sum of a script and its
	// settings. Where it is not empty and as it was, Load keeps the engine.
	Version string
}

// ManagerOptions are those of a Manager. The zero value is ready.
type ManagerOptions struct {
	Options
	// Swap is told of each set that takes the place of another, before the
	// engines of the old are closed: the server gives each account its table.
	// Tables of the old set lead to the new one by themselves, so that all
	// accounts change at one moment. It must not change the hooks.
	Swap func(*Set)
	// Probation is how long an engine that was replaced is kept, to come back
	// when the new one fails much more. Default 30s, negative is not at all.
	Probation time.Duration
	// ProbationCalls is how many calls the new one must have had for that.
	// Default 20.
	ProbationCalls uint64
	// Patience is how long calls may take to end, and then an engine to close.
	// Default 5s.
	Patience time.Duration
	// Background is told of what goes wrong when nobody waits for it: a rollback,
	// and an engine that does not close.
	Background func(hook string, err error)
}

// Manager loads hooks, replaces them while they are at work, and takes them
// back. It owns their engines. On any error of loading the old ones stay.
type Manager struct {
	o    ManagerOptions // immutable
	opts *Options       // immutable
	set  atomic.Pointer[Set]

	// turn is held by whoever changes the hooks: it has one element. It guards
	// hooks, closed and counters, also while an engine is opened, which is why it
	// is no mutex.
	turn     chan struct{}
	hooks    []*managed
	closed   bool
	counters map[string]*counters // by name, for ever

	background sync.WaitGroup
}

// managed is a hook at work. Immutable.
type managed struct {
	spec   Spec
	loaded *loaded
}

// NewManager returns a manager with nothing loaded.
func NewManager(o ManagerOptions) *Manager {
	o.Probation, o.ProbationCalls = or(o.Probation, 30*time.Second), or(o.ProbationCalls, 20)
	o.Patience = or(o.Patience, 5*time.Second)
	m := &Manager{
		o: o, opts: o.withDefaults(),
		turn: make(chan struct{}, 1), counters: make(map[string]*counters),
	}
	m.set.Store(newSet(m.opts))
	return m
}

// Set returns what is at work. It is never nil.
func (m *Manager) Set() *Set { return m.set.Load() }

// Table returns what is loaded for an account, nil when nothing is; at connect
// the account is "".
func (m *Manager) Table(account string) *Table { return m.Set().Table(account) }

var errClosed = errors.New("hooks: the manager is closed")

// lock waits for the turn to change the hooks.
func (m *Manager) lock(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting for another reload of hooks: %w", ctx.Err())
	}
	if m.closed {
		m.unlock()
		return errClosed
	}
	return nil
}

func (m *Manager) unlock() { <-m.turn }

// Load makes specs the hooks that are at work, in their order. Engines are kept
// where Spec.Version allows it, and opened anew otherwise. It returns all that
// is wrong, and then has changed nothing. Hooks are not told of it: the caller
// does that, with [Set.Notify], who knows what else has changed.
func (m *Manager) Load(ctx context.Context, specs []Spec) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.unlock()
	return m.replace(ctx, specs, func(old *managed, s *Spec) bool {
		return s.Version != "" && s.Version == old.spec.Version
	})
}

// Reload opens the engine of one hook anew, and tells all hooks, with an
// EventReload, when it is at work: its reason names the hook.
func (m *Manager) Reload(ctx context.Context, name string) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.unlock()
	specs := make([]Spec, len(m.hooks))
	for i, h := range m.hooks {
		specs[i] = h.spec
	}
	if m.find(name) == nil {
		return fmt.Errorf("hook %q: there is none of that name", name)
	}
	err := m.replace(ctx, specs, func(_ *managed, s *Spec) bool { return s.Name != name })
	if err == nil {
		m.reloaded("hook %q", name)
	}
	return err
}

// reloaded tells the hooks that are at work now that others were before. The turn
// is held, so that they hear of each change in its order.
func (m *Manager) reloaded(format string, args ...any) {
	m.Set().Notify(Event{Type: EventReload, Time: time.Now(), Reason: fmt.Sprintf(format, args...)})
}

func (m *Manager) find(name string) *managed {
	for _, h := range m.hooks {
		if h.spec.Name == name {
			return h
		}
	}
	return nil
}

// replace opens what cannot be kept, and swaps. The turn is held.
func (m *Manager) replace(ctx context.Context, specs []Spec, keep func(*managed, *Spec) bool) error {
	var next []*managed
	var opened []*instance
	var errs []error
	for i := range specs {
		s := &specs[i]
		old := m.find(s.Name)
		h := m.manage(s)
		next = append(next, h)
		if s.Mode == Off {
			errs = append(errs, h.loaded.hook.validate())
			continue
		}
		if old != nil && old.loaded.inst != nil && keep(old, s) {
			h.loaded.inst, h.loaded.hook.Engine = old.loaded.inst, old.loaded.inst.engine
			errs = append(errs, h.loaded.hook.validate())
			continue
		}
		err := m.open(ctx, h, old)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		opened = append(opened, h.loaded.inst)
	}
	set, err := m.compile(next, errors.Join(errs...))
	if err != nil {
		m.reject(specs, opened, keep)
		return err
	}
	m.swap(set, next, opened)
	return nil
}

// manage returns a hook that is yet to be opened.
func (m *Manager) manage(s *Spec) *managed {
	if m.counters[s.Name] == nil {
		m.counters[s.Name] = new(counters)
	}
	hook := s.Hook
	return &managed{
		spec:   *s,
		loaded: &loaded{hook: &hook, stats: m.counters[s.Name]},
	}
}

// open opens the engine of h.
func (m *Manager) open(ctx context.Context, h, old *managed) error {
	if h.spec.Open == nil {
		return fmt.Errorf("hook %q: nothing says how to open it", h.spec.Name)
	}
	var from Engine
	if old != nil && old.loaded.inst != nil {
		from = old.loaded.inst.engine
	}
	hook := h.loaded.hook
	err := guard(func() (err error) {
		hook.Engine, err = h.spec.Open(ctx, from)
		return err
	})
	if err != nil {
		return fmt.Errorf("opening hook %q: %w", hook.Name, err)
	}
	if err := hook.validate(); err != nil {
		return errors.Join(err, m.discard(hook.Engine))
	}
	h.loaded.inst, err = newInstance(hook.Name, hook.Engine, m.opts, h.loaded.stats)
	if err != nil {
		return errors.Join(err, m.discard(hook.Engine))
	}
	return nil
}

// discard closes an engine that was never at work.
func (m *Manager) discard(e Engine) error {
	if e == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.o.Patience)
	defer cancel()
	return guard(func() error { return e.Close(ctx) })
}

// compile returns the set of hooks that were opened without an error.
func (m *Manager) compile(next []*managed, err error) (*Set, error) {
	if err != nil {
		return nil, err
	}
	list := make([]*loaded, len(next))
	for i, h := range next {
		list[i] = h.loaded
	}
	return compile(list, m.opts)
}

// reject closes what was opened in vain.
func (m *Manager) reject(specs []Spec, opened []*instance, keep func(*managed, *Spec) bool) {
	for i := range specs {
		if old := m.find(specs[i].Name); old == nil || !keep(old, &specs[i]) {
			m.counters[specs[i].Name].reloads[ReloadRejected].Add(1)
		}
	}
	m.close(nil, opened)
}

// swap puts next to work, and then lets go of the engines that are not in it, at
// once or after the probation of what took their place. The turn is held.
func (m *Manager) swap(set *Set, next []*managed, opened []*instance) {
	before := m.hooks
	m.hooks = next
	old := m.set.Load()
	set.follow(old)
	m.set.Store(set)
	old.retire(set)
	if m.o.Swap != nil {
		m.o.Swap(set)
	}
	var gone []*instance
	for _, b := range before {
		i := b.loaded.inst
		if i == nil || m.at(i) >= 0 {
			continue
		}
		close(i.replaced)
		n := m.find(b.spec.Name)
		if n != nil && slices.Contains(opened, n.loaded.inst) && m.o.Probation > 0 {
			young, replaced := n.loaded.inst, n.loaded.inst.replaced
			m.background.Go(func() { m.watch(young, i, replaced, old) })
		} else {
			gone = append(gone, i)
		}
	}
	for _, i := range opened {
		i.stats.reloads[ReloadOK].Add(1)
	}
	m.close(old, gone)
}

// at returns the place of the hook that i is the engine of, or -1.
func (m *Manager) at(i *instance) int {
	return slices.IndexFunc(m.hooks, func(h *managed) bool { return h.loaded.inst == i })
}

// close waits for the calls of a retired set to end and closes engines, without
// having anybody wait for it.
func (m *Manager) close(old *Set, gone []*instance) {
	if len(gone) > 0 {
		m.background.Go(func() { m.end(old, gone) })
	}
}

func (m *Manager) end(old *Set, gone []*instance) {
	ctx, cancel := context.WithTimeout(context.Background(), m.o.Patience)
	err := old.drain(ctx)
	cancel()
	if err != nil {
		m.tell(gone[0].name, err)
	}
	for _, i := range gone {
		ctx, cancel := context.WithTimeout(context.Background(), m.o.Patience)
		if err := i.close(ctx); err != nil {
			m.tell(i.name, err)
		}
		cancel()
	}
}

func (m *Manager) tell(hook string, err error) {
	if m.o.Background != nil {
		m.o.Background(hook, err)
	}
}

// probations is how often an engine is looked at during its probation.
const probations = 60

// watch brings old back when young, which has taken its place, fails much more.
// When that is no longer to be feared it closes old, whose calls were of a
// retired set.
func (m *Manager) watch(young, old *instance, replaced chan struct{}, set *Set) {
	tick := time.NewTicker(max(m.o.Probation/probations, time.Millisecond))
	defer tick.Stop()
	end := time.NewTimer(m.o.Probation)
	defer end.Stop()
	was := old.rate()
	for done := false; !done; {
		select {
		case <-tick.C:
			is := young.rate()
			if young.breaker.calls.Load() < m.o.ProbationCalls || is <= 2*was+0.01 {
				continue
			}
			if m.rollback(young, old, replaced) {
				m.tell(old.name, fmt.Errorf("hook %q: the version before is back, as %.1f %% of the calls of the new one failed, and %.1f %% of those before",
					old.name, 100*is, 100*was))
				return
			}
			done = true
		case <-end.C:
			done = true
		case <-replaced:
			done = true
		}
	}
	m.end(set, []*instance{old})
}

// rollback puts old to work in the place of young, with the settings of now, and
// tells the hooks of that. It reports whether it did: young may have gone by itself.
func (m *Manager) rollback(young, old *instance, replaced chan struct{}) bool {
	select {
	case m.turn <- struct{}{}:
		defer m.unlock()
	case <-replaced:
		return false
	}
	at := m.at(young)
	if at < 0 {
		return false
	}
	next := slices.Clone(m.hooks)
	spec, hook := next[at].spec, *next[at].loaded.hook
	spec.Version = "" // the next Load is to open what it was to be
	hook.Engine = old.engine
	next[at] = &managed{spec: spec, loaded: &loaded{hook: &hook, inst: old, stats: old.stats}}
	set, err := m.compile(next, nil)
	if err != nil {
		m.tell(old.name, fmt.Errorf("hook %q: the version before cannot come back: %w", old.name, err))
		return false
	}
	old.replaced = make(chan struct{})
	m.swap(set, next, nil)
	old.stats.reloads[ReloadRolledBack].Add(1)
	m.reloaded("hook %q: the version before is back", old.name)
	return true
}

// Close takes all hooks away, lets calls that are under way end, and closes the
// engines. It returns soon after ctx ends, or after twice Patience.
func (m *Manager) Close(ctx context.Context) error {
	if err := m.lock(ctx); err != nil {
		if errors.Is(err, errClosed) {
			return nil
		}
		return err
	}
	m.closed = true
	m.swap(newSet(m.opts), nil, nil)
	m.unlock()
	done := make(chan struct{})
	go func() {
		m.background.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for hooks to close: %w", ctx.Err())
	}
}
