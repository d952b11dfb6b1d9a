package config

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	inner bool    // stands in an element of a list
}

// known is the schema of the table. It is made once, for good.
var known = sync.OnceValue(func() *schema { return newSchema(table()) })

// newSchema prepares a table.
func newSchema(settings []setting) *schema { return compile(settings, "", "", false) }

func compile(settings []setting, path, scope string, inner bool) *schema {
	s := &schema{byName: make(map[string]*item)}
	for _, st := range settings {
		it := compileItem(st, join(path, st.key, "."), scope, inner)
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

func compileItem(st setting, path, scope string, inner bool) *item {
	it := &item{setting: st, path: path, scope: scope, inner: inner}
	switch st.kind {
	case block:
		it.sub = compile(it.inherit(st.block), path, it.within(), inner)
	case list:
		it.each = compileItem(it.inherit([]setting{*st.elem})[0], path, it.within(), true)
	}
	return it
}

// inherit gives settings the section of the one that they stand in, and makes
// them reloadable and secret if that one is.
func (st setting) inherit(inner []setting) []setting {
	out := slices.Clone(inner)
	for i := range out {
		out[i].section = cmp.Or(out[i].section, st.section)
		out[i].reloadable = out[i].reloadable || st.reloadable
		out[i].secret = out[i].secret || st.secret
	}
	return out
}

// within is the scope of what stands inside a block or list.
func (it *item) within() string {
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
	if it.flagOnly() || it.inner || it.kind == list || it.kind == dict || it.kind == unsupported {
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

// all returns everything that has a key or a flag: blocks too, and what stands
// in the elements of lists, depth first, in the order of the table.
func (s *schema) all() []*item {
	var out []*item
	for _, it := range s.items {
		out = append(out, it)
		switch {
		case it.sub != nil:
			out = append(out, it.sub.all()...)
		case it.each != nil && it.each.sub != nil:
			out = append(out, it.each.sub.all()...)
		}
	}
	return out
}

// flagItems returns the leaves that have flags.
func (s *schema) flagItems() []*item {
	return slices.DeleteFunc(s.leaves(), func(it *item) bool { return len(it.flags) == 0 })
}

// settled returns the leaves that set fields and have a key.
func (s *schema) settled() []*item {
	return slices.DeleteFunc(s.leaves(), func(it *item) bool { return it.flagOnly() || len(it.fields) == 0 })
}

// fieldAt returns the field of a struct at a path: of a struct that is not
// there, a zero value. The path must exist, which the test of the table proves.
func fieldAt(v reflect.Value, path string) reflect.Value {
	for name := range strings.SplitSeq(path, delimiter) {
		v = deref(v).FieldByName(name)
	}
	return v
}

// deref returns what a pointer points to, or a zero value for nil. Other values
// it returns as they are.
func deref(v reflect.Value) reflect.Value {
	switch {
	case v.Kind() != reflect.Pointer:
		return v
	case v.IsNil():
		return reflect.Zero(v.Type().Elem())
	}
	return v.Elem()
}

// visit calls f for each setting of one field, with the field and its path: in
// blocks that are there, and in each element of a list. V is the struct that
// the schema describes.
func (s *schema) visit(v reflect.Value, path string, f func(it *item, path string, v reflect.Value)) {
	for _, it := range s.items {
		switch {
		case it.flagOnly() || !it.fits(v):
		case it.kind == block && len(it.fields) == 0:
			it.sub.visit(v, path, f)
		case len(it.fields) != 1:
		default:
			it.visit(fieldAt(v, it.fields[0]), join(path, it.fields[0], delimiter), f)
		}
	}
}

// visit calls f for a value of the item, or for what it holds.
func (it *item) visit(v reflect.Value, path string, f func(it *item, path string, v reflect.Value)) {
	switch it.kind {
	case block:
		if v.Kind() != reflect.Pointer || !v.IsNil() {
			it.sub.visit(deref(v), path, f)
		}
	case list:
		for i := range v.Len() {
			it.each.visit(v.Index(i), element(path, i), f)
		}
	default:
		f(it, path, v)
	}
}

// fits reports whether a struct holds what the key stands for, where others
// have the same fields.
func (it *item) fits(v reflect.Value) bool {
	for name, value := range it.sets {
		if v.FieldByName(name).Interface() != value {
			return false
		}
	}
	return true
}

// element is the path of an element of a list.
func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
