package conform

import (
	"context"
	"errors"
	"fmt"
	"time"

	"moonwire/hooks"
	"moonwire/plugins"
	hookv1 "moonwire/plugins/api/v1"
)

// process is a process of the plugin that is configured.
type process struct {
	*plugins.Bare
	subject *subject
	said    *hookv1.ConfigureResponse
	list    []hooks.Registration
}

// start starts a process.
func (s *subject) start(ctx context.Context, change func(*plugins.Options)) (*plugins.Bare, error) {
	o := s.options()
	if change != nil {
		change(&o)
	}
	return plugins.Start(ctx, o)
}

// end ends a process, and keeps what it did besides.
func (s *subject) end(b *plugins.Bare) error {
	err := b.Stop(context.Background())
	if b.Spoke() {
		s.spoke = true
	}
	return err
}

// launch starts a process, with the state of another if there is one. The caller
// ends it.
func (s *subject) launch(ctx context.Context, state []byte) (*process, error) {
	b, err := s.start(ctx, nil)
	if err != nil {
		return nil, err
	}
	p := &process{Bare: b, subject: s}
	if p.said, p.list, err = b.Configure(ctx, state); err != nil {
		_ = s.end(b)
		return nil, err
	}
	return p, nil
}

// end ends it.
func (p *process) end() error { return p.subject.end(p.Bare) }

// open has the plugin run as the broker does. The caller closes it.
func (s *subject) open(ctx context.Context) (*plugins.Plugin, error) {
	return plugins.Open(ctx, s.options(), nil)
}

// closing ends a plugin, and adds to err why that fails.
func closing(p *plugins.Plugin, err *error) {
	*err = errors.Join(*err, p.Close(context.Background()))
}

// only is one registration of a plugin as an engine of its own.
type only struct {
	plugin       *plugins.Plugin
	registration int
}

// Registrations implements [hooks.Engine].
func (e only) Registrations() []hooks.Registration {
	return e.plugin.Registrations()[e.registration : e.registration+1]
}

// Do implements [hooks.Engine].
func (e only) Do(ctx context.Context, _ int, calls []*hooks.Call) error {
	return e.plugin.Do(ctx, e.registration, calls)
}

// Notify implements [hooks.Engine].
func (e only) Notify(_ int, events []hooks.Event) { e.plugin.Notify(e.registration, events) }

// Close implements [hooks.Engine]. The plugin goes on.
func (only) Close(context.Context) error { return nil }

// decide has the chain of a broker ask one registration, and returns what it makes
// of the answer: a verdict, or that the plugin says why it has none. The error is
// that it does not answer, or with what the point does not take.
func (s *subject) decide(ctx context.Context, p *plugins.Plugin, registration int, c *hooks.Call) (said string, err error) {
	r := &p.Registrations()[registration]
	var failure *hooks.Failure
	set, err := hooks.Compile([]hooks.Hook{{
		Name: "conform", Engine: only{p, registration},
		Timeout: hooks.PerPoint[time.Duration]{}.All(s.o.Timeout),
	}}, hooks.Options{Observer: hooks.Observer{Failure: func(f hooks.Failure) { failure = &f }}})
	if err != nil {
		return "", err
	}
	defer func() { _ = set.Close(context.Background()) }() // its engine has nothing to close
	var session hooks.Session
	set.Table(c.Client.Account).Do(ctx, &session, r.Point, []*hooks.Call{c})
	if failure == nil {
		return c.Outcome.Verdict.String(), nil
	}
	why := failure.Err
	if e, ok := errors.AsType[*hooks.Error](why); ok {
		why = e.Err
	}
	if failure.Kind == hooks.KindRuntime { // what a plugin says is of this kind
		return fmt.Sprintf("no answer (%v)", why), nil
	}
	if errors.Is(why, context.DeadlineExceeded) {
		return "", fmt.Errorf("registration %d (%v): %w", registration, r.Point, s.unanswered())
	}
	return "", fmt.Errorf("registration %d (%v): %v: %w", registration, r.Point, failure.Kind, why)
}

// once is what an author has to do about answers that do not come, or too often.
const once = "answer each request once, by its id"

// unanswered is what is wrong with a request that has no answer.
func (s *subject) unanswered() error {
	return fmt.Errorf("there is no answer within %v: %s, and in time", s.o.Timeout, once)
}
