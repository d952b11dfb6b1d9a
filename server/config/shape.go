package config

import (
	"regexp"
	"strconv"
	"strings"
)

// A shaper turns the short forms of a value into the long one, which the table
// describes. It returns nil for a value that says nothing, and leaves alone what
// it does not know: that is refused later, in the words of the table. It keeps
// the places of what it moves.

// shaped returns the long form of a value, or nil.
func (it *item) shaped(n *node) *node {
	if it.shape == nil {
		return n
	}
	return it.shape(n)
}

// with returns a node with another value at the same place.
func (n *node) with(value any) *node { return &node{value: value, at: n.at, variable: n.variable} }

// textOf returns the text of a node, if it is one.
func textOf(n *node) (s string, ok bool) {
	if p, ok := n.value.(plain); ok {
		return string(p), true
	}
	s, ok = n.value.(string)
	return s, ok
}

// as makes a value that is no block one with a single member.
func as(key string) func(*node) *node {
	return func(n *node) *node {
		if _, ok := n.value.([]member); ok {
			return n
		}
		return n.with([]member{{key, n}})
	}
}

// textAs does that to a text only.
func textAs(key string) func(*node) *node {
	return func(n *node) *node {
		if _, ok := textOf(n); !ok {
			return n
		}
		return as(key)(n)
	}
}

// names is byName for names without anything as well: a list of texts.
func names(key string) func(*node) *node {
	return func(n *node) *node {
		elements, ok := n.value.([]*node)
		if !ok {
			return byName(key, "")(n)
		}
		blocks := make([]*node, len(elements))
		for i, e := range elements {
			blocks[i] = textAs(key)(e)
		}
		return n.with(blocks)
	}
}

// byName makes a block whose keys are names a list of blocks that have the name
// as a member. A value that is a block has its members beside the name if
// valueKey is empty; otherwise the value is a member of that key. Names that the
// file uses as variables are left out.
func byName(nameKey, valueKey string) func(*node) *node {
	return func(n *node) *node {
		members, ok := n.value.([]member)
		if !ok {
			return n
		}
		elements := make([]*node, 0, len(members))
		for _, m := range members {
			name := member{nameKey, m.with(m.key)}
			inner, isBlock := m.value.([]member)
			switch {
			case m.variable:
			case valueKey != "":
				elements = append(elements, m.with([]member{name, {valueKey, m.node}}))
			case isBlock:
				elements = append(elements, m.with(append([]member{name}, inner...)))
			default:
				elements = append(elements, m.node)
			}
		}
		return n.with(elements)
	}
}

// destinations makes one subject the whole of a mapping, and a block a list.
func destinations(n *node) *node {
	if _, ok := textOf(n); ok {
		n = n.with([]member{{"destination", n}, {"weight", n.with(int64(100))}})
	}
	if _, ok := n.value.([]member); ok {
		return n.with([]*node{n})
	}
	return n
}

// percent makes the text "50%" a number.
func percent(n *node) *node {
	s, ok := textOf(n)
	if !ok {
		return n
	}
	if i, err := strconv.ParseInt(strings.TrimSuffix(s, "%"), 10, 64); err == nil {
		return n.with(i)
	}
	return n
}

// sampling is percent with a word for requests that ask for it, which is stored
// as 0. The number itself stays a text, and so is refused.
func sampling(n *node) *node {
	if s, ok := textOf(n); ok && strings.EqualFold(strings.TrimSpace(s), "headers") {
		return n.with(int64(0))
	}
	if n = percent(n); n.value == int64(0) {
		return n.with("0")
	}
	return n
}

// latency makes a subject a block, and samples everything unless told otherwise.
func latency(n *node) *node {
	n = textAs("subject")(n)
	members, ok := n.value.([]member)
	if !ok {
		return n
	}
	for _, m := range members {
		if strings.EqualFold(m.key, "sampling") {
			return n
		}
	}
	return n.with(append([]member{{"sampling", n.with(int64(100))}}, members...))
}

// responses makes true a block, false nothing, and a number its maximum.
func responses(n *node) *node {
	switch v := n.value.(type) {
	case bool:
		if !v {
			return nil
		}
		return n.with([]member{})
	case int64:
		return as("max")(n)
	}
	return n
}

// onlyTrue leaves false out.
func onlyTrue(n *node) *node {
	s, _ := textOf(n)
	if on, ok := parseBool(s); n.value == false || ok && !on {
		return nil
	}
	return n
}

var resolverURL = regexp.MustCompile(`(?is)^URL\(\s*"?([^\s"]*)"?\s*\)\s*$`)

// resolver makes MEMORY and URL(…) blocks.
func resolver(n *node) *node {
	s, ok := textOf(n)
	if !ok {
		return n
	}
	if m := resolverURL.FindStringSubmatch(s); m != nil {
		return n.with([]member{{"type", n.with("url")}, {"url", n.with(m[1])}})
	}
	if s = strings.TrimSpace(s); strings.EqualFold(s, "MEM") || strings.EqualFold(s, "MEMORY") {
		return n.with([]member{{"type", n.with("memory")}})
	}
	return n
}

// asks reports whether a value of an unsupported key asks for anything.
func asks(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case plain:
		return asks(string(v))
	case string:
		switch strings.ToLower(v) {
		case "", "false", "off", "no", "0", "disabled", "disable", "never":
			return false
		}
	case []*node:
		return len(v) > 0
	}
	return true
}
