package builtin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"moonwire/hooks"
)

// RateLimitOptions are those of a [RateLimit].
type RateLimitOptions struct {
	// Rules are the limits; at least one, and at most eight at one point.
	Rules []RateRule
	// MaxBuckets is how many buckets each rule remembers, of some 80 bytes each
	// with the way to it. Default 100,000, at most 100 million. When there are more
	// keys, those whose bucket is full are forgotten first, which changes nothing,
	// and then those whose bucket is full soonest.
	MaxBuckets int
	// Admit has the hook say allow at connect of what is within the limits. Without
	// it, it has no opinion, and as one hook must allow, another is to say who may
	// connect. With it, those let in are all that another hook has no opinion of:
	// it is for brokers where no other hook is at connect.
	Admit bool
	// Clock is by which tokens come in; it goes with the buckets to the next engine.
	// Waiting is by the clock of the machine. Default is its monotonic clock.
	Clock func() time.Time
}

// defaultBuckets is how many buckets a rule remembers when nobody says so.
const defaultBuckets = 100_000

// mostBuckets bounds MaxBuckets.
const mostBuckets = 100_000_000

// RateLimit holds back who is too fast. Each rule that concerns a call must admit
// it, and only if all do are tokens taken, from all of them at once. Rules of
// different points are asked one after the other, as the points are: what a rule
// at publish took stays taken when one at inspect drops the message.
//
// The messages of a batch take tokens in the order in which they came: one that is
// refused takes none, and the next may be small enough to pass. They all count as
// of one moment. With several rules against it, a call is refused by the first of
// the configuration.
//
// A delay is a wait of the read loop of a connection, back pressure on that
// connection alone: the tokens are taken at once, on credit, so that connections
// with the same bucket are served in the order in which they asked; then the batch
// waits as long as the one of its messages that must wait longest. Each message
// may take MaxDelay, and none more than three quarters of the time that the hook
// has for the batch: to delay by more than a moment, raise its timeout. What waits
// when the connection ends, the engine is closed or the time is over has no answer,
// and its tokens are spent. In shadow mode delays hold up the shadow's own queue.
//
// An engine that takes the place of another goes on with its buckets, rule by rule,
// where at, by, rates, bursts, subjects and MaxBuckets are the same; actions and
// delays may change. Other rules begin with full buckets. Both engines share the
// buckets: the old one may come back at any time.
type RateLimit struct {
	clock         *clock
	maxBuckets    int
	rules         []*rule // in the order of the configuration
	registrations []hooks.Registration
	gates         []*gate // by registration
	closed        chan struct{}
	end           func() // closes it
}

// clock is a time that only goes on.
type clock struct {
	start time.Time
	now   func() time.Time // nil for that of the machine
}

func (c *clock) nanos() int64 {
	if c.now == nil {
		return int64(time.Since(c.start)) // reads the monotonic clock alone
	}
	return int64(c.now().Sub(c.start))
}

// NewRateLimit returns a limit. Old is the engine that it replaces, or nil. The
// error holds all that is wrong with the options.
func NewRateLimit(o RateLimitOptions, old hooks.Engine) (*RateLimit, error) {
	return newRateLimit(o, old, &problems{hook: rateLimitName})
}

func newRateLimit(o RateLimitOptions, old hooks.Engine, p *problems) (*RateLimit, error) {
	l := &RateLimit{clock: &clock{now: o.Clock}, maxBuckets: cmp.Or(o.MaxBuckets, defaultBuckets), closed: make(chan struct{})}
	l.end = sync.OnceFunc(func() { close(l.closed) })
	for i, r := range o.Rules {
		r = r.withDefaults()
		r.validate(fmt.Sprintf("rules[%d].", i), p)
		l.rules = append(l.rules, newRule(r, i))
	}
	l.validate(o, p)
	if err := p.err(); err != nil {
		return nil, err
	}
	if l.clock.start = time.Now(); o.Clock != nil {
		l.clock.start = o.Clock()
	}
	before, _ := old.(*RateLimit)
	l.inherit(before)
	for at := range hooks.Point(hooks.Points) {
		l.register(at, o.Admit && at == hooks.AtConnect)
	}
	return l, nil
}

// validate tells what is wrong with the options, but for single rules.
func (l *RateLimit) validate(o RateLimitOptions, p *problems) {
	if len(o.Rules) == 0 {
		p.add("rules", "are missing: want at least one, such as { by: user, rate: 100 }")
	}
	if o.MaxBuckets < 0 || o.MaxBuckets > mostBuckets {
		p.add("max_buckets", "%d: want at least 1, and at most %d", o.MaxBuckets, mostBuckets)
	}
	var n hooks.PerPoint[int]
	for _, r := range l.rules {
		if int(r.At) >= len(n) {
			continue // it is named already
		}
		if n[r.At]++; n[r.At] == mostRules+1 {
			p.add("rules", "there are more than %d at %v: split them over two hooks", mostRules, r.At)
		}
	}
	if o.Admit && n[hooks.AtConnect] == 0 {
		p.add("admit", "means nothing without a rule at connect")
	}
}

// inherit gives each rule its buckets: those of a rule of the old engine that
// counts the same, or new ones. Numbers of stores go on from those of the old
// engine, so that whoever shares stores locks them in the same order.
func (l *RateLimit) inherit(old *RateLimit) {
	next := 0
	var left []*rule
	if old != nil {
		l.clock = old.clock
		for _, r := range old.rules {
			next = max(next, r.store.id+1)
		}
		if old.maxBuckets == l.maxBuckets {
			left = slices.Clone(old.rules)
		}
	}
	for _, r := range l.rules {
		if i := slices.IndexFunc(left, r.sameBuckets); i >= 0 {
			r.store = left[i].store
			left = slices.Delete(left, i, i+1)
			continue
		}
		r.store = newStore(next, l.maxBuckets)
		next++
	}
}

// register asks for the calls of a point that its rules concern.
func (l *RateLimit) register(at hooks.Point, admit bool) {
	g := &gate{admit: admit}
	r := hooks.Registration{Point: at, Fields: hooks.Fields{Set: hooks.FieldOther}}
	all := false
	for _, u := range l.rules {
		if u.At != at {
			continue
		}
		g.rules = append(g.rules, u)
		g.delays = g.delays || u.Action == ActionDelay
		all = all || len(u.Subjects) == 0
		r.Subjects = append(r.Subjects, u.Subjects...)
		r.Fields.Set |= u.By | hooks.FieldSize
	}
	if len(g.rules) == 0 {
		return
	}
	if all {
		r.Subjects = nil
	}
	if len(r.Subjects) > 0 {
		r.Fields.Set |= hooks.FieldSubject
	}
	if at == hooks.AtConnect {
		r.Fields.Set |= hooks.FieldConnect | hooks.FieldSecrets
	}
	slices.SortFunc(g.rules, func(a, b *rule) int { return cmp.Compare(a.store.id, b.store.id) })
	l.registrations = append(l.registrations, r)
	l.gates = append(l.gates, g)
}

// AdmitsNobody returns what has the hook allow at connect, unless it does.
func (l *RateLimit) AdmitsNobody() (remedy string) {
	for _, g := range l.gates {
		if g.admit {
			return ""
		}
	}
	return `set "admit: true" in the config of the ratelimit`
}

// Registrations asks at the points that have rules.
func (l *RateLimit) Registrations() []hooks.Registration { return l.registrations }

// Do takes the tokens of a batch, and waits for them where rules delay.
func (l *RateLimit) Do(ctx context.Context, registration int, calls []*hooks.Call) error {
	g := l.gates[registration]
	var budget int64
	if g.delays {
		budget = allowance(ctx)
	}
	now, wait := l.clock.nanos(), int64(0)
	for _, c := range calls {
		wait = max(wait, g.ask(c, now, budget))
	}
	if wait == 0 {
		return nil
	}
	if err := l.wait(ctx, time.Duration(wait)); err != nil {
		for _, c := range calls {
			if !c.Out.Verdict.Refuses() {
				c.Err = err
			}
		}
	}
	return nil
}

// allowance is how long calls may wait: what is over before the hook's time is,
// lets the answers be in time.
func allowance(ctx context.Context) int64 {
	at, ok := ctx.Deadline()
	if !ok {
		return int64(mostDelay)
	}
	return max(int64(time.Until(at))/4*3, 0)
}

var errClosed = errors.New("the hook was closed while a connection waited for tokens")

func (l *RateLimit) wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closed:
		return errClosed
	}
}

// Notify does nothing: no events are asked for.
func (l *RateLimit) Notify(int, []hooks.Event) {}

// Close ends all waits. The buckets stay with the engine that has taken them over.
func (l *RateLimit) Close(context.Context) error {
	l.end()
	return nil
}

// gate is the rules of one point. Immutable.
type gate struct {
	rules  []*rule // by the numbers of their stores, as they are locked
	admit  bool
	delays bool // some rule does
}

// claim is what a call has to do with one rule.
type claim struct {
	rule  *rule
	shard *shard
	key   uint64
}

// ask answers a call, and returns how long it must wait. Budget is how long it
// may at most.
func (g *gate) ask(c *hooks.Call, now, budget int64) (wait int64) {
	var claims [mostRules]claim
	n := 0
	var over *rule
	var why string
	for _, r := range g.rules {
		if !r.concerns(c) {
			continue
		}
		key := r.key(c)
		h := r.store.shard(key)
		h.mu.Lock()
		claims[n] = claim{r, h, key}
		n++
		w, reason := r.wait(h.findLocked(key), now, c.Size)
		if w > r.patience(budget) && (over == nil || r.number < over.number) {
			over, why = r, reason
		}
		wait = max(wait, w)
	}
	for i := range claims[:n] {
		if over == nil {
			claims[i].takeLocked(now, c.Size)
		}
		claims[i].shard.mu.Unlock()
	}
	switch {
	case over != nil:
		c.Out.Verdict, c.Out.Reason = over.verdict, why
		return 0
	case g.admit:
		c.Out.Verdict = hooks.Allow
	}
	return wait
}

// takeLocked takes the tokens of a call. The shard is locked.
func (m *claim) takeLocked(now int64, size int) {
	b := m.shard.findLocked(m.key)
	if b == nil {
		b = m.shard.addLocked(m.key, now, m.rule.store.room)
	}
	m.rule.take(b, now, size)
}
