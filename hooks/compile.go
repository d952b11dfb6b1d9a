package hooks

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"
)

// Options of a Set. The zero value is ready.
type Options struct {
	// CacheEntries is how many decisions are kept for each account that has
	// hooks of its own, and for all others together. Default 100,000.
	CacheEntries int
	Breaker      BreakerOptions
	// ShadowQueue and ShadowBytes are how many calls, and bytes of them, wait
	// for a hook in shadow mode. Default 1024 and 8 MiB.
	ShadowQueue, ShadowBytes int
	// EventQueue is how many events wait for a hook. Default 1024.
	EventQueue int
	// Sampling is which decisions are logged. Default none.
	Sampling Sampling
	Observer Observer
	// Clock is by which cached decisions expire. Default time.Now, which is most
	// of what a cached decision costs: a clock that somebody sets every now and
	// then will do.
	Clock func() time.Time
}

func (o Options) withDefaults() *Options {
	o.CacheEntries = or(o.CacheEntries, 100_000)
	o.Breaker = o.Breaker.withDefaults()
	o.ShadowQueue, o.ShadowBytes = or(o.ShadowQueue, 1024), or(o.ShadowBytes, 8<<20)
	o.EventQueue = or(o.EventQueue, 1024)
	return &o
}

// clock returns the time in nanoseconds, by which cached decisions expire.
func (o *Options) clock() func() int64 {
	if o.Clock != nil {
		return func() int64 { return o.Clock().UnixNano() }
	}
	start := time.Now() // the monotonic clock alone is twice as fast
	return func() int64 { return int64(time.Since(start)) }
}

// Compile makes the tables of hooks, which are asked in the order given. It
// returns all that is wrong with them. The engines stay the caller's on error,
// and are the Set's otherwise.
func Compile(hooks []Hook, o Options) (*Set, error) {
	opts := o.withDefaults()
	var errs []error
	var list []*loaded
	for i := range hooks {
		h := hooks[i]
		l := &loaded{hook: &h, stats: new(counters)}
		err := h.validate()
		if err == nil && h.Mode != Off {
			l.inst, err = newInstance(h.Name, h.Engine, opts, l.stats)
		}
		errs, list = append(errs, err), append(list, l)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return compile(list, opts)
}

// compile makes the tables of hooks whose settings are valid.
func compile(list []*loaded, o *Options) (*Set, error) {
	s := newSet(o)
	s.hooks = list
	names := make(map[string]bool)
	var errs []error
	var all []scoped
	for _, l := range list {
		if names[l.hook.Name] {
			errs = append(errs, fmt.Errorf("hook %q: the name is used twice", l.hook.Name))
		}
		names[l.hook.Name] = true
		if l.inst == nil {
			continue
		}
		bounds, err := s.bind(l, len(all))
		errs, all = append(errs, err), append(all, bounds...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.tables = make(map[string]*Table)
	for _, b := range all {
		if b.Point == AtEvent {
			s.events = append(s.events, b.bound)
		}
		for _, a := range b.accounts {
			if _, done := s.tables[a]; !done {
				s.tables[a] = s.build(all, a)
			}
		}
	}
	s.rest = s.build(all, "")
	s.warnIfShut()
	return s, nil
}

// warnIfShut warns if it is known that no hook will ever allow a connection. What
// scripts and plugins will say is not known.
func (s *Set) warnIfShut() {
	if !s.rest.Guards() {
		return
	}
	remedy, names := "", []string(nil)
	for _, b := range s.rest.connect.chain {
		l, ok := b.inst.engine.(Limiter)
		if ok {
			remedy = l.AdmitsNobody()
		}
		if !ok || remedy == "" {
			return
		}
		names = append(names, fmt.Sprintf("%q", b.hook.Name))
	}
	s.warn("nobody can connect: at connect a hook must allow, and those that are loaded (%s) never do; %s, or load a hook that allows",
		strings.Join(slices.Compact(names), ", "), remedy)
}

// scoped is a registration with what it is narrowed to.
type scoped struct {
	*bound
	accounts, subjects []string // accounts are empty for all
}

// bind returns the registrations of a hook, the first with a number.
func (s *Set) bind(l *loaded, number int) (list []scoped, err error) {
	h := l.hook
	var errs []error
	if len(l.inst.registrations) == 0 {
		s.warn("hook %q asks for nothing", h.Name)
	}
	warned := PerPoint[bool]{}
	for i := range l.inst.registrations {
		r := &l.inst.registrations[i]
		if err := h.check(i, r); err != nil {
			errs = append(errs, err)
			continue
		}
		b := scoped{bound: &bound{
			Registration: r, hook: h, inst: l.inst, index: i,
			order: number + i, id: uint32(number + i), on: h.OnError[r.Point].verdict(r.Point),
		}}
		if o := h.OnError[r.Point]; !warned[r.Point] && h.Mode == Enforce && opens(r.Point, o) {
			warned[r.Point] = true
			s.warn("hook %q fails open at %v: on_error is %v", h.Name, r.Point, o)
		}
		var some bool
		if b.accounts, some = narrowAccounts(r.Accounts, h.Accounts); !some {
			s.warn("hook %q, registration %d at %v is never asked: it is for other accounts than the hook is narrowed to", h.Name, i, r.Point)
			continue
		}
		if b.subjects = narrowSubjects(r.Subjects, h.Subjects); len(b.subjects) == 0 {
			s.warn("hook %q, registration %d at %v is never asked: it is for other subjects than the hook is narrowed to", h.Name, i, r.Point)
			continue
		}
		list = append(list, b)
	}
	return list, errors.Join(errs...)
}

// opens reports whether failures let calls go on that no hook has looked at.
func opens(p Point, o OnError) bool {
	return p != AtEvent && (o == OnErrorAllow || o == OnErrorSkip && p != AtConnect)
}

func (s *Set) warn(format string, args ...any) {
	s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
}

// narrowAccounts returns the accounts that are in both lists, an empty one
// being all, and whether there are any.
func narrowAccounts(a, b []string) (both []string, some bool) {
	switch {
	case len(a) == 0:
		return b, true
	case len(b) == 0:
		return a, true
	}
	for _, name := range a {
		if slices.Contains(b, name) {
			both = append(both, name)
		}
	}
	return both, len(both) > 0
}

// narrowSubjects returns patterns for what both lists match, an empty one
// matching all.
func narrowSubjects(a, b []string) []string {
	switch {
	case len(a)+len(b) == 0:
		return []string{">"}
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	return common(a, b)
}

// build returns the table of an account, or of those without one of their own
// for "". It is nil when nothing is registered.
func (s *Set) build(all []scoped, account string) *Table {
	t := &Table{set: s, seed: maphash.MakeSeed()}
	var connect []*bound
	some := false
	for _, b := range all {
		if len(b.accounts) > 0 && (account == "" || !slices.Contains(b.accounts, account)) {
			continue
		}
		some = true
		switch b.Point {
		case AtConnect:
			connect = append(connect, b.bound)
		case AtEvent:
			t.events = append(t.events, b.bound)
		default:
			t.insert(b)
		}
		if b.Cache != nil && t.cache == nil {
			t.cache = newCache(s.options.CacheEntries, s.options.clock())
		}
	}
	if !some {
		return nil
	}
	if connect != nil {
		t.connect = newMatch(connect)
	}
	return t
}

func (t *Table) insert(b scoped) {
	sc := t.scopes[b.Point]
	if sc == nil {
		sc = &scope{overlap: b.Point == AtSubscribe}
		t.scopes[b.Point] = sc
	}
	for _, pattern := range b.subjects {
		sc.insert(pattern, b.bound)
	}
}

// Flush forgets the cached decisions of a hook, or of all for "": what they were
// made from has changed. Answers that are under way are not kept either. The
// server calls it when the permissions or tags of a client change.
func (s *Set) Flush(hook string) {
	for _, l := range s.hooks {
		if l.inst != nil && (hook == "" || hook == l.hook.Name) {
			l.inst.generation.Add(1)
		}
	}
}

// Accounts calls f with each hook that is only for some accounts, and each of them.
func (s *Set) Accounts(f func(hook, account string)) {
	for _, l := range s.hooks {
		if l.inst == nil {
			continue
		}
		told := make(map[string]bool)
		for i := range l.inst.registrations {
			accounts, _ := narrowAccounts(l.inst.registrations[i].Accounts, l.hook.Accounts)
			for _, a := range accounts {
				if !told[a] {
					told[a] = true
					f(l.hook.Name, a)
				}
			}
		}
	}
}

// Mode returns the mode of the hook with a name, Off if there is none.
func (s *Set) Mode(hook string) Mode {
	for _, l := range s.hooks {
		if l.hook.Name == hook {
			return l.hook.Mode
		}
	}
	return Off
}

// Stats returns what was counted, a copy, in the order of the hooks.
func (s *Set) Stats() []HookStats {
	stats := make([]HookStats, len(s.hooks))
	for i, l := range s.hooks {
		st := l.stats.snapshot()
		st.Name, st.Mode = l.hook.Name, l.hook.Mode
		if l.inst != nil {
			st.Breaker = l.inst.breaker.State()
			st.Version, st.SHA256 = l.inst.version()
		}
		stats[i] = st
	}
	return stats
}

// Close lets calls that are under way end, and closes the engines. Whoever
// still holds a table finds nothing loaded. It returns soon after ctx ends.
func (s *Set) Close(ctx context.Context) error {
	s.retire(newSet(s.options))
	errs := []error{s.drain(ctx)}
	for _, l := range s.hooks {
		if l.inst != nil {
			errs = append(errs, l.inst.close(ctx))
		}
	}
	return errors.Join(errs...)
}

// drain waits until no call of a retired set, or of one before it, is under way.
func (s *Set) drain(ctx context.Context) error {
	for ; s != nil; s = s.before.Load() {
		select {
		case <-s.drained:
		case <-ctx.Done():
			return fmt.Errorf("waiting for calls of hooks to end: %w", ctx.Err())
		}
	}
	return nil
}
