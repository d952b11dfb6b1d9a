package interest

import (
	"bytes"
	"strings"
)

// leaf holds the subscriptions with one subject.
type leaf struct {
	plain  []*Sub
	queues []queue
}

// queue holds the members of one queue group with one subject.
type queue struct {
	name string
	subs []*Sub
}

func (l *leaf) empty() bool { return len(l.plain)+len(l.queues) == 0 }

func (l *leaf) add(s *Sub) {
	list := &l.plain
	if s.Queue != "" {
		list = l.queue(s.Queue)
		if list == nil {
			l.queues = append(l.queues, queue{name: s.Queue})
			list = &l.queues[len(l.queues)-1].subs
		}
	}
	s.at = len(*list)
	*list = append(*list, s)
}

func (l *leaf) queue(name string) *[]*Sub {
	for i := range l.queues {
		if l.queues[i].name == name {
			return &l.queues[i].subs
		}
	}
	return nil
}

// remove takes s out in constant time: the last one takes its place.
func (l *leaf) remove(s *Sub) bool {
	list := &l.plain
	if s.Queue != "" {
		if list = l.queue(s.Queue); list == nil {
			return false
		}
	}
	subs := *list
	if s.at >= len(subs) || subs[s.at] != s {
		return false
	}
	last := subs[len(subs)-1]
	subs[s.at], last.at = last, s.at
	subs[len(subs)-1] = nil
	*list = subs[:len(subs)-1]
	s.at = -1
	if s.Queue != "" && len(*list) == 0 {
		for i := range l.queues {
			if l.queues[i].name == s.Queue {
				l.queues = append(l.queues[:i], l.queues[i+1:]...)
				break
			}
		}
	}
	return true
}

// collect adds all subscriptions of the leaf to e.
func (l *leaf) collect(e *Entry) {
	for _, s := range l.plain {
		e.add(s)
	}
	for i := range l.queues {
		for _, s := range l.queues[i].subs {
			e.add(s)
		}
	}
}

// all calls f with all subscriptions of the leaf, which may be nil.
func (l *leaf) all(f func(*Sub)) {
	if l == nil {
		return
	}
	for _, s := range l.plain {
		f(s)
	}
	for i := range l.queues {
		for _, s := range l.queues[i].subs {
			f(s)
		}
	}
}

// node is one level of the trie of wildcard subscriptions.
type node struct {
	literal map[string]*node // by token
	any     *node            // *
	rest    *leaf            // >
	here    *leaf            // subscriptions that end at this node
}

func (n *node) empty() bool {
	return len(n.literal) == 0 && n.any == nil && n.rest == nil && n.here == nil
}

// leafOf returns the leaf for a pattern, making the way to it.
func (n *node) leafOf(pattern string) *leaf {
	for {
		token, rest, more := strings.Cut(pattern, ".")
		if token == ">" && !more {
			if n.rest == nil {
				n.rest = new(leaf)
			}
			return n.rest
		}
		next := n.child(token)
		if next == nil {
			next = new(node)
			if token == "*" {
				n.any = next
			} else {
				if n.literal == nil {
					n.literal = make(map[string]*node)
				}
				n.literal[token] = next
			}
		}
		n = next
		if !more {
			if n.here == nil {
				n.here = new(leaf)
			}
			return n.here
		}
		pattern = rest
	}
}

func (n *node) child(token string) *node {
	if token == "*" {
		return n.any
	}
	return n.literal[token]
}

// remove takes s out and prunes what it leaves empty.
func (n *node) remove(pattern string, s *Sub) bool {
	token, rest, more := strings.Cut(pattern, ".")
	if token == ">" && !more {
		if n.rest == nil || !n.rest.remove(s) {
			return false
		}
		if n.rest.empty() {
			n.rest = nil
		}
		return true
	}
	next := n.child(token)
	if next == nil {
		return false
	}
	if more {
		if !next.remove(rest, s) {
			return false
		}
	} else {
		if next.here == nil || !next.here.remove(s) {
			return false
		}
		if next.here.empty() {
			next.here = nil
		}
	}
	if next.empty() {
		if token == "*" {
			n.any = nil
		} else {
			delete(n.literal, token)
		}
	}
	return true
}

// all calls f with all subscriptions from this node on, which may be nil.
func (n *node) all(f func(*Sub)) {
	if n == nil {
		return
	}
	n.rest.all(f)
	n.here.all(f)
	n.any.all(f)
	for _, next := range n.literal {
		next.all(f)
	}
}

// match adds to e what matches the tokens of subj from this node on. subj has
// at least one token and no empty one.
func (n *node) match(subj []byte, e *Entry) {
	for {
		if n.rest != nil {
			n.rest.collect(e)
		}
		if n.any == nil && len(n.literal) == 0 {
			return
		}
		token, rest := subj, []byte(nil)
		if i := bytes.IndexByte(subj, '.'); i >= 0 {
			token, rest = subj[:i], subj[i+1:]
		}
		literal := n.literal[string(token)]
		if rest == nil {
			literal.end(e)
			n.any.end(e)
			return
		}
		if n.any != nil {
			n.any.match(rest, e)
		}
		if literal == nil {
			return
		}
		n, subj = literal, rest
	}
}

// end adds to e the subscriptions that end at n, which may be nil.
func (n *node) end(e *Entry) {
	if n != nil && n.here != nil {
		n.here.collect(e)
	}
}
