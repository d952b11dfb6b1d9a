package hooktool

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"moonwire/hooks/lua"
	"moonwire/hooks/lua/library"
)

// stub writes the annotations that editors read, made of the declarations that the
// functions are registered by.
func (t *tool) stub(args []string) error {
	files, err := parse(t.flags(), args)
	if err != nil {
		return err
	}
	if len(files) > 1 {
		return usagef("there is one file to write")
	}
	d, err := allDeclarations()
	if err != nil {
		return err
	}
	b := stubOf(d)
	if len(files) == 0 {
		_, err = t.Stdout.Write(b)
		return err
	}
	return os.WriteFile(files[0], b, 0o644)
}

// declarations are all that scripts and tests have.
type declarations struct {
	globals   []*library.Module // what scripts have without require
	libraries []*library.Module
	tests     *library.Module
}

func allDeclarations() (*declarations, error) {
	shared, err := library.NewShared(library.Options{})
	if err != nil {
		return nil, err
	}
	shared.Close() // what is declared is all that is asked of it
	d := &declarations{globals: lua.Globals(), libraries: library.Modules(shared)}
	seen := make(map[string]bool)
	for _, list := range [][]*library.Module{d.globals, d.libraries} {
		for i, m := range list {
			list[i] = onceOnly(m, seen)
		}
	}
	d.tests = onceOnly(testModule(), seen)
	return d, nil
}

// onceOnly returns a module without the types that another one has declared
// before: those that say what a client may do are of allow, and of clients too.
func onceOnly(m *library.Module, seen map[string]bool) *library.Module {
	all := *m
	all.Types = nil
	for _, t := range m.Types {
		if !seen[t.Name] {
			all.Types = append(all.Types, t)
		}
		seen[t.Name] = true
	}
	return &all
}

// stubOf returns the annotations for LuaLS of all that scripts and tests have.
func stubOf(d *declarations) []byte {
	var w bytes.Buffer
	fmt.Fprint(&w, "---@meta moonwire\n\n-- What hook scripts of Moonwire have. Written by `moonwire hook stub`: do not edit.\n")
	for _, m := range d.globals {
		if m.Name == "" {
			m = withOverloads(m, d.libraries)
		}
		stubModule(&w, m, "")
	}
	for _, m := range d.libraries {
		stubModule(&w, m, libraryClass(m))
	}
	stubModule(&w, d.tests, "")
	return w.Bytes()
}

// libraryClass is the type of what require returns for a library: the name alone
// may be that of a type of its own.
func libraryClass(m *library.Module) string { return m.Name + "lib" }

// withOverloads returns the globals with a require that says which type each
// library has.
func withOverloads(m *library.Module, libraries []*library.Module) *library.Module {
	all := *m
	all.Functions = slices.Clone(m.Functions)
	for i := range all.Functions {
		if f := &all.Functions[i]; f.Name == "require" {
			for _, l := range libraries {
				f.Doc += fmt.Sprintf("\n@overload fun(name: %q): %s", l.Name, libraryClass(l))
			}
		}
	}
	return &all
}

// stubModule writes one module. Class is that of a library; other modules are
// globals, or a table that is one.
func stubModule(w io.Writer, m *library.Module, class string) {
	fmt.Fprintln(w)
	if m.Name == "" {
		fmt.Fprintf(w, "-- %s\n", m.Doc)
	} else {
		comment(w, m.Doc)
	}
	prefix := m.Name + "."
	switch {
	case m.Name == "":
		prefix = ""
	case class == "":
		fmt.Fprintf(w, "---@class %s\n%s = {}\n", m.Name, m.Name)
	default:
		fmt.Fprintf(w, "---@class %s\nlocal %s = {}\n", class, m.Name)
	}
	made := make(map[string]bool)
	for _, t := range m.Types {
		fmt.Fprintln(w)
		comment(w, t.Doc)
		fmt.Fprintf(w, "---@class %s\n", t.Name)
		for _, f := range t.Fields {
			fmt.Fprintf(w, "---@field %s %s%s\n", f.Name, f.Type, behind(f.Doc))
		}
	}
	for _, v := range m.Constants {
		fmt.Fprintln(w)
		comment(w, v.Doc)
		fmt.Fprintf(w, "---@type %s\n%s%s = nil\n", v.Type, prefix, v.Name)
	}
	for _, f := range m.Functions {
		if outer, _, ok := strings.Cut(f.Name, "."); ok && !made[outer] {
			made[outer] = true
			fmt.Fprintf(w, "\n%s%s = {}\n", prefix, outer)
		}
		fmt.Fprintln(w)
		comment(w, f.Doc)
		var names []string
		for _, p := range f.Params {
			fmt.Fprintf(w, "---@param %s %s%s\n", p.Name, p.Type, behind(p.Doc))
			names = append(names, strings.TrimSuffix(p.Name, "?"))
		}
		if m.Name == "hook" && len(f.Params) == 3 { // subjects, or types of events, may be left out
			fn, options := f.Params[1], f.Params[2]
			fmt.Fprintf(w, "---@overload fun(%s: %s, %s?: %s)\n", fn.Name, fn.Type, options.Name, strings.TrimSuffix(options.Type, "?"))
		}
		for _, r := range f.Returns {
			name := ""
			if r.Name != "" {
				name = " " + r.Name
			}
			fmt.Fprintf(w, "---@return %s%s%s\n", r.Type, name, behind(r.Doc))
		}
		fmt.Fprintf(w, "function %s%s(%s) end\n", prefix, f.Name, strings.Join(names, ", "))
	}
}

func comment(w io.Writer, doc string) {
	for line := range strings.Lines(doc) {
		fmt.Fprintf(w, "---%s\n", strings.TrimRight(line, "\n"))
	}
}

func behind(doc string) string {
	if doc == "" {
		return ""
	}
	return " " + doc
}
