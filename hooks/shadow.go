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
			batch = append(batch, waiting[0].call)
			waiting = waiting[1:]
		}
		o.askShadow(&s, b, batch)
	}
}

func (o *Options) askShadow(s *Session, b *bound, batch []*Call) {
	i := b.inst
	admitted := i.breaker.admit()
	late := false
	for _, c := range batch {
		c.ready(b)
		c.by = nil // nothing is kept
		if !admitted {
			c.Err = errBreaker
		}
	}
	if admitted {
		late = i.do(i.ctx, s, b, batch)
	}
	failed := 0
	for _, c := range batch {
		if o.would(b, c) {
			failed++
		}
		c.Done()
	}
	if late {
		failed = len(batch)
	}
	if admitted {
		o.done(b, len(batch), failed)
	}
}

// would counts what became of a call, and reports whether the hook failed.
func (o *Options) would(b *bound, c *Call) (failed bool) {
	at := &b.inst.stats.points[b.Point]
	err := c.Err
	if err == nil && b.MaxPayload > 0 && c.Size > b.MaxPayload {
		err = b.oversize(c)
	}
	if err == nil {
		if wrong := c.answer(b.Point); wrong != nil {
			err = &Error{KindBadReply, wrong}
		}
	}
	v := c.Out.Verdict
	if err != nil {
		v = b.on
		k := kindOf(err)
		at.errors[k].Add(1)
		o.failure(b, b.Point, k, err)
	}
	at.shadow[v].Add(1)
	return err != nil
}
