package hooks

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
	"sync/atomic"

	"moonwire/server/subject"
)

// match is the hooks that one subject concerns, in the order of configuration.
// Immutable.
type match struct {
	chain   []*bound // that decide
	shadows []*bound // that only would
}

// nothing is the match of subjects that concern no hook.
var nothing = new(match)

// scope is the hooks of one point of one table, by subject.
type scope struct {
	// overlap: subjects are those of subscriptions, and may have wildcards.
	overlap bool
	root    node
	known   atomic.Pointer[[]*match] // results, so that equal ones are made once
}

// node is a place in the trie of patterns.
type node struct {
	next map[string]*node // by literal token
	star *node            // by "*"
	here []*bound         // whose pattern ends here
	tail []*bound         // whose pattern goes on with ">"
}

// insert enters b under a pattern.
func (s *scope) insert(pattern string, b *bound) {
	n := &s.root
	for more := true; more; {
		var token string
		token, pattern, more = subject.Next(pattern)
		switch {
		case token == ">":
			n.tail = append(n.tail, b)
			return
		case token == "*":
			if n.star == nil {
				n.star = new(node)
			}
			n = n.star
		default:
			if n.next == nil {
				n.next = make(map[string]*node)
			}
			next := n.next[token]
			if next == nil {
				next = new(node)
				n.next[token] = next
			}
			n = next
		}
	}
	n.here = append(n.here, b)
}

// match returns the hooks that a subject concerns. Found is scratch space that
// is given back.
func (s *scope) match(subj []byte, found []*bound) (*match, []*bound) {
	found = found[:0]
	switch {
	case !s.overlap && subject.WellFormed(subj):
		found = s.root.match(subj, found)
	case s.overlap && subject.ValidPattern(subj):
		found = s.root.overlap(subj, found)
	}
	if len(found) == 0 {
		return nothing, found
	}
	slices.SortFunc(found, func(a, b *bound) int { return cmp.Compare(a.order, b.order) })
	found = slices.Compact(found)
	return s.result(found), found
}

func (n *node) match(subj []byte, found []*bound) []*bound {
	found = append(found, n.tail...)
	token, rest, more := subject.Next(subj)
	for _, next := range [2]*node{n.next[string(token)], n.star} {
		switch {
		case next == nil:
		case more:
			found = next.match(rest, found)
		default:
			found = append(found, next.here...)
		}
	}
	return found
}

func (n *node) overlap(pattern []byte, found []*bound) []*bound {
	found = append(found, n.tail...)
	token, rest, more := subject.Next(pattern)
	if string(token) == ">" {
		return n.below(found)
	}
	step := func(next *node) {
		switch {
		case next == nil:
		case more:
			found = next.overlap(rest, found)
		default:
			found = append(found, next.here...)
		}
	}
	step(n.star)
	if string(token) != "*" {
		step(n.next[string(token)])
		return found
	}
	for _, next := range n.next {
		step(next)
	}
	return found
}

// below appends all that stands at least one token below n.
func (n *node) below(found []*bound) []*bound {
	add := func(next *node) {
		found = append(append(found, next.here...), next.tail...)
		found = next.below(found)
	}
	if n.star != nil {
		add(n.star)
	}
	for _, next := range n.next {
		add(next)
	}
	return found
}

// mostKnown is how many results a scope keeps. Hooks that concern the same
// subjects together make few.
const mostKnown = 64

// result returns the match that consists of found, which it does not keep.
func (s *scope) result(found []*bound) *match {
	for {
		known := s.known.Load()
		if known != nil {
			for _, m := range *known {
				if m.is(found) {
					return m
				}
			}
		}
		m := newMatch(found)
		var all []*match
		if known != nil {
			all = *known
		}
		if len(all) == mostKnown {
			return m
		}
		all = append(slices.Clone(all), m)
		if s.known.CompareAndSwap(known, &all) {
			return m
		}
	}
}

func newMatch(found []*bound) *match {
	m := new(match)
	for _, b := range found {
		if b.hook.Mode == Shadow {
			m.shadows = append(m.shadows, b)
		} else {
			m.chain = append(m.chain, b)
		}
	}
	return m
}

// is reports whether m consists of found.
func (m *match) is(found []*bound) bool {
	i, j := 0, 0
	for _, b := range found {
		switch {
		case i < len(m.chain) && m.chain[i] == b:
			i++
		case j < len(m.shadows) && m.shadows[j] == b:
			j++
		default:
			return false
		}
	}
	return i == len(m.chain) && j == len(m.shadows)
}

// remembered is how many points a slot has room for.
const remembered = 3

// place is where a slot has what is known at a point; nothing is remembered of
// the others.
var place = [numPoints]uint8{AtRewrite: 0, AtPublish: 1, AtInspect: 2}

// slots is how many subjects a connection remembers.
const slots = 128

// mostRemembered is how long a subject may be to be remembered: a connection
// must not hold much for subjects that are long on purpose.
const mostRemembered = 256

// slot is one subject that a connection remembers, with what is known of it at
// rewrite, publish and inspect.
type slot struct {
	hash    uint64
	subject []byte
	at      [remembered]*match
}

// Session is what the read loop of one connection keeps between its batches:
// which hooks its subjects concern, and scratch space. The zero value is ready.
// It is not for two goroutines at a time, nor for a hook that is asked by it.
type Session struct {
	table *Table // that slots are of
	slots *[slots]slot
	found []*bound
	batch []*Call
	now   int64
	turn  uint32
	ctx   *callContext
}

// recall returns the hooks that a subject concerns, which it remembers.
func (s *Session) recall(t *Table, p Point, sc *scope, subj []byte) *match {
	if len(subj) > mostRemembered {
		var m *match
		m, s.found = sc.match(subj, s.found)
		return m
	}
	if s.table != t {
		s.forget(t)
	}
	h := maphash.Bytes(t.seed, subj)
	// Two slots a hash, of which the first is the one looked at last.
	at := h % (slots / 2) * 2
	e, other := &s.slots[at], &s.slots[at+1]
	if e.hash != h || !bytes.Equal(e.subject, subj) {
		*e, *other = *other, *e
		if e.hash != h || !bytes.Equal(e.subject, subj) {
			e.hash, e.subject, e.at = h, append(e.subject[:0], subj...), [remembered]*match{}
		}
	}
	m := e.at[place[p]]
	if m == nil {
		m, s.found = sc.match(subj, s.found)
		e.at[place[p]] = m
	}
	return m
}

// forget makes the session ready for another table.
func (s *Session) forget(t *Table) {
	s.table = t
	if s.slots == nil {
		s.slots = new([slots]slot)
		return
	}
	for i := range s.slots {
		s.slots[i].hash, s.slots[i].at = 0, [remembered]*match{}
	}
}
