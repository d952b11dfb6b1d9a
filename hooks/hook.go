package hooks

import (
	"errors"
	"fmt"
	"time"

	"moonwire/server/subject"
)

// Hook is one hook of the configuration. It is not changed once it is given to
// Compile or a Manager.
type Hook struct {
	// Name is unique and stands in logs and metrics.
	Name string
	// Engine runs the hook. A Manager sets it; it may be nil when Mode is Off.
	Engine Engine
	Mode   Mode
	// OnError is what becomes of a call that the hook has no answer for.
	OnError PerPoint[OnError]
	// Timeout is how long the hook may take for the calls of one batch; those that
	// are then [ErrUnasked] are another. Zero is 1s at connect, 50ms elsewhere.
	Timeout PerPoint[time.Duration]
	// Accounts and Subjects narrow the hook's own registrations, and never widen
	// them; empty narrows nothing. Accounts are names; a hook at connect cannot
	// have them, as the account is still to be found. Subjects are patterns,
	// which do not concern connect and event.
	Accounts, Subjects []string
	// Final ends the chain when the hook allows.
	Final bool
}

// defaultTimeout is the timeout where a hook has none.
var defaultTimeout = PerPoint[time.Duration]{}.All(50 * time.Millisecond)

func (h *Hook) timeout(p Point) time.Duration {
	if d := h.Timeout[p]; d > 0 {
		return d
	}
	if p == AtConnect {
		return time.Second
	}
	return defaultTimeout[p]
}

// validate returns all that is wrong with the settings.
func (h *Hook) validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("hook %q: "+format, append([]any{h.Name}, args...)...))
	}
	if h.Name == "" {
		bad("has no name: give it one that logs and metrics can show")
	}
	if h.Mode >= numModes {
		bad("mode %v: want enforce, shadow or off", h.Mode)
	}
	if h.Mode != Off && h.Engine == nil {
		bad("has no engine: set one, or mode off")
	}
	for p, d := range h.Timeout {
		if d < 0 {
			bad("timeout.%v is negative: leave it out for the default", Point(p))
		}
	}
	for p, o := range h.OnError {
		if o >= numOnErrors || o == OnErrorDrop && Point(p) != AtInspect {
			bad("on_error %v is not for %v: want deny, allow or skip", o, Point(p))
		}
	}
	for _, s := range h.Subjects {
		if !subject.ValidPattern(s) {
			bad("subjects: %q is not a valid subject", s)
		}
	}
	return errors.Join(errs...)
}

// check returns all that is wrong with a registration of the hook.
func (h *Hook) check(i int, r *Registration) error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("hook %q, registration %d at %v: "+format, append([]any{h.Name, i, r.Point}, args...)...))
	}
	if r.Point >= numPoints {
		bad("no such point")
		return errors.Join(errs...)
	}
	for _, s := range r.Subjects {
		if !subject.ValidPattern(s) {
			bad("%q is not a valid subject", s)
		}
	}
	if (r.Point == AtConnect || r.Point == AtEvent) && len(r.Subjects) > 0 {
		bad("takes no subjects")
	}
	if r.Point == AtConnect && len(r.Accounts)+len(h.Accounts) > 0 {
		bad("takes no accounts, as the account is still to be found: split the hook in two")
	}
	if r.MaxPayload < 0 {
		bad("max_payload is negative: leave it out for no limit")
	}
	for _, e := range r.Events {
		if !KnownEvent(e) {
			bad("event %q: want one of %q", e, eventTypes)
		}
	}
	if r.Cache != nil {
		for _, err := range r.checkCache() {
			bad("%w", err)
		}
	}
	return errors.Join(errs...)
}

// checkCache returns all that is wrong with the cache policy.
func (r *Registration) checkCache() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("cache: "+format, args...)) }
	by := r.Cache.By
	if r.Point != AtRewrite && r.Point != AtPublish && r.Point != AtSubscribe {
		bad("answers can be kept at rewrite, publish and subscribe only")
	}
	if by.empty() {
		bad("by names no field that the answer depends on")
	}
	if f := by.Set &^ cacheable; f != 0 {
		bad("by %v: want %v, tags.NAME or header.NAME", f, cacheable)
	}
	if r.Cache.TTL < 0 || r.Cache.NegativeTTL < 0 {
		bad("a ttl is negative: leave it out to keep nothing")
	}
	if f := r.Fields.beyond(by); f != 0 {
		bad("the hook is given %v, which is not in by: add it there or do without", f)
	}
	return errs
}
