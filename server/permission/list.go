package permission

import (
	"errors"
	"fmt"
	"strings"

	"moonwire/server/config"
	"moonwire/server/subject"
)

// list holds the entries of one list.
type list struct {
	plain  *trie    // entries without a queue; nil if there are none
	queues []queued // those with one, by queue
}

// queued are the entries that have the same queue.
type queued struct {
	queue string // may have wildcards
	*trie
}

func (l *list) empty() bool { return l.plain == nil && len(l.queues) == 0 }

// request is a subscription that somebody wants to make.
type request struct {
	pattern []byte
	valid   bool   // else pattern is looked up as if it were a subject
	queue   string // empty: none
}

// permits reports whether an allow list lets somebody subscribe. If entries with
// a queue cover the pattern, one of them must be for this queue.
func (l *list) permits(r request) bool {
	covered := false
	for _, q := range l.queues {
		if r.queue == "" || !q.match(r.pattern, r.valid) {
			continue
		}
		if queueMatch(q.queue, r.queue) {
			return true
		}
		covered = true
	}
	return !covered && l.plain.match(r.pattern, r.valid)
}

// covers reports whether a deny list keeps somebody from subscribing.
func (l *list) covers(r request) bool {
	if l.plain.match(r.pattern, r.valid) {
		return true
	}
	for _, q := range l.queues {
		if r.queue != "" && queueMatch(q.queue, r.queue) && q.match(r.pattern, r.valid) {
			return true
		}
	}
	return false
}

// queueMatch reports whether the queue of an entry is for the queue name. Names
// need not be valid as subjects: ">" is for all of them.
func queueMatch(entry, name string) bool {
	if entry == name {
		return true
	}
	for {
		e, restE, moreE := subject.Next(entry)
		n, restN, moreN := subject.Next(name)
		switch {
		case e == ">":
			return true
		case n == "" || n == ">" || e != n && e != "*":
			return false
		case moreE != moreN:
			return false
		case !moreE:
			return true
		}
		entry, name = restE, restN
	}
}

// compiler gathers the problems of a compilation.
type compiler struct{ errs []error }

func (c *compiler) err() error { return errors.Join(c.errs...) }

func (c *compiler) rules(name string, r config.Rules, queues bool) rules {
	return rules{
		all:   len(r.Allow) == 0,
		allow: c.list(name+".allow", r.Allow, queues),
		deny:  c.list(name+".deny", r.Deny, queues),
	}
}

func (c *compiler) list(name string, entries []string, queues bool) list {
	var l list
	for i, e := range entries {
		subj, queue, err := split(e, queues)
		if err != nil {
			c.errs = append(c.errs, fmt.Errorf("permissions: %s, entry %d, %q: %w", name, i+1, e, err))
			continue
		}
		l.trie(queue).add(subj)
	}
	return l
}

// trie returns the trie of the entries with a queue, made if need be.
func (l *list) trie(queue string) *trie {
	if queue == "" {
		if l.plain == nil {
			l.plain = new(trie)
		}
		return l.plain
	}
	for _, q := range l.queues {
		if q.queue == queue {
			return q.trie
		}
	}
	t := new(trie)
	l.queues = append(l.queues, queued{queue, t})
	return t
}

// split takes an entry apart. The queue is empty for one without.
func split(entry string, queues bool) (subj, queue string, err error) {
	// What the wire takes for blanks; others may stand in a subject.
	fields := strings.FieldsFunc(entry, func(r rune) bool { return strings.ContainsRune(" \t\r\n\f", r) })
	switch {
	case len(fields) == 0:
		return "", "", errors.New("is empty; must be a subject")
	case len(fields) > 1 && !queues:
		return "", "", errors.New("must be a subject without blanks; only subscribe entries have a queue")
	case len(fields) > 2:
		return "", "", errors.New(`has more than two parts; must be "subject" or "subject queue"`)
	case !subject.ValidPattern(fields[0]):
		return "", "", invalid("the subject")
	case len(fields) == 1:
		return fields[0], "", nil
	case !subject.ValidPattern(fields[1]):
		return "", "", invalid("the queue")
	}
	return fields[0], fields[1], nil
}

func invalid(part string) error {
	return fmt.Errorf(`%s is not valid; must have no empty token, and ">" only as the last`, part)
}
