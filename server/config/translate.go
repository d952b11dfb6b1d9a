package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

// node is a value of a file, whatever its syntax.
type node struct {
	// value is a string, plain, bool, int64, float64, time.Time, nil, []*node
	// for a list or []member for a block.
	value any
	// at is where its key stands, or the value itself in a list.
	at position
	// variable says that the file uses this key as a variable: it need not be
	// a known one.
	variable bool
}

// plain is text without quotes in a syntax where the setting decides what it
// means. In a NATS file the syntax decides.
type plain string

// member is a key of a block with its value.
type member struct {
	key string
	*node
}

// translation turns the nodes of one source into values in the shape of
// Options: a tree from field names to values.
type translation struct {
	rep *report
	// set remembers which key has set a field, to find contradictions inside
	// one source, where no order says which key wins.
	set map[string]assignment
}

type assignment struct {
	key   string
	at    position
	value any
}

func newTranslation(rep *report) *translation {
	return &translation{rep: rep, set: make(map[string]assignment)}
}

// block translates the members of a block into out. Scope is the path of the
// struct that out stands for.
func (t *translation) block(s *schema, members []member, path, scope string, out map[string]any) {
	for _, m := range members {
		switch it := s.find(m.key); {
		case it != nil && !it.commandOnly:
			t.item(it, m.node, scope, out)
		case it != nil:
			t.rep.fail(m.at, "%q is not allowed in a file; use a flag or %s", join(path, m.key, "."), it.env())
		case !m.variable:
			t.rep.fail(m.at, "unknown key %q%s", join(path, m.key, "."), s.suggest(path, m.key))
		}
	}
}

// suggest offers a known key in place of an unknown one.
func (s *schema) suggest(path, key string) string {
	var names []string
	for _, it := range s.items {
		if !it.flagOnly() && !it.commandOnly {
			names = append(names, it.names()...)
		}
	}
	if n := nearest(key, names); n != "" {
		return fmt.Sprintf("; did you mean %q?", join(path, n, "."))
	}
	return ""
}

// item translates one value.
func (t *translation) item(it *item, n *node, scope string, out map[string]any) {
	switch it.kind {
	case block:
		members, ok := n.value.([]member)
		if !ok {
			t.refuse(it, n, scope)
			return
		}
		if len(it.fields) == 1 {
			out = child(out, it.fields[0])
			scope = join(scope, it.fields[0], delimiter)
		}
		t.block(it.sub, members, it.path, scope, out)
	case list:
		t.list(it, n, scope, out)
	default:
		v := n.value
		if p, ok := v.(plain); ok {
			v = it.literal(string(p))
		}
		values, note, err := it.convert(v)
		if err != nil {
			t.refuse(it, n, scope)
			return
		}
		if note != "" {
			t.rep.warn(n.at, "%s", note)
		}
		for i, f := range it.fields {
			if it.kind == address && i == 0 && values[i] == "" {
				continue // a bare port says nothing about the host
			}
			t.assign(it, n, join(scope, f, delimiter), values[i])
			out[f] = values[i]
		}
	}
}

// list translates the elements of a list. One element may stand without
// brackets unless it is a block.
func (t *translation) list(it *item, n *node, scope string, out map[string]any) {
	elements, ok := n.value.([]*node)
	if !ok {
		if _, isBlock := n.value.([]member); isBlock || it.each.kind == block {
			t.refuse(it, n, scope)
			return
		}
		elements = []*node{n}
	}
	field := it.fields[0]
	values := make([]any, 0, len(elements))
	for i, e := range elements {
		place := join(scope, field+"["+strconv.Itoa(i)+"]", delimiter)
		if it.each.kind == block {
			members, ok := e.value.([]member)
			if !ok {
				t.refuse(it.each, e, scope)
				continue
			}
			inner := make(map[string]any)
			t.block(it.each.sub, members, it.path, place, inner)
			values = append(values, inner)
			continue
		}
		// The element has no field of its own: translate it as if it had one.
		each := *it.each
		each.fields = []string{field}
		inner := make(map[string]any)
		t.item(&each, e, place, inner)
		if v, ok := inner[field]; ok {
			values = append(values, v)
		}
	}
	t.assign(it, n, join(scope, field, delimiter), values)
	out[field] = values
}

// assign records the origin of a field, and fails when another key of the same
// source has set it to another value.
func (t *translation) assign(it *item, n *node, path string, value any) {
	if old, ok := t.set[path]; ok && !reflect.DeepEqual(old.value, value) {
		t.rep.fail(n.at, "%q contradicts %q at %s; must be given once", it.name(), old.key, old.at)
		return
	}
	t.set[path] = assignment{it.name(), n.at, value}
	t.rep.origins[path] = n.at
}

// refuse reports a value that the item does not allow.
func (t *translation) refuse(it *item, n *node, scope string) {
	v := n.value
	if p, ok := v.(plain); ok {
		v = string(p)
	}
	t.rep.fail(n.at, "%s", it.complain(v))
	for _, f := range it.fields {
		t.rep.failed[join(scope, f, delimiter)] = true
	}
}

// child returns the map under a name, making it when it is missing.
func child(m map[string]any, name string) map[string]any {
	c, ok := m[name].(map[string]any)
	if !ok {
		c = make(map[string]any)
		m[name] = c
	}
	return c
}

// sortMembers puts members into the order of their places.
func sortMembers(ms []member) {
	slices.SortFunc(ms, func(a, b member) int { return a.at.compare(b.at) })
}
