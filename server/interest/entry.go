package interest

import (
	"bytes"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"

	"moonwire/server/wire"
)

// Care says what a member needs beyond having a frame put into its slot.
type Care uint8

// The kinds of care. Zero is the plain case.
const (
	CareNoEcho    Care = 1 << iota // not to its own publisher
	CareNoHeaders                  // without the header block
	CareLimited                    // counted against the max of an UNSUB
	CareRelay                      // given to a Relay
)

// Member is one subscription that a subject's messages go to.
type Member struct {
	Sub    *Sub
	Target *Target
	Care   Care
	Shadow bool   // it stands in the index for a Sub of another
	from   uint32 // its prefix, in Entry.prefixes
	to     uint32
}

// Run is a stretch of Entry.Fan whose members have equal prefixes.
type Run struct {
	From, To int // of Entry.Fan
}

// Group is a queue group: each message goes to one of its members.
type Group struct {
	Queue   string
	Members []Member
}

// Entry is the result of a match: where messages on one subject go. It is
// immutable, but for what it is valid by, and holds as long as Valid says so.
type Entry struct {
	Subject string
	// Fan holds the plain members of a larger fan-out that need no care and
	// have no other subscription in this entry: their frames may be written
	// a run at a time. Runs cuts it by equal prefix.
	Fan  []Member
	Runs []Run
	// Each holds the other plain members: their frames are written a message
	// at a time.
	Each   []Member
	Groups []Group
	// NoHeaders: some member of Fan takes no headers.
	NoHeaders bool

	shadows  bool // some member is one
	prefixes []byte
	hash     uint64
	table    *table
	bucket   *bucket
	buckGen  uint64
	shard    *counter
	shardGen uint64 // atomic: see renew
	stamp    uint64
}

// Prefix returns what stands before the tail of a message with headers in the
// frame for m; without its first byte it serves messages without.
func (e *Entry) Prefix(m *Member) []byte { return e.prefixes[m.from:m.to] }

// Valid reports whether nothing has changed that the entry may depend on.
func (e *Entry) Valid() bool {
	return e.shard != nil && e.shard.n.Load() == atomic.LoadUint64(&e.shardGen) && e.bucket.gen.Load() == e.buckGen
}

// Empty reports whether nobody is interested.
func (e *Entry) Empty() bool { return len(e.Fan)+len(e.Each)+len(e.Groups) == 0 }

// clone returns a copy of e that shares no memory with it, in no more room
// than it takes. The usual entry, with one receiver, is two pieces of memory:
// with many subjects in use, what a message costs is cache misses.
func (e *Entry) clone(subject []byte) *Entry {
	var c *Entry
	if len(e.Each) == 1 {
		one := &struct {
			Entry
			each [1]Member
		}{Entry: *e}
		c = &one.Entry
		c.Each = append(one.each[:0], e.Each...)
	} else {
		c = new(Entry)
		*c = *e
		c.Each = slices.Clone(e.Each)
	}
	c.prefixes = slices.Clone(e.prefixes)
	at := bytes.Index(c.prefixes, subject) // within the first one
	if at < 0 {
		c.prefixes = append(c.prefixes, subject...)
		at = len(c.prefixes) - len(subject)
	}
	c.Subject = unsafe.String(unsafe.SliceData(c.prefixes[at:]), len(subject)) // never changed
	c.Fan = slices.Clone(e.Fan)
	c.Runs = slices.Clone(e.Runs)
	c.Groups = nil
	for _, g := range e.Groups {
		c.Groups = append(c.Groups, Group{Queue: g.Queue, Members: slices.Clone(g.Members)})
	}
	return c
}

// fanOut is how many plain members make a fan-out.
const fanOut = 3

// reset empties e for another match, keeping its memory.
func (e *Entry) reset() {
	for i := range e.Groups {
		clear(e.Groups[i].Members)
		e.Groups[i] = Group{Members: e.Groups[i].Members[:0]}
	}
	clear(e.Fan)
	clear(e.Each)
	*e = Entry{
		Fan: e.Fan[:0], Runs: e.Runs[:0], Each: e.Each[:0],
		Groups: e.Groups[:0], prefixes: e.prefixes[:0],
	}
}

// add takes one match.
func (e *Entry) add(s *Sub) {
	m := Member{Sub: s, Target: s.Target}
	if s.Target.NoEcho {
		m.Care |= CareNoEcho
	}
	if s.Target.NoHeaders {
		m.Care |= CareNoHeaders
	}
	if s.limited.Load() {
		m.Care |= CareLimited
	}
	if s.Target.Relays {
		m.Care |= CareRelay
	}
	if s.shadow != nil {
		if s.denies(unsafe.Slice(unsafe.StringData(e.Subject), len(e.Subject))) {
			return
		}
		if s.shadow.of != nil {
			m.Shadow, e.shadows = true, true
		}
	}
	if s.Queue == "" {
		e.Each = append(e.Each, m)
		return
	}
	for i := range e.Groups {
		if e.Groups[i].Queue == s.Queue {
			e.Groups[i].Members = append(e.Groups[i].Members, m)
			return
		}
	}
	if len(e.Groups) < cap(e.Groups) {
		e.Groups = e.Groups[:len(e.Groups)+1]
	} else {
		e.Groups = append(e.Groups, Group{})
	}
	g := &e.Groups[len(e.Groups)-1]
	g.Queue = s.Queue
	g.Members = append(g.Members[:0], m)
}

// finish sorts the matches into Fan and Each and writes the prefixes.
func (e *Entry) finish(subject []byte) {
	if len(e.Each) >= fanOut {
		e.split()
	}
	last := -1
	for i := range e.Fan {
		m := &e.Fan[i]
		if last >= 0 && e.alike(&e.Fan[last], m) {
			m.from, m.to = e.Fan[last].from, e.Fan[last].to
			e.Runs[len(e.Runs)-1].To = i + 1
			continue
		}
		e.prefix(m, subject)
		e.Runs = append(e.Runs, Run{From: i, To: i + 1})
		last = i
	}
	for i := range e.Each {
		e.prefix(&e.Each[i], subject)
	}
	for g := range e.Groups {
		for i := range e.Groups[g].Members {
			e.prefix(&e.Groups[g].Members[i], subject)
		}
	}
	if e.shadows {
		e.unveil()
	}
	e.Subject = ""
}

func (e *Entry) prefix(m *Member, subject []byte) {
	m.from = uint32(len(e.prefixes))
	if m.Shadow && m.Sub.shadow.name != nil {
		subject = m.Sub.shadow.name.Append(nil, subject)
	}
	e.prefixes = wire.AppendPrefix(e.prefixes, subject, m.Sub.Sid)
	m.to = uint32(len(e.prefixes))
}

// alike reports whether two members have equal prefixes.
func (e *Entry) alike(a, b *Member) bool {
	return a.Sub.Sid == b.Sub.Sid && (!e.shadows || a.name() == b.name())
}

// name returns what names the subjects for m; nil if they stay as published.
func (m *Member) name() Renamer {
	if m.Shadow {
		return m.Sub.shadow.name
	}
	return nil
}

// unveil puts in the place of shadows what they stand for.
func (e *Entry) unveil() {
	unveil := func(members []Member) {
		for i := range members {
			if m := &members[i]; m.Shadow {
				m.Sub = m.Sub.shadow.of
			}
		}
	}
	unveil(e.Fan)
	unveil(e.Each)
	for g := range e.Groups {
		unveil(e.Groups[g].Members)
	}
}

// Kept reports whether the entry outlives its lookup: it is in no scratch.
func (e *Entry) Kept() bool { return e.Subject != "" }

// split moves to Fan what can be written a run at a time: members that need no
// care (but for headers, which matters only to messages that have some) and
// whose target is nowhere else in the entry, as the order of messages is kept
// for each target.
func (e *Entry) split() {
	seen := make(map[uint32]int, len(e.Each))
	for i := range e.Each {
		seen[e.Each[i].Target.Ordinal]++
	}
	for g := range e.Groups {
		for i := range e.Groups[g].Members {
			seen[e.Groups[g].Members[i].Target.Ordinal]++
		}
	}
	rest := e.Each[:0]
	for _, m := range e.Each {
		if m.Care&^CareNoHeaders == 0 && seen[m.Target.Ordinal] == 1 {
			e.Fan = append(e.Fan, m)
			e.NoHeaders = e.NoHeaders || m.Care != 0
		} else {
			rest = append(rest, m)
		}
	}
	clear(e.Each[len(rest):])
	e.Each = rest
	slices.SortStableFunc(e.Fan, func(a, b Member) int {
		if a.Shadow != b.Shadow { // their prefixes are not equal either, as a rule
			if b.Shadow {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Sub.Sid, b.Sub.Sid)
	})
}
