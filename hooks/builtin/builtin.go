package builtin

import (
	"context"
	"errors"
	"slices"

	"moonwire/hooks"
)

// Names of the hooks, as a configuration has them.
const (
	stampName     = "stamp"
	rateLimitName = "ratelimit"
)

// Names returns the names of all hooks, sorted.
func Names() []string { return []string{rateLimitName, stampName} }

// Open makes the hook with a name, ready to be asked. Settings are as a
// configuration has them: maps and lists of any, strings, booleans, int64 and
// float64; durations are strings such as "100ms", and sizes are numbers of bytes
// or strings such as "64KB" (of 1024; "64K" has 1000). Old is the engine that the
// new one replaces, for its state to be handed over: nil if there is none. One of
// another kind hands over nothing.
//
// The error holds all problems, each with the key that it is about.
func Open(_ context.Context, name string, settings map[string]any, old hooks.Engine) (hooks.Engine, error) {
	switch name {
	case stampName:
		return opened(openStamp(settings, old))
	case rateLimitName:
		return opened(openRateLimit(settings, old))
	}
	return nil, errors.New(unknown("built-in hook", name, Names()))
}

// opened keeps a nil pointer from becoming an engine.
func opened[E hooks.Engine](e E, err error) (hooks.Engine, error) {
	if err != nil {
		return nil, err
	}
	return e, nil
}

func openStamp(m map[string]any, old hooks.Engine) (*Stamp, error) {
	p := &problems{hook: stampName}
	s := settingsOf(p, m)
	o := StampOptions{
		Fields:   s.texts("fields"),
		Headers:  s.dict("headers"),
		Subjects: s.texts("subjects"),
	}
	s.done()
	return newStamp(o, old, p)
}

func openRateLimit(m map[string]any, old hooks.Engine) (*RateLimit, error) {
	p := &problems{hook: rateLimitName}
	s := settingsOf(p, m)
	o := RateLimitOptions{
		MaxBuckets: s.whole("max_buckets"),
		Admit:      s.flag("admit"),
	}
	for _, r := range s.tables("rules") {
		o.Rules = append(o.Rules, ruleOf(r))
	}
	s.done()
	return newRateLimit(o, old, p)
}

// ruleOf reads one rule.
func ruleOf(s *settings) RateRule {
	r := RateRule{
		Subjects:   s.texts("subjects"),
		Rate:       s.number("rate"),
		Burst:      s.whole("burst"),
		Bytes:      float64(s.size("bytes")),
		BytesBurst: s.size("bytes_burst"),
		MaxDelay:   s.duration("max_delay"),
	}
	if name := s.text("action"); name != "" {
		i := slices.Index(actionNames[:], name)
		if i < 0 {
			s.bad("action", "%s", unknown("action", name, actionNames[:]))
		}
		r.Action = Action(max(i, 0))
	}
	r.At = hooks.AtPublish
	if r.Action == ActionDrop {
		r.At = hooks.AtInspect
	}
	if name := s.text("at"); name != "" {
		at, err := hooks.ParsePoint(name)
		if err != nil {
			s.bad("at", "%s", unknown("point", name, limitedPoints()))
			at = r.At
		}
		r.At = at
	}
	for _, name := range s.texts("by") {
		f, err := hooks.ParseFields([]string{name})
		if err != nil || f.Set&keyFields == 0 {
			s.bad("by", "%s", unknown("field", name, byNames()))
		}
		r.By |= f.Set
	}
	s.done()
	return r
}
