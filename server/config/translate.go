package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// node is a value of a file, whatever its syntax.
type node struct {
	// value is a string, plain, bool, int64, float64, time.Time, nil, []*node
	// for a list or []member for a block.
	value any
	// at is where its key stands; in a list, the value itself, or the first key
	// in it.
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
// struct that out stands for, at is where the block stands.
func (t *translation) block(s *schema, members []member, at position, path, scope string, out map[string]any) {
	given := make(map[*item]bool)
	for _, m := range members {
		switch it := s.find(m.key); {
		case it != nil && !it.commandOnly:
			given[it] = true
			t.item(it, m.node, scope, out)
		case it != nil:
			t.rep.fail(m.at, "%q is not allowed in a file; use a flag or %s", join(path, m.key, "."), it.env())
		case !m.variable:
			t.rep.fail(m.at, "unknown key %q%s", join(path, m.key, "."), s.hint(path, m.key))
			t.rep.failed[scope] = true
		}
	}
	for _, it := range s.items {
		if it.required && !given[it] {
			t.rep.fail(at, "%q is missing", it.name())
			t.rep.failed[scope] = true
		}
	}
}

// hint is the end of the message about an unknown key.
func (s *schema) hint(path, key string) string {
	if strings.EqualFold(key, "include") {
		return `; write include "file", without a colon or an equals sign`
	}
	if more := s.suggest(path, key); more != "" || path != "" {
		return more
	}
	// The keys of these are easily written outside of them.
	for _, home := range []string{"authorization", "tls", "websocket"} {
		if it := s.find(home); it != nil && it.sub.find(key) != nil {
			return fmt.Sprintf("; it belongs into the block %q", home)
		}
	}
	return ""
}

// suggest offers a known key in place of an unknown one.
func (s *schema) suggest(path, key string) string {
	var names []string
	for _, it := range s.items {
		if !it.flagOnly() && !it.commandOnly {
			names = append(names, it.names()...)
		}
	}
	if path != "" {
		path += "."
	}
	return didYouMean(path, key, names)
}

// item translates one value.
func (t *translation) item(it *item, n *node, scope string, out map[string]any) {
	if n = it.shaped(n); n == nil {
		return
	}
	switch {
	case it.lacks == "" || !asks(n.value):
	case it.guards:
		t.rep.fail(n.at, "%q: %s", it.name(), it.lacks)
	default:
		t.rep.warn(n.at, "%q: %s", it.name(), it.lacks)
	}
	for name, value := range it.sets {
		if !t.assign(it, n, join(scope, name, delimiter), value) {
			return
		}
		out[name] = value
	}
	switch it.kind {
	case unsupported:
	case block:
		members, ok := n.value.([]member)
		if !ok {
			t.refuse(it, n, scope)
			return
		}
		if len(it.fields) == 1 {
			for name := range strings.SplitSeq(it.fields[0], delimiter) {
				out = child(out, name)
			}
			scope = join(scope, it.fields[0], delimiter)
			t.rep.origins[scope] = n.at
		}
		t.block(it.sub, members, n.at, it.path, scope, out)
	case list:
		t.list(it, n, scope, out)
	case dict:
		t.dict(it, n, scope, out)
	case freeform:
		t.freeform(it, n, scope, out)
	case presence:
		t.presence(it, n, scope, out)
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
		if _, isBlock := n.value.([]member); isBlock || n.value == nil || it.each.kind == block {
			t.refuse(it, n, scope)
			return
		}
		elements = []*node{n}
	}
	field := it.fields[0]
	values := make([]any, 0, len(elements))
	for i, e := range elements {
		place := element(join(scope, field, delimiter), i)
		t.rep.origins[place] = e.at
		if v, ok := t.element(it.each, e, field, place); ok {
			values = append(values, v)
		}
	}
	t.assign(it, n, join(scope, field, delimiter), values)
	out[field] = values
}

// element translates an element of the list of a field.
func (t *translation) element(each *item, e *node, field, place string) (value any, ok bool) {
	inner := make(map[string]any)
	if each.kind != block {
		// It has no field of its own: translate it as if it had one.
		scalar := *each
		scalar.fields = []string{field}
		t.item(&scalar, e, place, inner)
		value, ok = inner[field]
		return value, ok
	}
	e = each.shaped(e)
	members, ok := e.value.([]member)
	if !ok {
		t.refuse(each, e, place)
		t.rep.failed[place] = true
		return inner, true // the others keep their numbers
	}
	t.block(each.sub, members, e.at, each.path, place, inner)
	return inner, true
}

// dict translates texts by names.
func (t *translation) dict(it *item, n *node, scope string, out map[string]any) {
	members, ok := n.value.([]member)
	if !ok {
		t.refuse(it, n, scope)
		return
	}
	values := make(map[string]any, len(members))
	for _, m := range members {
		if s, ok := textOf(m.node); ok {
			values[m.key] = s
		} else if !m.variable {
			t.rep.fail(m.at, "%q: got %s; must be %s", join(it.name(), m.key, "."), it.show(m.value), anyText)
		}
	}
	t.assign(it, n, join(scope, it.fields[0], delimiter), values)
	out[it.fields[0]] = values
}

// presence adds a block without settings, or takes it away.
func (t *translation) presence(it *item, n *node, scope string, out map[string]any) {
	v, ok := n.value.(plain)
	on, isBool := parseBool(string(v))
	switch {
	case !ok || !isBool:
		t.refuse(it, n, scope)
	case on:
		child(out, it.fields[0])
	default:
		out[it.fields[0]] = nil
	}
	t.rep.origins[join(scope, it.fields[0], delimiter)] = n.at
}

// assign records the origin of a field. It fails and returns false when another
// key of the same source has set it to another value.
func (t *translation) assign(it *item, n *node, path string, value any) bool {
	if old, ok := t.set[path]; ok && !reflect.DeepEqual(old.value, value) {
		t.rep.fail(n.at, "%q contradicts %q at %s; must be given once", it.name(), old.key, old.at)
		return false
	}
	t.set[path] = assignment{it.name(), n.at, value}
	t.rep.origins[path] = n.at
	return true
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
