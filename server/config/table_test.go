package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// fieldKinds are the Go types that a field of each kind may have.
var fieldKinds = map[kind][]reflect.Type{
	boolean:  {reflect.TypeFor[bool]()},
	integer:  {reflect.TypeFor[int](), reflect.TypeFor[int64]()},
	size:     {reflect.TypeFor[int](), reflect.TypeFor[int64]()},
	duration: {reflect.TypeFor[time.Duration]()},
	text:     {reflect.TypeFor[string]()},
}

func TestTableMatchesOptions(t *testing.T) {
	t.Parallel()
	leaves := newSchema(table()).leaves()
	set := make(map[string]string) // field -> key that sets it alone
	for _, it := range leaves {
		for i, path := range it.paths() {
			f, ok := reflect.TypeFor[Options]().FieldByName(path)
			if !ok {
				t.Errorf("%s: Options has no field %s", it.name(), path)
				continue
			}
			k := it.kind
			if k == address {
				k = []kind{text, integer}[i]
			}
			if !slices.Contains(fieldKinds[k], f.Type) {
				t.Errorf("%s: field %s is a %s, which is no %s", it.name(), path, f.Type, it.kind)
			}
		}
		if len(it.fields) == 1 && !it.flagOnly() {
			if other, ok := set[it.fields[0]]; ok {
				t.Errorf("%s and %s are both the key of %s", it.name(), other, it.fields[0])
			}
			set[it.fields[0]] = it.name()
		}
	}
	set["HTTPHost"] = "http" // has no key of its own
	for f := range reflect.TypeFor[Options]().Fields() {
		if set[f.Name] == "" {
			t.Errorf("Options.%s has no key", f.Name)
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
		}
	}
	walk(table())
	for _, it := range newSchema(table()).leaves() {
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
		case len(it.flags) > 0 && it.kind != boolean && it.kind != action && it.arg == "":
			t.Errorf("%s: usage has no name for the argument", it.name())
		case it.def != nil && !it.allows(it.def, it.low()):
			t.Errorf("%s: default %v is not allowed", it.name(), it.def)
		}
	}
}

func TestSecretsAreMarked(t *testing.T) {
	t.Parallel()
	var got []string
	for _, it := range newSchema(table()).leaves() {
		if it.secret {
			got = append(got, it.path)
		}
	}
	if want := []string{"authorization.password", "authorization.token"}; !slices.Equal(got, want) {
		t.Errorf("secret keys: got %v, want %v", got, want)
	}
}
