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
	if b.MaxPayload > 0 && c.Size > b.MaxPayload {
		o.would(b, b.oversize(c), Pass)
		return
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
		if c.Err == nil {
			if err := c.answer(b.Point); err != nil {
				c.Err = &Error{KindBadReply, err}
			}
		}
		if c.Err != nil {
			failed++
		}
		o.would(b, c.Err, c.Out.Verdict)
		c.Done()
	}
	if late {
		failed = len(batch)
	}
	if admitted {
		o.done(b, len(batch), failed)
	}
}

// would counts what the hook would have said: v, or what on_error says of err.
func (o *Options) would(b *bound, err error, v Verdict) {
	at := &b.inst.stats.points[b.Point]
	if err != nil {
		v = b.on
		k := kindOf(err)
		at.errors[k].Add(1)
		o.failure(b, b.Point, k, err)
	}
	at.shadow[v].Add(1)
}
