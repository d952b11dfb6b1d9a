package hooktool

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"moonwire/hooks/lua/library"
)

// referenceOf returns docs/hooks/reference.md. Examples are indented: the tests of
// the packages that declare them run them.
func referenceOf(d *declarations) []byte {
	var w bytes.Buffer
	fmt.Fprint(&w, `# Reference of hook scripts

<!-- Written by "make gen" from the declarations in hooks/lua, hooks/lua/library and
     cmd/moonwire/hooktool: do not edit. -->

All that a script has besides Lua 5.1 itself. "moonwire hook stub" writes the same for editors. A type with a "?"
behind it may be nil, and a parameter of that type may be left out.

`)
	for _, m := range d.globals {
		title := "Globals"
		if m.Name != "" {
			title = "`" + m.Name + "`"
		}
		referenceModule(&w, m, title, "")
	}
	for _, m := range d.libraries {
		fmt.Fprintf(&w, "## Library `%s`\n\n    local %s = require %q\n\n", m.Name, m.Name, m.Name)
		referenceModule(&w, m, "", "")
	}
	referenceModule(&w, d.tests, "Tests", "They stand in files whose names end in `_test.lua`, and `moonwire hook test` runs them. "+
		"Libraries other than those that wait can be required there, too.")
	return w.Bytes()
}

func referenceModule(w io.Writer, m *library.Module, title, more string) {
	if title != "" {
		fmt.Fprintf(w, "## %s\n\n", title)
	}
	paragraph(w, m.Doc)
	paragraph(w, more)
	if m.Waits {
		paragraph(w, "Its functions wait for others, so they can be called at connect and event only.")
	}
	if len(m.Constants) > 0 {
		fmt.Fprint(w, "| constant | type | |\n|---|---|---|\n")
		for _, c := range m.Constants {
			row(w, strings.TrimPrefix(m.Name+"."+c.Name, "."), c.Type, c.Doc)
		}
		fmt.Fprintln(w)
	}
	for i := range m.Functions {
		referenceFunction(w, m, &m.Functions[i])
	}
	for _, t := range m.Types {
		fmt.Fprintf(w, "### Type `%s`\n\n", t.Name)
		paragraph(w, t.Doc)
		params(w, "field", t.Fields)
	}
}

func referenceFunction(w io.Writer, m *library.Module, f *library.Function) {
	var names []string
	for _, p := range f.Params {
		names = append(names, p.Name)
	}
	fmt.Fprintf(w, "### `%s(%s)`\n\n", strings.TrimPrefix(m.Name+"."+f.Name, "."), strings.Join(names, ", "))
	paragraph(w, f.Doc)
	switch {
	case f.Waits && !m.Waits:
		paragraph(w, "It waits for others, so it can be called at connect and event only.")
	case f.Calls:
		paragraph(w, "Not at the top level of a script.")
	}
	params(w, "parameter", f.Params)
	params(w, "returns", f.Returns)
	if f.Example != "" {
		for line := range strings.Lines(f.Example) {
			fmt.Fprintf(w, "    %s\n", strings.TrimRight(line, "\n"))
		}
		fmt.Fprintln(w)
	}
}

func params(w io.Writer, what string, list []library.Param) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "| %s | type | |\n|---|---|---|\n", what)
	for _, p := range list {
		row(w, p.Name, p.Type, p.Doc)
	}
	fmt.Fprintln(w)
}

func row(w io.Writer, name, typ, doc string) {
	cell := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "|", "\\|"), "\n", " ") }
	if name != "" {
		name = "`" + cell(name) + "`"
	}
	fmt.Fprintf(w, "| %s | `%s` | %s |\n", name, cell(typ), cell(doc))
}

func paragraph(w io.Writer, text string) {
	if text != "" {
		fmt.Fprintf(w, "%s\n\n", text)
	}
}
