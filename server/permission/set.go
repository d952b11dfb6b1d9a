package permission

import (
	"slices"
	"time"

	"moonwire/server/config"
	"moonwire/server/subject"
)

// The defaults of config.Responses.
const (
	defaultMax     = 1
	defaultExpires = 2 * time.Minute
)

// Set is what a user may do, compiled. It is immutable and may be shared. The
// nil Set allows everything.
type Set struct {
	publish, subscribe rules
	responses          *config.Responses // nil: no answers but by publish
	plain              *Filter           // of subscriptions without a queue; nil if no entry is for them
	of                 config.Permissions
}

// rules are an allow and a deny list.
type rules struct {
	all         bool // without an allow list everything is allowed
	allow, deny list
}

// Compile returns the set for p, which it does not keep. It is nil, which allows
// everything, if p is nil or restricts nothing. The error joins all problems,
// each naming the list and the entry.
func Compile(p *config.Permissions) (*Set, error) {
	if p == nil {
		return nil, nil
	}
	var c compiler
	s := &Set{
		publish:   c.rules("publish", p.Publish, false),
		subscribe: c.rules("subscribe", p.Subscribe, true),
	}
	s.of = config.Permissions{Publish: clone(p.Publish), Subscribe: clone(p.Subscribe)}
	if p.Responses != nil {
		r := complete(*p.Responses)
		s.of.Responses = &r
		s.responses = &r
		s.publish.all = false // it would make leave to answer pointless
	}
	if deny := s.subscribe.deny.plain; deny != nil {
		s.plain = &Filter{[]*trie{deny}}
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	if !s.LimitsPublish() && s.subscribe.free() {
		return nil, nil
	}
	return s, nil
}

func clone(r config.Rules) config.Rules {
	return config.Rules{Allow: slices.Clone(r.Allow), Deny: slices.Clone(r.Deny)}
}

// Of returns what s was compiled from, with defaults; it is not to be changed. For
// the nil Set it is nil.
func (s *Set) Of() *config.Permissions {
	if s == nil {
		return nil
	}
	return &s.of
}

// complete fills in the defaults of r.
func complete(r config.Responses) config.Responses {
	if r.Max == 0 {
		r.Max = defaultMax
	}
	if r.Expires == 0 {
		r.Expires = defaultExpires
	}
	return r
}

// Publish reports whether a message may be published on subj, which is literal
// and not kept. It does not know of the answers that [Replies] allows. It
// allocates nothing.
func (s *Set) Publish(subj []byte) bool {
	return s == nil || s.publish.permits(subj)
}

func (r *rules) permits(subj []byte) bool {
	return (r.all || r.allow.plain.match(subj, false)) && !r.deny.plain.match(subj, false)
}

// free reports whether the rules allow everything.
func (r *rules) free() bool { return r.all && r.deny.empty() }

// LimitsPublish reports whether Publish may be false for some subject. If not, a
// connection need not ask.
func (s *Set) LimitsPublish() bool { return s != nil && !s.publish.free() }

// Subscribe reports whether a subscription to pattern may be made; queue is
// empty for one without. Deliveries to it must pass Filter.
//
// A pattern that is not valid is looked up as if it were a subject, as in
// nats-server: it may be allowed, and matches nothing. Refusing it is up to the
// caller.
func (s *Set) Subscribe(pattern, queue string) bool {
	if s == nil {
		return true
	}
	r := &s.subscribe
	q := request{[]byte(pattern), subject.ValidPattern(pattern), queue}
	return (r.all || r.allow.permits(q)) && !r.deny.covers(q)
}

// Responses tells whether what was received may be answered, with defaults
// filled in; nil if not. It must not be modified.
func (s *Set) Responses() *config.Responses {
	if s == nil {
		return nil
	}
	return s.responses
}
