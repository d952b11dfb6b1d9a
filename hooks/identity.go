package hooks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"moonwire/server/subject"
)

// Identity is what a connect hook says of a client. The zero value of a field
// says nothing.
type Identity struct {
	User, Account string
	// Permissions bound what the client may do; nil adds no bound.
	Permissions *Permissions
	Limits      Limits
	Tags        map[string]string
	// Expires is when the connection is to be closed.
	Expires time.Time
}

// Permissions are rules as the server's configuration has them.
type Permissions struct {
	// Publish rules have subjects, Subscribe rules subjects, each with or
	// without a queue behind a blank. Both parts may have wildcards.
	Publish, Subscribe Rules
	// Responses lets the client publish to the reply subjects of what it
	// receives; nil does not. If it is set and Publish allows nothing by name,
	// Publish denies everything.
	Responses *Responses
}

// Rules allow and deny subjects; a subject that is denied is not allowed. An
// empty Allow allows everything.
type Rules struct{ Allow, Deny []string }

// Responses bound the permission to answer. Zero is the server's default,
// negative no bound.
type Responses struct {
	Max     int // messages to one reply subject
	Expires time.Duration
}

// Limits bound a connection further than the server does; 0 is no bound of its
// own.
type Limits struct {
	MaxSubscriptions int
	MaxPayload       int // bytes
}

// validate returns what is wrong with the identity, or nil.
func (id *Identity) validate() error {
	if id.Limits.MaxPayload < 0 || id.Limits.MaxSubscriptions < 0 {
		return errors.New("identity: a limit is negative: leave it out for none")
	}
	if id.Permissions == nil {
		return nil
	}
	p := id.Permissions
	for _, list := range [][]string{p.Publish.Allow, p.Publish.Deny} {
		for _, s := range list {
			if !subject.ValidPattern(s) || strings.ContainsAny(s, " \t\r\n") {
				return fmt.Errorf("permissions.publish: %q is not a valid subject", s)
			}
		}
	}
	for _, list := range [][]string{p.Subscribe.Allow, p.Subscribe.Deny} {
		for _, s := range list {
			subj, queue, has := strings.Cut(s, " ")
			if !subject.ValidPattern(subj) || has && !subject.ValidPattern(queue) || strings.ContainsAny(subj+queue, " \t\r\n") {
				return fmt.Errorf("permissions.subscribe: %q is not a valid subject, with or without a queue behind a blank", s)
			}
		}
	}
	return nil
}

// errQueues is returned rather than a result that could allow what one of both
// does not.
var errQueues = errors.New("permissions of two hooks both have queue groups: give queue rules in one hook only")

// merge returns what two hooks say of a client, b after a: b's fields replace
// a's, tags one by one, and permissions intersect. Either may be nil.
func merge(a, b *Identity) (*Identity, error) {
	if a == nil || b == nil {
		return or(b, a), nil
	}
	m := *a
	m.User, m.Account = or(b.User, a.User), or(b.Account, a.Account)
	m.Limits.MaxPayload = or(b.Limits.MaxPayload, a.Limits.MaxPayload)
	m.Limits.MaxSubscriptions = or(b.Limits.MaxSubscriptions, a.Limits.MaxSubscriptions)
	if !b.Expires.IsZero() {
		m.Expires = b.Expires
	}
	if len(b.Tags) > 0 {
		m.Tags = maps.Clone(a.Tags)
		if m.Tags == nil {
			m.Tags = make(map[string]string, len(b.Tags))
		}
		maps.Copy(m.Tags, b.Tags)
	}
	var err error
	m.Permissions, err = intersect(a.Permissions, b.Permissions)
	return &m, err
}

func or[T comparable](a, b T) T {
	var zero T
	if a != zero {
		return a
	}
	return b
}

// intersect returns permissions that allow what both allow, and never more. It
// is less than both allow where only one lets the client respond: the other's
// rules are then asked alone.
func intersect(a, b *Permissions) (*Permissions, error) {
	if a == nil || b == nil {
		return or(b, a), nil
	}
	p, q := a.explicit(), b.explicit()
	publish, err := p.Publish.intersect(q.Publish)
	if err != nil {
		return nil, err
	}
	subscribe, err := p.Subscribe.intersect(q.Subscribe)
	if err != nil {
		return nil, err
	}
	return &Permissions{Publish: publish, Subscribe: subscribe, Responses: p.responses(&q)}, nil
}

// explicit returns p with its unwritten rule written down.
func (p *Permissions) explicit() Permissions {
	e := *p
	if p.Responses != nil && len(p.Publish.Allow) == 0 {
		e.Publish.Deny = []string{">"}
	}
	return e
}

func (p *Permissions) responses(q *Permissions) *Responses {
	switch {
	case p.Responses != nil && q.Responses != nil:
		return &Responses{
			Max:     least(p.Responses.Max, q.Responses.Max, 1),
			Expires: least(p.Responses.Expires, q.Responses.Expires, 2*time.Minute),
		}
	case p.Responses != nil && q.Publish.free():
		return p.Responses
	case q.Responses != nil && p.Publish.free():
		return q.Responses
	}
	return nil
}

// least returns the lower of two bounds, where negative is none and zero stands
// for def.
func least[T ~int | ~int64](a, b, def T) T {
	a, b = or(a, def), or(b, def)
	switch {
	case a < 0:
		return b
	case b < 0:
		return a
	}
	return min(a, b)
}

// free reports whether r allows everything.
func (r Rules) free() bool { return len(r.Allow)+len(r.Deny) == 0 }

func (r Rules) intersect(s Rules) (both Rules, err error) {
	// A rule with a queue changes what rules without one mean for the same
	// subject, so that two such lists cannot be joined.
	if queues(r.Allow) && queues(s.Allow) ||
		queues(r.Deny) && len(s.Deny) > 0 || queues(s.Deny) && len(r.Deny) > 0 {
		return Rules{}, errQueues
	}
	both.Deny = union(r.Deny, s.Deny)
	switch {
	case len(r.Allow) == 0:
		both.Allow = s.Allow
	case len(s.Allow) == 0:
		both.Allow = r.Allow
	default:
		both.Allow = common(r.Allow, s.Allow)
		if len(both.Allow) == 0 { // which would allow everything
			both.Deny = []string{">"}
		}
	}
	return both, nil
}

// queues reports whether a rule of the list is for a queue.
func queues(list []string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, " ") })
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// common returns the rules for what both lists cover. At most one of them has
// queues.
func common(a, b []string) (rules []string) {
	for _, x := range a {
		for _, y := range b {
			s, qx, _ := strings.Cut(x, " ")
			t, qy, _ := strings.Cut(y, " ")
			both, ok := overlap(s, t)
			if q := qx + qy; q != "" {
				both += " " + q
			}
			if ok && !slices.Contains(rules, both) {
				rules = append(rules, both)
			}
		}
	}
	return rules
}

// overlap returns the pattern that matches what both patterns match, which is
// one pattern, or false if there is no such subject.
func overlap(a, b string) (string, bool) {
	if !subject.Overlap(a, b) {
		return "", false
	}
	var both []string
	for {
		if a == ">" {
			return strings.Join(append(both, b), "."), true
		}
		if b == ">" {
			return strings.Join(append(both, a), "."), true
		}
		ta, ra, more := subject.Next(a)
		tb, rb, _ := subject.Next(b)
		if ta == "*" {
			ta = tb
		}
		both = append(both, ta)
		if !more {
			return strings.Join(both, "."), true
		}
		a, b = ra, rb
	}
}
