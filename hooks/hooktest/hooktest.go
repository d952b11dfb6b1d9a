package hooktest

import (
	"context"
	"time"

	"moonwire/hooks"
)

// Engine is a [hooks.Engine] of functions. Those that are nil do nothing: without Ask
// it has no opinion.
type Engine struct {
	Wants []hooks.Registration
	Ask   func(ctx context.Context, registration int, calls []*hooks.Call) error
	Tell  func(registration int, events []hooks.Event)
}

// Registrations implements [hooks.Engine].
func (e *Engine) Registrations() []hooks.Registration { return e.Wants }

// Do implements [hooks.Engine].
func (e *Engine) Do(ctx context.Context, registration int, calls []*hooks.Call) error {
	if e.Ask == nil {
		return nil
	}
	return e.Ask(ctx, registration, calls)
}

// Notify implements [hooks.Engine].
func (e *Engine) Notify(registration int, events []hooks.Event) {
	if e.Tell != nil {
		e.Tell(registration, events)
	}
}

// Close implements [hooks.Engine].
func (e *Engine) Close(context.Context) error { return nil }

// Rule is what an engine says at a point.
type Rule struct {
	At  hooks.Registration
	Say func(*hooks.Call)
}

// On returns a rule for some subjects, or for all.
func On(p hooks.Point, say func(*hooks.Call), subjects ...string) Rule {
	return Rule{hooks.Registration{Point: p, Subjects: subjects}, say}
}

// New returns an engine with a registration for each rule.
func New(rules ...Rule) *Engine {
	e := &Engine{Ask: func(_ context.Context, registration int, calls []*hooks.Call) error {
		for _, c := range calls {
			rules[registration].Say(c)
		}
		return nil
	}}
	for _, r := range rules {
		e.Wants = append(e.Wants, r.At)
	}
	return e
}

// At returns an engine of one rule.
func At(p hooks.Point, say func(*hooks.Call), subjects ...string) *Engine {
	return New(On(p, say, subjects...))
}

// Listener returns an engine that is told of events, one after the other, of some
// types or of all.
func Listener(hear func(hooks.Event), types ...string) *Engine {
	return &Engine{
		Wants: []hooks.Registration{{Point: hooks.AtEvent, Events: types}},
		Tell: func(_ int, events []hooks.Event) {
			for _, e := range events {
				hear(e)
			}
		},
	}
}

// Hook returns a hook that has a minute for each answer: a busy machine must not make
// it late, which would open its breaker.
func Hook(name string, e hooks.Engine) hooks.Hook {
	return hooks.Hook{Name: name, Engine: e, Timeout: hooks.PerPoint[time.Duration]{}.All(time.Minute)}
}

// Spec returns such a hook for a manager, which opens the same engine each time.
func Spec(name string, e hooks.Engine) hooks.Spec {
	s := hooks.Spec{Hook: Hook(name, nil)}
	s.Open = func(context.Context, hooks.Engine) (hooks.Engine, error) { return e, nil }
	return s
}
