package account

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"moonwire/hooks"
	"moonwire/server/config"
)

// Set is all accounts of a server, by name. Make it with [NewSet]. All methods
// are safe for concurrent use.
type Set struct {
	accounts atomic.Pointer[map[string]*Account] // the map is immutable
	system   string                              // immutable

	mu    sync.Mutex                // of Update and SetHooks
	order int                       // of the account made last; guarded by mu
	hooks func(string) *hooks.Table // by account; nil for none; guarded by mu
}

// NewSet makes the accounts that o names, $G and the system account, and links
// their imports. The error joins all that is wrong, each with account and
// subject: an account that is there twice, a subject that is none, an import
// from an account that is not there, of what is not exported, or not to that
// account, imports that form a cycle, and mappings.
func NewSet(o *config.Options) (*Set, error) {
	s := &Set{system: systemAccount(o)}
	s.accounts.Store(new(map[string]*Account))
	if _, err := s.Update(o); err != nil {
		return nil, err
	}
	return s, nil
}

// Get returns the account of a name, or nil if there is none.
func (s *Set) Get(name string) *Account { return (*s.accounts.Load())[name] }

// System returns the system account, which is always there.
func (s *Set) System() *Account { return s.Get(s.system) }

// All returns the accounts in the order of their names.
func (s *Set) All() []*Account {
	return slices.SortedFunc(maps.Values(*s.accounts.Load()), func(a, b *Account) int {
		return strings.Compare(a.Name, b.Name)
	})
}

// Subscriptions returns how many there are, in all accounts.
func (s *Set) Subscriptions() int {
	n := 0
	for _, a := range *s.accounts.Load() {
		n += a.Index.Len()
	}
	return n
}

// Sweep lets go of what nothing uses any more, in all accounts. Call it now and
// then.
func (s *Set) Sweep() {
	for _, a := range *s.accounts.Load() {
		a.Sweep()
	}
}

// SetHooks gives each account the hooks that f says are loaded for it, now and
// when it is made later. The system account has none: a policy that is wrong
// must not cut off those who are to mend it.
func (s *Set) SetHooks(f func(account string) *hooks.Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = f
	for _, a := range *s.accounts.Load() {
		s.hookLocked(a)
	}
}

func (s *Set) hookLocked(a *Account) {
	if s.hooks != nil && !a.IsSystem {
		a.Hooks.Store(s.hooks(a.Name))
	}
}

// Update makes the set what o says, and returns the accounts that are no longer
// in it: their connections are to be closed. Accounts that stay keep their
// subscriptions. Imports that stay miss no message, and services go on with the
// requests that are open. On an error, as NewSet returns it, or because the
// system account is another, nothing is changed.
func (s *Set) Update(o *config.Options) (removed []*Account, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name := systemAccount(o); name != s.system {
		return nil, fmt.Errorf("system_account: it is %q and cannot become %q without a restart", s.system, name)
	}
	old := *s.accounts.Load()
	p, err := newPlan(o, func(name string) *Account {
		if a := old[name]; a != nil {
			return a
		}
		a := New(name)
		s.order++
		a.order, a.IsSystem = s.order, name == s.system
		s.hookLocked(a)
		return a
	})
	if err != nil {
		return nil, err
	}
	now := make(map[string]*Account, len(p.drafts))
	for name, d := range p.drafts {
		now[name] = d.account
	}
	s.accounts.Store(&now)
	for _, d := range p.order {
		d.apply()
	}
	for name, a := range old {
		if now[name] == nil {
			(&draft{Account: new(config.Account), account: a}).apply()
			removed = append(removed, a)
		}
	}
	return removed, nil
}
