package config

import (
	"reflect"
	"slices"
	"strings"
)

// envPrefix begins the name of every environment variable of ours.
const envPrefix = "MOONWIRE_"

// delimiter separates the levels of a path. It cannot occur in a key, whereas
// a dot can: later keys are subjects.
const delimiter = "\x1f"

// schema is a block of settings, prepared for look-up. Immutable.
type schema struct {
	items  []*item          // in the order of the table
	byName map[string]*item // by key and alias, lower case
}

// item is a setting at its place.
type item struct {
	setting
	path  string  // key path with dots: authorization.user
	scope string  // path of the struct that holds its fields; "" is the root
	sub   *schema // of a block
	each  *item   // of a list: what an element is
}

// newSchema prepares a table.
func newSchema(settings []setting) *schema { return compile(settings, "", "") }

func compile(settings []setting, path, scope string) *schema {
	s := &schema{byName: make(map[string]*item)}
	for _, st := range settings {
		it := compileItem(st, join(path, st.key, "."), scope)
		s.items = append(s.items, it)
		if st.key == "" {
			continue
		}
		for _, name := range it.names() {
			s.byName[name] = it
		}
	}
	return s
}

func compileItem(st setting, path, scope string) *item {
	it := &item{setting: st, path: path, scope: scope}
	switch st.kind {
	case block:
		it.sub = compile(st.block, path, it.inner())
	case list:
		it.each = compileItem(*st.elem, path, it.inner())
	}
	return it
}

// inner is the scope of what stands inside a block or list.
func (it *item) inner() string {
	if len(it.fields) == 0 {
		return it.scope
	}
	return join(it.scope, it.fields[0], delimiter)
}

// join puts two parts of a path together; either may be empty.
func join(a, b, sep string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + sep + b
}

// find returns the item of a key or alias in any case, or nil.
func (s *schema) find(name string) *item { return s.byName[strings.ToLower(name)] }

// names returns key and aliases.
func (it *item) names() []string { return append([]string{it.key}, it.aliases...) }

// flagOnly reports whether the item has no key: it is a flag, or an element.
func (it *item) flagOnly() bool { return it.key == "" }

// name is how messages call the item: an element of a list like the list.
func (it *item) name() string {
	if it.flagOnly() && len(it.flags) > 0 {
		return it.flags[0]
	}
	return it.path
}

// env returns the name of the environment variable, or "" if there is none.
func (it *item) env() string {
	if it.flagOnly() || it.kind == list {
		return ""
	}
	return envPrefix + strings.ToUpper(strings.ReplaceAll(it.path, ".", "_"))
}

// paths returns the paths of the fields it sets.
func (it *item) paths() []string {
	ps := make([]string, len(it.fields))
	for i, f := range it.fields {
		ps[i] = join(it.scope, f, delimiter)
	}
	return ps
}

// leaves returns everything that is not a block, depth first, in the order of
// the table. What stands inside a list is not a leaf: it has no fixed place.
func (s *schema) leaves() []*item {
	var out []*item
	for _, it := range s.items {
		if it.sub != nil {
			out = append(out, it.sub.leaves()...)
			continue
		}
		out = append(out, it)
	}
	return out
}

// flagItems returns the leaves that have flags.
func (s *schema) flagItems() []*item {
	return slices.DeleteFunc(s.leaves(), func(it *item) bool { return len(it.flags) == 0 })
}

// fieldAt returns the field of a struct at a path. The path must exist, which
// the test of the table proves.
func fieldAt(v reflect.Value, path string) reflect.Value {
	for name := range strings.SplitSeq(path, delimiter) {
		v = v.FieldByName(name)
	}
	return v
}
