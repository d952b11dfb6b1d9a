package hooks

import (
	"context"
	"errors"
	"time"
)

// Do asks the hooks of a point about calls, which are a batch of one client in
// the order in which they came, and sets the Outcome of each. It blocks until
// all are decided, which is bounded by the timeouts of the hooks, one for each call
// at most. T may be nil: then every call passes.
//
// Each hook gets those calls that concern it and are still undecided, in one
// batch. S is that of the connection.
func (t *Table) Do(ctx context.Context, s *Session, p Point, calls []*Call) {
	if len(calls) == 0 {
		return
	}
	client := calls[0].Client
	account := client.Account
	if p == AtConnect {
		account = "" // hooks at connect are for all
	}
	t = t.enter(client, account)
	t.DoEntered(ctx, s, p, calls)
	t.Exit(client)
}

// DoEntered is Do between [Table.Enter], which returned t, and [Table.Exit].
func (t *Table) DoEntered(ctx context.Context, s *Session, p Point, calls []*Call) {
	for _, c := range calls {
		c.begin()
	}
	if t == nil {
		return
	}
	s.now = 0
	for _, c := range calls {
		m := t.match(s, p, c.Subject)
		c.todo, c.shadows = m.chain, m.shadows
	}
	for b := next(calls); b != nil; b = next(calls) {
		s.batch = gather(s.batch[:0], b, calls)
		t.ask(ctx, s, b, s.batch)
	}
	clear(s.batch[:min(len(calls), cap(s.batch))]) // a silent connection holds no calls
	for _, c := range calls {
		c.conclude(p, t)
		for _, b := range c.shadows {
			t.set.options.shadow(b, c)
		}
		c.todo, c.shadows = nil, nil
	}
}

// next returns the hook whose turn is next for any call, or nil.
func next(calls []*Call) (b *bound) {
	for _, c := range calls {
		if len(c.todo) > 0 && (b == nil || c.todo[0].order < b.order) {
			b = c.todo[0]
		}
	}
	return b
}

// gather takes b from what the calls have to do, and appends those that had it.
func gather(batch []*Call, b *bound, calls []*Call) []*Call {
	for _, c := range calls {
		if len(c.todo) > 0 && c.todo[0] == b {
			c.todo = c.todo[1:]
			batch = append(batch, c)
		}
	}
	return batch
}

// ask asks one hook about a batch, whose elements it may overwrite.
func (t *Table) ask(ctx context.Context, s *Session, b *bound, batch []*Call) {
	n := tally{b: b}
	rest := batch[:0]
	for _, c := range batch {
		c.ready(b)
		switch {
		case b.Cache != nil && t.recall(s, b, c):
			n.hits++
			t.settle(s, &n, c)
		case !b.takes(c):
			c.Err = b.oversize(c)
			t.settle(s, &n, c)
		default:
			rest = append(rest, c)
		}
	}
	n.asked = uint64(len(rest))
	if len(rest) > 0 {
		t.call(ctx, s, b, rest, &n)
	}
	n.count()
}

// call has the engine answer, in as many rounds as that takes.
func (t *Table) call(ctx context.Context, s *Session, b *bound, batch []*Call, n *tally) {
	for len(batch) > 0 {
		batch = t.round(ctx, s, b, batch, n)
	}
}

// round has the engine answer, unless the breaker is open, and returns the calls
// that it did not get to, in the memory of batch.
func (t *Table) round(ctx context.Context, s *Session, b *bound, batch []*Call, n *tally) (rest []*Call) {
	i := b.inst
	if !i.breaker.admit() {
		for _, c := range batch {
			c.Err = errBreaker
			t.settle(s, n, c)
		}
		return nil
	}
	late := i.do(ctx, s, b, batch)
	again := getsOn(batch) && ctx.Err() == nil
	asked, failed := len(batch), 0
	rest = batch[:0]
	for _, c := range batch {
		if again && c.Err == ErrUnasked {
			asked--
			c.ready(b)
			rest = append(rest, c)
			continue
		}
		blameless := false // whatever became of the call
		if c.Err == nil {
			if err := c.answer(b.Point); err != nil {
				c.Err = &Error{KindBadReply, err}
			}
		} else if blameless = errors.Is(c.Err, context.Canceled) && ctx.Err() != nil; blameless {
			c.Err = &Error{KindCanceled, c.Err}
		} else {
			blameless = kindOf(c.Err) == KindOversize // a client must not open the breaker for others
		}
		t.settle(s, n, c)
		switch {
		case blameless:
			asked--
		case c.Err != nil:
			failed++
		case b.Cache != nil && c.key != nil:
			t.keep(b, c)
		}
	}
	if late {
		failed = asked
	}
	t.set.options.done(b, asked, failed)
	return rest
}

// getsOn reports whether an engine has left calls of a batch unasked, but not all.
func getsOn(batch []*Call) bool {
	unasked := 0
	for _, c := range batch {
		if c.Err == ErrUnasked {
			unasked++
		}
	}
	return unasked > 0 && unasked < len(batch)
}

// done tells the breaker, and the observer when it has changed.
func (o *Options) done(b *bound, n, failed int) {
	if failed > 0 {
		b.inst.fail(n, failed)
	}
	if b.inst.breaker.done(n, failed) && o.Observer.Breaker != nil {
		o.Observer.Breaker(b.hook.Name, b.inst.breaker.State())
	}
}

// quick is what a call takes at most of which not every one is timed.
const quick = 10 * time.Microsecond

// do calls the engine, and reports whether it took longer than it may. The
// calls then have an answer or an error.
func (i *instance) do(ctx context.Context, s *Session, b *bound, batch []*Call) (late bool) {
	st := i.stats
	st.batch.add(uint64(len(batch)), uint64(len(batch)))
	var start time.Time
	s.turn++
	timed := s.turn%8 == 0 || i.slow.Load()
	if timed {
		start = time.Now()
		st.inFlight.Add(int64(len(batch)))
	}
	timeout := b.hook.timeout(b.Point)
	if err := i.guarded(s.begin(ctx, timeout), b.index, batch); err != nil {
		for _, c := range batch {
			if c.Err == nil {
				c.Err = err
			}
		}
	}
	s.end()
	if !timed {
		return false
	}
	st.inFlight.Add(-int64(len(batch)))
	d := time.Since(start)
	if slow := d > quick; slow != i.slow.Load() {
		i.slow.Store(slow)
	}
	at := &st.points[b.Point]
	at.duration.addDuration(d)
	if d <= timeout || getsOn(batch) { // it was not slow: there was much to do
		return false
	}
	at.late.Add(1)
	return true
}

// guarded calls the engine and makes an error of a panic.
func (i *instance) guarded(ctx context.Context, index int, batch []*Call) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
			for _, c := range batch { // what it had begun to answer counts for nothing
				c.Err = err
			}
		}
	}()
	return i.engine.Do(ctx, index, batch)
}

// settle applies the answer of one hook to a call, or what on_error says.
func (t *Table) settle(s *Session, n *tally, c *Call) {
	b := n.b
	v := c.Out.Verdict
	if c.Err == nil && b.Point == AtConnect && v == Allow {
		id, err := merge(c.Outcome.Identity, c.Out.Identity)
		if err == nil {
			c.Outcome.Identity = id
		} else {
			c.Err = &Error{KindBadReply, err}
		}
	}
	if c.Err != nil {
		var k Kind
		v, k = t.set.options.failed(b, c)
		n.errors[k]++
	}
	n.verdicts[v]++
	t.set.options.decide(b, c, v)
	switch v {
	case Deny, Drop:
		c.Outcome = Outcome{Verdict: v, Reason: c.Out.Reason, Hook: b.hook.Name}
		c.decided, c.todo = true, nil
	case Allow:
		c.allowed = true
		if b.hook.Final && c.Err == nil {
			c.todo = nil
		}
	case Replace:
		c.changed = true
		if b.Point == AtInspect {
			c.Header, c.Payload = c.message()
			c.Size = len(c.Header) + len(c.Payload)
			return
		}
		if c.OriginalSubject == nil {
			c.OriginalSubject = c.Subject
		}
		c.Subject = c.Out.Subject
		m := t.match(s, b.Point, c.Subject)
		c.todo, c.shadows = after(m.chain, b.order), m.shadows
	}
}

// after returns the hooks of a chain that come after one.
func after(chain []*bound, order int) []*bound {
	for i, b := range chain {
		if b.order > order {
			return chain[i:]
		}
	}
	return nil
}

// conclude sets the outcome of a call that all its hooks were asked about.
func (c *Call) conclude(p Point, t *Table) {
	switch {
	case c.decided:
	case c.changed:
		c.Outcome.Verdict = Replace
	case c.allowed:
		c.Outcome.Verdict = Allow
	case p == AtConnect && t.connect != nil && len(t.connect.chain) > 0:
		c.Outcome = Outcome{Verdict: Deny, Reason: "no hook allowed the connection"}
	}
}

// recall takes the answer of b to c from the cache, if it is there. If not,
// c.key is what the answer is to be kept by.
func (t *Table) recall(s *Session, b *bound, c *Call) bool {
	c.key = b.appendKey(c.key[:0], c)
	if c.key == nil {
		return false
	}
	if s.now == 0 {
		s.now = t.cache.clock()
	}
	d := t.cache.get(c.key, s.now)
	if d == nil {
		return false
	}
	c.Out.Verdict, c.Out.Reason, c.Out.Subject = d.verdict, d.reason, d.subject
	c.cached = true
	return true
}

// keep keeps the answer of b to c, if it depends on nothing else than its key.
func (t *Table) keep(b *bound, c *Call) {
	if c.read != 0 && b.Fields.empty() {
		b.inst.stats.refuse(c.read)
		return
	}
	if ttl := b.Cache.ttl(&c.Out); ttl > 0 {
		t.cache.put(c.key, &c.Out, ttl)
	}
}

// tally is what happened to one batch at one hook.
type tally struct {
	b        *bound
	verdicts [numVerdicts]uint64
	errors   [numKinds]uint64
	asked    uint64 // calls that the cache had no answer for
	hits     uint64
}

func (n *tally) count() {
	st := n.b.inst.stats
	if n.b.Cache != nil {
		st.hits.Add(n.hits)
		st.misses.Add(n.asked)
	}
	at := &st.points[n.b.Point]
	for i, v := range n.verdicts {
		if v > 0 {
			at.verdicts[i].Add(v)
		}
	}
	for i, e := range n.errors {
		if e > 0 {
			at.errors[i].Add(e)
		}
	}
}
