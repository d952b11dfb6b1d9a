package hooks

// mostShadowed is how many calls a shadow hook is asked about at a time.
const mostShadowed = 256

// shadowCall is a call that a hook would have decided.
type shadowCall struct {
	b    *bound
	call *Call // a copy
}

// shadow leaves a copy of c, as the chain left it and whatever it decided, for a
// hook in shadow mode: the hook is asked as if it stood last in the chain and
// nobody else had refused.
func (o *Options) shadow(b *bound, c *Call) {
	if !b.takes(c) { // then the message is not looked at
		short := *c
		short.Header, short.Payload = nil, nil
		c = &short
	}
	i := b.inst
	size := c.bytes()
	if !i.shadows.room(size) {
		i.stats.shadowsDropped.Add(1)
		return
	}
	call := c.clone()
	if !i.shadows.put(&shadowCall{b, call}, size, o.askShadows) {
		i.stats.shadowsDropped.Add(1)
		call.Done()
	}
}

// askShadows asks about what waited, in batches of one registration.
func (o *Options) askShadows(waiting []*shadowCall) {
	var s Session
	for len(waiting) > 0 {
		b := waiting[0].b
		batch := make([]*Call, 0, min(len(waiting), mostShadowed))
		for len(waiting) > 0 && waiting[0].b == b && len(batch) < mostShadowed {
			c := waiting[0].call
			waiting = waiting[1:]
			c.ready(b)
			c.by = nil // nothing is kept
			if !b.takes(c) {
				c.Err = b.oversize(c)
				o.would(b, c)
				continue
			}
			batch = append(batch, c)
		}
		for len(batch) > 0 {
			batch = o.askShadow(&s, b, batch)
		}
	}
}

// askShadow asks about a batch, and returns the calls that the engine did not get
// to, in the memory of batch.
func (o *Options) askShadow(s *Session, b *bound, batch []*Call) (rest []*Call) {
	i := b.inst
	admitted := i.breaker.admit()
	late := false
	if admitted {
		late = i.do(i.ctx, s, b, batch)
	}
	again := admitted && getsOn(batch) && i.ctx.Err() == nil
	asked, failed := 0, 0
	rest = batch[:0]
	for _, c := range batch {
		if again && c.Err == ErrUnasked {
			c.ready(b)
			c.by = nil // nothing is kept
			rest = append(rest, c)
			continue
		}
		asked++
		if !admitted {
			c.Err = errBreaker
		} else if c.Err == nil {
			if err := c.answer(b.Point); err != nil {
				c.Err = &Error{KindBadReply, err}
			}
		}
		if c.Err != nil {
			failed++
		}
		o.would(b, c)
	}
	if late {
		failed = asked
	}
	if admitted {
		o.done(b, asked, failed)
	}
	return rest
}

// would tells of what the hook would have said of c, or its on_error, if its turn
// has come, counts it, and gives c back.
func (o *Options) would(b *bound, c *Call) {
	at := &b.inst.stats.points[b.Point]
	v := c.Out.Verdict
	if c.Err != nil {
		var k Kind
		v, k = o.failed(b, c)
		at.errors[k].Add(1)
	}
	o.decide(b, c, v)
	at.shadow[v].Add(1) // last: who sees it finds the line in the log
	c.Done()
}
