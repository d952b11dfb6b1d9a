package hooks

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// Table is all that is loaded for one account, and at connect for everybody. It
// is immutable; a reload makes another. An account for which nothing is
// registered has none: its pointer is nil.
type Table struct {
	set     *Set
	seed    maphash.Seed
	scopes  [numPoints]*scope // nil where nothing is registered; neither connect nor event
	connect *match            // nil likewise
	events  []*bound
	cache   *cache // nil if no hook wants one
}

// bound is one registration of one hook in one set.
type bound struct {
	*Registration
	hook  *Hook
	inst  *instance
	index int    // of the registration
	order int    // in the chain: of the configuration, and then of the registration
	id    uint32 // for the cache
	on    Verdict
}

// Has reports whether any hook is to be asked at a point. T may be nil.
func (t *Table) Has(p Point) bool {
	if t == nil {
		return false
	}
	switch p {
	case AtConnect:
		return t.connect != nil
	case AtEvent:
		return len(t.events) > 0
	}
	return t.scopes[p] != nil
}

// Guards reports whether hooks decide at connect: not if all of them are in shadow
// mode, which shuts out nobody. T may be nil.
func (t *Table) Guards() bool {
	return t != nil && t.connect != nil && len(t.connect.chain) > 0
}

// Wanted reports whether a hook is to be asked about a subject at a point, so
// that no call is made for those that concern none: at rewrite, publish,
// subscribe and inspect. At connect Has says so. T may be nil.
func (t *Table) Wanted(s *Session, p Point, subj []byte) bool {
	if t == nil || t.scopes[p] == nil {
		return false
	}
	return t.match(s, p, subj) != nothing
}

// match returns the hooks for a subject at a point.
func (t *Table) match(s *Session, p Point, subj []byte) (m *match) {
	switch sc := t.scopes[p]; {
	case p == AtConnect && t.connect != nil:
		return t.connect
	case sc == nil:
		return nothing
	case sc.overlap:
		m, s.found = sc.match(subj, s.found)
		return m
	default:
		return s.recall(t, p, sc, subj)
	}
}

// Set is the tables of all accounts.
type Set struct {
	// Warnings is what the operator should know of the configuration, such as
	// hooks that fail open.
	Warnings []string

	options *Options
	tables  map[string]*Table // of accounts that have one of their own
	rest    *Table            // of all others; nil if nothing concerns them
	events  []*bound          // of all accounts
	hooks   []*loaded
	using   [spread]gauge
	retired atomic.Bool
	next    atomic.Pointer[Set] // that took the place of a retired set
	before  atomic.Pointer[Set] // whose place it took, while that had calls under way
	end     sync.Once
	drained chan struct{} // closed when the set is retired and its calls have ended
}

// loaded is one hook of a set. Inst is nil when it is off.
type loaded struct {
	hook  *Hook
	inst  *instance
	stats *counters
}

// Table returns what is loaded for an account: nil when nothing is. At connect,
// when no account is known, the name is "".
func (s *Set) Table(account string) *Table {
	if t, ok := s.tables[account]; ok {
		return t
	}
	return s.rest
}

// spread is over how many counters the calls under way are spread, so that
// connections on different cores do not share one.
const spread = 16

// gauge is a counter on a cache line of its own.
type gauge struct {
	n atomic.Int64
	_ [56]byte
}

// Enter returns the table that is at work for a client of an account: t, or what has
// taken its place since. Until Exit, [Table.DoEntered] asks the hooks of that,
// whatever is loaded meanwhile, so that nothing that several points decide is decided
// by half of each. T and the result may be nil.
func (t *Table) Enter(c *Client) *Table { return t.enter(c, c.Account) }

// enter counts a batch of a client in, and returns the table that is to be used:
// t, or that of the set which has replaced it, as engines of a retired set may
// be closed. It may be nil.
func (t *Table) enter(c *Client, account string) *Table {
	for t != nil {
		s := t.set
		g := &s.using[c.ID%spread].n
		g.Add(1)
		if !s.retired.Load() {
			return t
		}
		g.Add(-1)
		s.leave()
		t = s.next.Load().Table(account)
	}
	return nil
}

// Exit ends what Enter, which returned t, has begun for a client. T may be nil.
func (t *Table) Exit(c *Client) {
	if t == nil {
		return
	}
	t.set.using[c.ID%spread].n.Add(-1)
	if t.set.retired.Load() {
		t.set.leave()
	}
}

// newSet returns a set with nothing in it.
func newSet(o *Options) *Set { return &Set{options: o, drained: make(chan struct{})} }

// follow makes s the set after old.
func (s *Set) follow(old *Set) {
	s.before.Store(old)
	b := old.before.Load()
	for b != nil && b.isDrained() {
		b = b.before.Load()
	}
	old.before.Store(b) // what is drained need not be held
}

func (s *Set) isDrained() bool {
	select {
	case <-s.drained:
		return true
	default:
		return false
	}
}

// retire sends whoever still holds a table of s to next.
func (s *Set) retire(next *Set) {
	s.next.Store(next)
	s.retired.Store(true)
	s.leave()
}

// leave looks whether the calls of a retired set have ended.
func (s *Set) leave() {
	if !s.busy() {
		s.end.Do(func() { close(s.drained) })
	}
}

// busy reports whether a call is under way. In a retired set none begins, so that
// no counter that was zero once counts one again.
func (s *Set) busy() bool {
	for i := range s.using {
		if s.using[i].n.Load() != 0 {
			return true
		}
	}
	return false
}
