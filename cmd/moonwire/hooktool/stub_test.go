package hooktool

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"moonwire/hooks/lua"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

var update = flag.Bool("update", false, "write what is made of the declarations")

// TestGenerated: what is made of the declarations is as they are now. To write it:
// make gen.
func TestGenerated(t *testing.T) {
	t.Parallel()
	d, err := allDeclarations()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]byte{
		"testdata/stub.lua":                stubOf(d),
		"../../../docs/hooks/reference.md": referenceOf(d),
	} {
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run make gen (%v)", path, err)
		}
	}
}

// TestStubIsComplete: the stub is Lua, and has all that is declared once.
func TestStubIsComplete(t *testing.T) {
	t.Parallel()
	d, err := allDeclarations()
	if err != nil {
		t.Fatal(err)
	}
	stub := stubOf(d)
	if _, err := sandbox.Compile("stub.lua", stub, sandbox.Options{}); err != nil {
		t.Fatalf("it is no Lua: %v", err)
	}
	defined := make(map[string]int)
	for _, m := range regexp.MustCompile(`(?m)^(?:function ([\w.]+)\(|---@class ([\w.]+)|(?:local )?([\w.]+) = )`).FindAllStringSubmatch(string(stub), -1) {
		switch {
		case m[1] != "":
			defined["function "+m[1]]++
		case m[2] != "":
			defined["class "+m[2]]++
		default:
			defined["value "+m[3]]++
		}
	}
	var want []string
	add := func(m *library.Module, class string) {
		prefix := ""
		if m.Name != "" {
			prefix = m.Name + "."
			want = append(want, "value "+m.Name, "class "+class)
		}
		for _, f := range m.Functions {
			want = append(want, "function "+prefix+f.Name)
			if outer, _, ok := strings.Cut(f.Name, "."); ok && !slices.Contains(want, "value "+prefix+outer) {
				want = append(want, "value "+prefix+outer)
			}
		}
		for _, c := range m.Constants {
			want = append(want, "value "+prefix+c.Name)
		}
		for _, typ := range m.Types {
			want = append(want, "class "+typ.Name)
		}
	}
	for _, m := range d.globals {
		add(m, m.Name)
	}
	for _, m := range d.libraries {
		add(m, m.Name+"lib")
	}
	add(d.tests, "")
	for _, name := range want {
		if defined[name] != 1 {
			t.Errorf("%s: it is there %d times", name, defined[name])
		}
	}
	for name := range defined {
		if !slices.Contains(want, name) {
			t.Errorf("%s is not declared", name)
		}
	}
	if len(want) < 100 {
		t.Errorf("only %d things are declared: %q", len(want), want)
	}
}

// TestTypesAreDeclared: each type that a declaration names is there.
func TestTypesAreDeclared(t *testing.T) {
	t.Parallel()
	d, err := allDeclarations()
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"string", "number", "integer", "boolean", "any", "nil", "table", "fun", "self", "true", "false", "userdata"}
	var params []library.Param
	for _, m := range append(append(slices.Clone(d.globals), d.libraries...), d.tests) {
		for _, typ := range m.Types {
			known = append(known, typ.Name)
			params = append(params, typ.Fields...)
		}
		for _, f := range m.Functions {
			params = append(append(params, f.Params...), f.Returns...)
		}
		for _, c := range m.Constants {
			params = append(params, library.Param{Name: c.Name, Type: c.Type})
		}
	}
	names := regexp.MustCompile(`\w+\??:|"[^"]*"`) // of the parameters of functions, and literals
	for _, p := range params {
		for _, word := range regexp.MustCompile(`[A-Za-z][\w.]*`).FindAllString(names.ReplaceAllString(p.Type, ""), -1) {
			if !slices.Contains(known, word) {
				t.Errorf("%s %s: there is no type %s", p.Name, p.Type, word)
			}
		}
	}
}

// TestTypesAgree: a type that two modules declare is the same in both.
func TestTypesAgree(t *testing.T) {
	t.Parallel()
	shared, err := library.NewShared(library.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	fields := make(map[string][]string)
	for _, m := range append(append(lua.Globals(), library.Modules(shared)...), testModule()) {
		for _, typ := range m.Types {
			var names []string
			for _, f := range typ.Fields {
				names = append(names, f.Name)
			}
			if before, ok := fields[typ.Name]; ok && !slices.Equal(before, names) {
				t.Errorf("%s has the fields %q, and %q elsewhere", typ.Name, names, before)
			}
			fields[typ.Name] = names
		}
	}
}
