package permission

import (
	"bytes"
	"strings"

	"moonwire/server/subject"
)

// linear is the number of children up to which they are searched one by one,
// which is faster than hashing.
const linear = 8

// trie is a set of patterns. The nil trie is empty.
type trie struct {
	root    node
	entries []string // all of them, in order
}

// node stands behind the tokens of a path from the root.
type node struct {
	few  []edge           // the literal tokens that follow, if many is nil
	many map[string]*node // or these
	any  *node            // "*" follows
	tail bool             // ">" follows
	end  bool             // an entry ends here
}

type edge struct {
	token string
	*node
}

// add inserts a valid pattern.
func (t *trie) add(pattern string) {
	t.entries = append(t.entries, pattern)
	n := &t.root
	for token := range strings.SplitSeq(pattern, ".") {
		if token == ">" {
			n.tail = true
			return
		}
		n = n.make(token)
	}
	n.end = true
}

// make returns the node behind a token that is not ">".
func (n *node) make(token string) *node {
	if token == "*" {
		if n.any == nil {
			n.any = new(node)
		}
		return n.any
	}
	next := n.child([]byte(token))
	if next != nil {
		return next
	}
	next = new(node)
	switch {
	case n.many != nil:
		n.many[token] = next
	case len(n.few) < linear:
		n.few = append(n.few, edge{token, next})
	default:
		n.many = map[string]*node{token: next}
		for _, e := range n.few {
			n.many[e.token] = e.node
		}
		n.few = nil
	}
	return next
}

// child returns the node behind a literal token, or nil.
func (n *node) child(token []byte) *node {
	if n.many != nil {
		return n.many[string(token)]
	}
	for i := range n.few {
		if e := &n.few[i]; e.token == string(token) {
			return e.node
		}
	}
	return nil
}

// match reports whether one of the patterns matches the subject s; if within is
// set s is a pattern, and one of the patterns must match all that s matches. "*"
// in s is no child of a node, but what "*" or ">" matches, so that only a last
// ">" needs care.
func (t *trie) match(s []byte, within bool) bool {
	return t != nil && t.root.match(s, within)
}

// match visits a node at most once, for each is behind one row of tokens only.
func (n *node) match(s []byte, within bool) bool {
	for n != nil {
		if n.tail {
			// What is not well-formed is matched by nothing at all.
			return subject.WellFormed(s)
		}
		dot := bytes.IndexByte(s, '.')
		if dot < 0 {
			return len(s) > 0 && n.last(s, within)
		}
		if dot == 0 {
			return false
		}
		next := n.child(s[:dot])
		s = s[dot+1:]
		switch {
		case next == nil:
			n = n.any
		case n.any == nil:
			n = next
		case next.match(s, within):
			return true
		default:
			n = n.any
		}
	}
	return false
}

// last reports whether an entry ends with the last token.
func (n *node) last(token []byte, within bool) bool {
	if within && string(token) == ">" {
		return false
	}
	if n.any != nil && n.any.end {
		return true
	}
	next := n.child(token)
	return next != nil && next.end
}

// overlaps reports whether some subject is matched by both pattern and an entry.
func (t *trie) overlaps(pattern string) bool {
	for _, e := range t.entries {
		if subject.Overlap(e, pattern) {
			return true
		}
	}
	return false
}
