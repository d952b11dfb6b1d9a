package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// fieldKinds are the Go types that the fields of each kind may have, in order.
var fieldKinds = map[kind][][]reflect.Type{
	boolean:   {{reflect.TypeFor[bool]()}},
	integer:   {{reflect.TypeFor[int](), reflect.TypeFor[int64]()}},
	size:      {{reflect.TypeFor[int](), reflect.TypeFor[int64]()}},
	duration:  {{reflect.TypeFor[time.Duration]()}},
	text:      {{reflect.TypeFor[string]()}},
	address:   {{reflect.TypeFor[string]()}, {reflect.TypeFor[int]()}},
	handshake: {{reflect.TypeFor[bool]()}, {reflect.TypeFor[time.Duration]()}},
	dict:      {{reflect.TypeFor[map[string]string]()}},
	fraction:  {{reflect.TypeFor[float64]()}},
	freeform:  {{reflect.TypeFor[map[string]any]()}},
}

// tableCheck compares the table with the structs that it fills.
type tableCheck struct {
	t   *testing.T
	set map[string]bool // fields that have a key, by type and name
}

func TestTableMatchesOptions(t *testing.T) {
	t.Parallel()
	c := tableCheck{t, map[string]bool{"Options.HTTPHost": true, "Options.AuthorizationBlock": true, "User.Account": true, "Export.Service": true, "Import.Service": true}}
	c.block(known(), reflect.TypeFor[Options]())
	var structs func(reflect.Type)
	seen := make(map[reflect.Type]bool)
	structs = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			structs(typ.Elem())
		case reflect.Struct:
			if seen[typ] {
				return
			}
			seen[typ] = true
			for f := range typ.Fields() {
				if !c.set[typ.Name()+"."+f.Name] {
					t.Errorf("%s.%s has no key", typ.Name(), f.Name)
				}
				structs(f.Type)
			}
		}
	}
	structs(reflect.TypeFor[Options]())
}

// block checks what stands in a block that fills a struct.
func (c tableCheck) block(s *schema, typ reflect.Type) {
	single := make(map[string]string) // field -> key that sets it alone
	for _, it := range s.items {
		if it.kind == block && len(it.fields) == 0 {
			c.block(it.sub, typ)
			continue
		}
		for name := range it.sets {
			if f, ok := typ.FieldByName(name); !ok || reflect.TypeOf(it.sets[name]) != f.Type {
				c.t.Errorf("%s: sets %s, which is no such field", it.name(), name)
			}
		}
		for i, name := range it.fields {
			inner, ok := typ, true
			f := reflect.StructField{Type: typ}
			for part := range strings.SplitSeq(name, delimiter) {
				if f, ok = inner.FieldByName(part); !ok {
					c.t.Errorf("%s: %s has no field %s", it.name(), inner.Name(), part)
					return
				}
				c.set[inner.Name()+"."+part] = true
				inner = f.Type
			}
			c.field(it, i, f.Type)
		}
		if len(it.fields) == 1 && !it.flagOnly() && len(it.sets) == 0 && it.shape == nil {
			if other, ok := single[it.fields[0]]; ok {
				c.t.Errorf("%s and %s are both the key of %s", it.name(), other, it.fields[0])
			}
			single[it.fields[0]] = it.name()
		}
	}
}

// field checks the type of the i-th field of an item.
func (c tableCheck) field(it *item, i int, typ reflect.Type) {
	switch it.kind {
	case presence:
		if typ.Kind() != reflect.Pointer {
			c.t.Errorf("%s: a %s is always there", it.name(), typ)
		}
	case block:
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			c.t.Errorf("%s: a %s is no block", it.name(), typ)
			return
		}
		c.block(it.sub, typ)
	case list:
		if typ.Kind() != reflect.Slice {
			c.t.Errorf("%s: a %s is no list", it.name(), typ)
			return
		}
		c.field(it.each, 0, typ.Elem())
	default:
		kinds := fieldKinds[it.kind]
		switch {
		case it.kind != address && it.kind != handshake && len(kinds) > 0:
			kinds = slices.Repeat(kinds, i+1)
		case i >= len(kinds):
			c.t.Errorf("%s: too many fields, or none expected", it.name())
			return
		}
		if !slices.Contains(kinds[i], typ) {
			c.t.Errorf("%s: a %s is no %s", it.name(), typ, it.kind)
		}
	}
}

func TestTableEntries(t *testing.T) {
	t.Parallel()
	flags, envs := make(map[string]string), make(map[string]string)
	take := func(m map[string]string, name, by string) {
		if other, ok := m[name]; ok {
			t.Errorf("%s: %q already belongs to %s", by, name, other)
		}
		m[name] = by
	}
	var walk func(settings []setting)
	walk = func(settings []setting) {
		names := make(map[string]string)
		for _, st := range settings {
			for _, n := range append([]string{st.key}, st.aliases...) {
				if n != strings.ToLower(n) {
					t.Errorf("%s: key %q is not lower case", st.key, n)
				}
				if n != "" {
					take(names, n, st.key)
				}
			}
			walk(st.block)
			if st.elem != nil {
				walk(st.elem.block)
			}
		}
	}
	walk(table())
	for _, it := range known().all() {
		for _, f := range it.flags {
			take(flags, f, it.name())
		}
		if e := it.env(); e != "" {
			take(envs, e, it.name())
			if serviceLink(e, "x") {
				t.Errorf("%s: variable %s looks like a service link", it.name(), e)
			}
		}
		number := it.kind == integer || it.kind == size || it.kind == duration
		switch {
		case it.doc == "" || strings.HasSuffix(it.doc, "."):
			t.Errorf("%s: doc is empty or ends with a full stop", it.name())
		case it.section == "":
			t.Errorf("%s: no section", it.name())
		case number && it.max <= it.min:
			t.Errorf("%s: empty range", it.name())
		case len(it.flags) > 0 && it.arg == "" && !slices.Contains([]kind{boolean, action, presence, unsupported}, it.kind):
			t.Errorf("%s: usage has no name for the argument", it.name())
		case it.def != nil && !it.allows(it.def, it.low()):
			t.Errorf("%s: default %v is not allowed", it.name(), it.def)
		}
	}
}

func TestSecretsAreMarked(t *testing.T) {
	t.Parallel()
	var got []string
	for _, it := range known().all() {
		if it.secret {
			got = append(got, it.path)
		}
	}
	want := []string{
		"websocket.authorization.password", "websocket.authorization.token",
		"authorization.password", "authorization.token", "authorization.users.password",
		"accounts.users.password", "operator", "resolver.url", "resolver_preload.jwt", "default_sentinel",
		"hooks.load.config", "hooks.load.env",
	}
	if !slices.Equal(got, want) {
		t.Errorf("secret keys: got %v, want %v", got, want)
	}
}
