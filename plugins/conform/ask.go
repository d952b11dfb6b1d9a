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
// question by the chain. Of makes the question; nil is none. Look says what is wrong
// with the message that an answer has made of it; it may be nil.
func (s *subject) asking(ctx context.Context, of func(*hooks.Registration) *hooks.Call, look func(*hooks.Call) error) (answers []string, err error) {
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
		if err == nil && look != nil && c.Outcome.Verdict == hooks.Replace {
			if err = look(c); err != nil {
				err = fmt.Errorf("registration %d (%v): %w", i, list[i].Point, err)
			}
		}
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
	answers, err := s.asking(ctx, func(r *hooks.Registration) *hooks.Call { return call(r, 1, "conform") }, nil)
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

// mangled says which part of a message a plugin has taken for text, which makes U+FFFD
// of bytes that are none.
func mangled(c *hooks.Call) error {
	for _, part := range []struct {
		name  string
		bytes []byte
	}{{"subject", c.Subject}, {"header", c.Header}, {"payload", c.Payload}} {
		if bytes.Contains(part.bytes, []byte("\ufffd")) {
			return fmt.Errorf("the bytes %q of the %s come back as U+FFFD: keep them as bytes, they are not always text", odd, part.name)
		}
	}
	return nil
}

// checkBytes: subjects, replies, queues and payloads need not be UTF-8.
func checkBytes(ctx context.Context, s *subject) (string, error) {
	answers, err := s.asking(ctx, func(r *hooks.Registration) *hooks.Call {
		if r.Point == hooks.AtConnect {
			return nil
		}
		c := call(r, 1, odd)
		if r.Point != hooks.AtSubscribe {
			c.Header = []byte("NATS/1.0\r\nConform: " + odd + "\r\n\r\n")
			c.Size = len(c.Header) + len(c.Payload)
		}
		return c
	}, mangled)
	if err == nil && len(answers) == 0 {
		err = skip("the plugin is asked about no subjects")
	}
	return "", err
}

// large is a message that every broker takes.
const large = 1 << 20

// largePayload is an object in JSON of which no part is another.
func largePayload() []byte {
	b := []byte(`{"conform":"`)
	for len(b) < large {
		b = fmt.Appendf(b, "%d,", len(b))
	}
	return append(b[:large-len(`"}`)], `"}`...)
}

// checkLarge: a message of 1 MiB comes and, if the plugin changes it, goes.
func checkLarge(ctx context.Context, s *subject) (string, error) {
	payload := largePayload()
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
	}, func(c *hooks.Call) error {
		if n := len(c.Payload); n > 0 && n < large && bytes.HasPrefix(payload, c.Payload) {
			return fmt.Errorf("of a payload of %d bytes the first %d come back: take and send frames of any size; max_payload of a registration is for those that a plugin does not want", large, n)
		}
		return nil
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
	err = s.load(ctx, p, place, n)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.unanswered()
	}
	if err != nil {
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
