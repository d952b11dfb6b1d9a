package conform

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"moonwire/hooks"
	"moonwire/plugins"
)

// asking runs the plugin as the broker does, and has each registration asked a
// question by the chain. Of makes the question; nil is none.
func (s *subject) asking(ctx context.Context, of func(r *hooks.Registration) *hooks.Call) (answers []string, err error) {
	p, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer closing(p, &err)
	list := p.Registrations()
	var errs []error
	for _, i := range questions(list) {
		c := of(&list[i])
		if c == nil {
			continue
		}
		said, err := s.decide(ctx, p, i, c)
		c.Done()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		answers = append(answers, fmt.Sprintf("%v %s", list[i].Point, said))
	}
	return answers, errors.Join(errs...)
}

// checkAnswers: each point is answered, with what it takes.
func checkAnswers(ctx context.Context, s *subject) (string, error) {
	answers, err := s.asking(ctx, func(r *hooks.Registration) *hooks.Call { return call(r, 1, "conform") })
	if err != nil {
		return "", err
	}
	if len(answers) == 0 {
		return "", skip("the plugin is asked nothing")
	}
	return strings.Join(answers, ", "), nil
}

// odd is bytes that are no text.
const odd = "\xff\xfe\x80"

// checkBytes: subjects, replies, queues and payloads need not be UTF-8.
func checkBytes(ctx context.Context, s *subject) (string, error) {
	answers, err := s.asking(ctx, func(r *hooks.Registration) *hooks.Call {
		if r.Point == hooks.AtConnect {
			return nil
		}
		return call(r, 1, odd)
	})
	if err == nil && len(answers) == 0 {
		err = skip("the plugin is asked about no subjects")
	}
	return "", err
}

// large is a message that every broker takes.
const large = 1 << 20

// checkLarge: a message of 1 MiB comes and, if the plugin changes it, goes.
func checkLarge(ctx context.Context, s *subject) (string, error) {
	payload := bytes.Repeat([]byte("x"), large)
	answers, err := s.asking(ctx, func(r *hooks.Registration) *hooks.Call {
		if r.MaxPayload > 0 && r.MaxPayload < large+len(header) || r.Point != hooks.AtInspect && r.Point != hooks.AtPublish {
			return nil
		}
		c := call(r, 1, "conform")
		c.Size = len(c.Header) + large
		if r.Point == hooks.AtInspect {
			c.Payload = payload
		}
		return c
	})
	if err == nil && len(answers) == 0 {
		err = skip("the plugin is asked about no message of 1 MiB")
	}
	return "", err
}

const (
	// callers is how many connections ask at a time under load.
	callers = 4
	// together is how many questions each of them asks at a time: those of a frame.
	together = 256
	// mostConnects is how many connections come under load, where a plugin may have
	// to ask somebody else about each.
	mostConnects = 1000
)

// checkLoad: it answers as much as there is.
func checkLoad(ctx context.Context, s *subject) (_ string, err error) {
	p, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	defer closing(p, &err)
	place, n := busiest(p.Registrations()), s.o.Calls
	if place < 0 {
		return "", skip("the plugin is asked nothing")
	}
	point := p.Registrations()[place].Point
	if point == hooks.AtConnect {
		n = min(n, mostConnects)
	}
	start := time.Now()
	if err := s.load(ctx, p, place, n); err != nil {
		return "", fmt.Errorf("a call among many at %v: %w", point, err)
	}
	took := time.Since(start)
	return fmt.Sprintf("%d calls at %v, %.0f calls/s", n, point, float64(n)/took.Seconds()), nil
}

// busiest is the registration that a broker asks most, or -1.
func busiest(list []hooks.Registration) int {
	for _, p := range []hooks.Point{hooks.AtPublish, hooks.AtInspect, hooks.AtRewrite, hooks.AtSubscribe, hooks.AtConnect} {
		for i := range list {
			if list[i].Point == p {
				return i
			}
		}
	}
	return -1
}

// load asks n questions, of which each has to be answered.
func (s *subject) load(ctx context.Context, p *plugins.Plugin, place, n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for k := range callers {
		wg.Go(func() {
			r := &p.Registrations()[place]
			calls := make([]*hooks.Call, together)
			for i := range calls {
				calls[i] = call(r, uint64(k+1), "conform")
				calls[i].Client = calls[0].Client
			}
			for errs[k] == nil {
				after := left.Add(-together)
				count := min(together, after+together)
				if count <= 0 {
					break
				}
				errs[k] = batch(ctx, p, place, calls[:count], s.o.Timeout)
			}
			for _, c := range calls {
				c.Done()
			}
		})
	}
	wg.Wait()
	return cmp.Or(errs...) // they fail alike
}

// batch asks some questions at a time. The error is that one has no answer.
func batch(ctx context.Context, p *plugins.Plugin, place int, calls []*hooks.Call, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for _, c := range calls {
		c.Out, c.Err = hooks.Result{}, nil
	}
	if err := p.Do(ctx, place, calls); err != nil {
		return err
	}
	for _, c := range calls {
		if e, ok := errors.AsType[*hooks.Error](c.Err); c.Err != nil && (!ok || e.Kind != hooks.KindRuntime) {
			return c.Err
		}
	}
	return nil
}
