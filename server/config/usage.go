package config

import (
	"fmt"
	"strings"
)

// usageColumn is where the explanations of Usage begin.
const usageColumn = 34

// Usage returns the text of -h for a program of that name, with a final line
// end. Sections and flags come in the order of the table.
func Usage(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [options]\n", name)
	var last section
	for _, it := range known().flagItems() {
		if it.section != last {
			fmt.Fprintf(&b, "\n%s:\n", it.section)
			last = it.section
		}
		line := "    " + it.synopsis()
		if len(line) >= usageColumn {
			fmt.Fprintf(&b, "%s\n", line)
			line = ""
		}
		fmt.Fprintf(&b, "%-*s%s%s\n", usageColumn, line, it.doc, it.defaultNote())
	}
	fmt.Fprintf(&b, "\nTools for hooks: %s hook -h\nNew plugins: %s plugin -h\n", name, name)
	fmt.Fprintf(&b, "\nFlags override environment variables (%s<KEY>), which override the file.\n", envPrefix)
	return b.String()
}

// synopsis returns the flags with their argument: "-p, --port <port>".
func (it *item) synopsis() string {
	names := make([]string, len(it.flags))
	for i, f := range it.flags {
		names[i] = dashed(f)
	}
	s := strings.Join(names, ", ")
	if len(names) == 1 && strings.HasPrefix(s, "--") {
		s = "    " + s // below the other long names
	}
	if it.arg != "" {
		s += " <" + it.arg + ">"
	}
	return s
}

// defaultNote returns " (default: x)", or "" where that says nothing.
func (it *item) defaultNote() string {
	if d := it.showDefault(); d != "" && d != "false" {
		return " (default: " + d + ")"
	}
	return ""
}

// showDefault words the default, or returns "" if there is none.
func (it *item) showDefault() string {
	switch {
	case it.defText != "":
		return it.defText
	case it.kind == boolean && !it.flagOnly():
		return fmt.Sprint(it.negated)
	case it.def == nil:
		return ""
	}
	switch d := it.def.(type) {
	case int64:
		if it.kind == size {
			return showSize(d)
		}
	case string:
		return d
	}
	return it.show(it.def)
}
