package hooktool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/lua"
)

// asker asks hooks one question at a time, in the way of a broker, and notes what
// each of their functions says. It owns the engines.
type asker struct {
	ctx context.Context
	set *hooks.Set
	// shadows are the hooks in shadow mode, as if they were not: they are asked
	// after the others, and decide nothing. Nil if there are none.
	shadows *hooks.Set
	// maxPayload is the most bytes of a message that the broker takes.
	maxPayload int

	// Of the question at hand:
	notes  []note
	called *note // what a function has just said, before it is known what is made of it
}

// note is what one function of a hook said of a question.
type note struct {
	hook    string
	place   string        // file:line of the function; "" if it is not known
	took    time.Duration // 0 if the function was not called
	verdict hooks.Verdict // that of on_error where err is set
	reason  string
	err     error
	cached  bool
	changed string // what it put in the place of what there was, in words
	shadow  bool   // nothing follows from it
}

// maxPayload is what a broker takes whose configuration says nothing else.
const maxPayload = 1 << 20

// newAsker returns an asker for hooks, in a broker without a configuration. Their
// engines are closed with it, or when it cannot be made.
func newAsker(ctx context.Context, list []hooks.Hook, o hooks.Options) (*asker, error) {
	a := &asker{ctx: ctx, maxPayload: maxPayload}
	o.Sampling = hooks.Sampling{Sample: 1, Denied: 1}
	var enforced, shadows []hooks.Hook
	for _, h := range list {
		if h.Engine == nil { // it is off
			continue
		}
		h.Engine = &witness{h.Engine, placesOf(h.Engine), a}
		if h.Mode == hooks.Shadow {
			h.Mode = hooks.Enforce
			shadows = append(shadows, h)
		} else {
			enforced = append(enforced, h)
		}
	}
	o.Observer.Decision = func(d hooks.Decision) { a.decided(d, false) }
	var err error
	if a.set, err = hooks.Compile(enforced, o); err != nil {
		return nil, errors.Join(err, closeEngines(ctx, list))
	}
	if len(shadows) == 0 {
		return a, nil
	}
	o.Observer.Decision = func(d hooks.Decision) { a.decided(d, true) }
	if a.shadows, err = hooks.Compile(shadows, o); err != nil {
		return nil, errors.Join(err, a.set.Close(ctx), closeEngines(ctx, shadows))
	}
	return a, nil
}

// closeEngines closes the engines of hooks that nobody else closes.
func closeEngines(ctx context.Context, list []hooks.Hook) error {
	var errs []error
	for _, h := range list {
		if h.Engine != nil {
			errs = append(errs, h.Engine.Close(ctx))
		}
	}
	return errors.Join(errs...)
}

// close closes the engines.
func (a *asker) close() error {
	err := a.set.Close(a.ctx)
	if a.shadows != nil {
		err = errors.Join(err, a.shadows.Close(a.ctx))
	}
	return err
}

// ask asks the hooks of an account about c, whose Outcome is what they decided,
// and returns what each of them said.
func (a *asker) ask(s *hooks.Session, account string, p hooks.Point, c *hooks.Call) []note {
	a.notes = nil
	a.set.Table(account).Do(a.ctx, s, p, []*hooks.Call{c})
	if a.shadows != nil {
		q := hooks.NewCall()
		defer q.Done()
		q.Client, q.Connect, q.MaxPayload, q.Size = c.Client, c.Connect, c.MaxPayload, c.Size
		q.Subject, q.OriginalSubject, q.Reply, q.Queue = c.Subject, c.OriginalSubject, c.Reply, c.Queue
		q.Header, q.Payload = c.Header, c.Payload
		var other hooks.Session
		a.shadows.Table(account).Do(a.ctx, &other, p, []*hooks.Call{q})
	}
	return a.notes
}

// decided notes what is made of an answer.
func (a *asker) decided(d hooks.Decision, shadow bool) {
	n := note{}
	if a.called != nil {
		n, a.called = *a.called, nil
	}
	n.hook, n.verdict, n.reason, n.err, n.cached, n.shadow = d.Hook, d.Verdict, d.Reason, d.Err, d.Cached, shadow
	if d.Err != nil || d.Verdict != hooks.Replace {
		n.changed = ""
	}
	a.notes = append(a.notes, n)
}

// witness is an engine that tells an asker which function was called, and how long
// it took.
type witness struct {
	hooks.Engine
	places []string // by registration
	asker  *asker
}

// Do implements [hooks.Engine].
func (w *witness) Do(ctx context.Context, registration int, calls []*hooks.Call) error {
	start := time.Now()
	err := w.Engine.Do(ctx, registration, calls)
	n := &note{took: max(time.Since(start), 1)}
	if registration < len(w.places) {
		n.place = w.places[registration]
	}
	if len(calls) == 1 {
		n.changed = changes(&calls[0].Out)
	}
	w.asker.called = n
	return err
}

// changes says in words what an answer puts in the place of what there was.
func changes(r *hooks.Result) string {
	switch {
	case r.Subject != nil:
		return fmt.Sprintf("the subject becomes %q", r.Subject)
	case r.Header != nil && r.Payload != nil:
		return fmt.Sprintf("headers change, and the payload, to %d bytes", len(r.Payload))
	case r.Header != nil:
		return "headers change"
	case r.Payload != nil:
		return fmt.Sprintf("the payload changes, to %d bytes", len(r.Payload))
	}
	return ""
}

// placesOf returns where the functions of a script begin, by registration; nil for
// other engines.
func placesOf(e hooks.Engine) (places []string) {
	s, ok := e.(interface{ Describe() []lua.Handler })
	if !ok {
		return nil
	}
	for _, h := range s.Describe() {
		places = append(places, fmt.Sprintf("%s:%d", h.File, h.Line))
	}
	return places
}
