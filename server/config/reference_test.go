package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestReference keeps docs/reference/config.md equal to the table. Run it with
// -update to write the file.
func TestReference(t *testing.T) {
	t.Parallel()
	golden(t, filepath.Join("..", "..", "docs", "reference", "config.md"), reference())
}

const referenceHead = `# Configuration reference

<!-- Generated from the table in server/config/table.go:
     go test ./server/config -run TestReference -update -->

Settings come from, later ones winning: defaults, the file named by ` + "`-c`" + `, environment variables, flags.

- The file has NATS syntax, or YAML when its name ends in ` + "`.yaml` or `.yml`" + `. Keys may be written in any case.
- A dot in a key stands for a block: ` + "`authorization.user` is `authorization { user: bob }`" + `. What stands in the blocks of a list is listed in the same way: ` + "`authorization.users.nkey`" + `.
- Keys that are names of one's own, such as those of accounts, are not listed: ` + "`accounts.users` is `accounts { NAME { users: [ … ] } }`, `mappings.destinations` is what stands behind the subject in `mappings`" + `.
- Where two keys of one file set the same thing, they must agree.
- Variables (` + "`$NAME`" + `) and ` + "`include`" + ` work in NATS syntax only. A variable that the file does not define is taken from the environment.
- Sizes and numbers take suffixes: ` + "`k m g t p e` are powers of 1000; with `b`, `i` or `ib` behind them, of 1024" + `.
- Durations are texts such as ` + "`\"2m\"` or `\"1h30m\"`" + `; in NATS syntax the quotes are needed. A bare number is seconds, with a warning where a duration is expected.
- An environment variable that is empty counts as not set. Its value is written without quotes.
- 0 stands for the default, unless it says otherwise.
- "Reload" says whether a running broker takes over a change.
`

// reference returns docs/reference/config.md.
func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	var last section
	seen := make(map[string]string)
	var missing []*item
	var rows func(*schema)
	rows = func(s *schema) {
		for _, it := range s.items {
			switch {
			case it.kind == unsupported:
				missing = append(missing, it)
				continue
			case it.flagOnly():
				continue
			case it.section != last:
				fmt.Fprintf(&b, "\n## %s\n\n", it.section)
				b.WriteString("| Key | Meaning | Value | Default | Reload | Flags | Variable |\n|---|---|---|---|---|---|---|\n")
				last = it.section
			}
			inner := it.sub
			if it.each != nil {
				inner = it.each.sub
			}
			value := it.referenceValue()
			if as, ok := seen[inner.signature()]; ok {
				value += ", as `" + as + "`"
				inner = nil
			}
			fmt.Fprintf(&b, "| %s |\n", strings.Join([]string{
				it.referenceKey(), it.referenceDoc(), value, it.referenceDefault(),
				map[bool]string{true: "yes", false: "no"}[it.reloadable], it.referenceFlags(), it.referenceEnv(),
			}, " | "))
			if inner != nil {
				seen[inner.signature()] = it.path
				rows(inner)
			}
		}
	}
	rows(known())
	fmt.Fprintf(&b, "\n## %s\n\n%s", sectionMissing, missingHead)
	for _, it := range missing {
		if !it.flagOnly() {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", it.referenceKey(), it.doc, it.referenceFlags())
		}
	}
	b.WriteString("\n## Flags without a key\n\n| Flags | Meaning |\n|---|---|\n")
	for _, it := range known().flagItems() {
		if it.flagOnly() {
			fmt.Fprintf(&b, "| %s | %s |\n", it.referenceFlags(), it.doc)
		}
	}
	return b.String()
}

const missingHead = `Keys of nats-server for what the broker lacks. It takes them, whatever their values, with a warning that says what is ignored.

| Key | What is missing | Flags |
|---|---|---|
`

// signature tells blocks with different keys apart; "" is no block.
func (s *schema) signature() string {
	if s == nil {
		return ""
	}
	var keys []string
	for _, it := range s.items {
		keys = append(keys, it.key)
	}
	return strings.Join(keys, " ")
}

func (it *item) referenceEnv() string {
	if it.env() == "" || it.kind == block {
		return "–"
	}
	return "`" + it.env() + "`"
}

func (it *item) referenceKey() string {
	s := "`" + it.path + "`"
	if it.commandOnly {
		s = "(" + it.path + ", not in a file)"
	}
	if len(it.aliases) > 0 {
		s += ", also " + quoted(it.aliases)
	}
	return s
}

func (it *item) referenceDoc() string {
	doc := strings.ReplaceAll(it.doc, "<", "&lt;")
	if it.secret {
		return doc + ". Secret: never shown"
	}
	return doc
}

func (it *item) referenceValue() string {
	s := it.kind.String()
	switch {
	case it.kind == list && it.each.kind == block:
		s = "list of blocks"
	case it.kind == list:
		s = "list, or one: " + it.each.referenceValue()
	case it.kind == text && it.choices != nil && it.allowed != "":
		s = it.allowed
	case it.kind == integer || it.kind == size:
		s += " " + it.span(showSize)
	case it.kind == duration:
		s = it.must()
	case it.choices != nil || it.allowed != "":
		s = it.must()
	}
	if it.unit != "" {
		s += ", in " + it.unit
	}
	return s
}

func (it *item) referenceDefault() string {
	if d := it.showDefault(); d != "" {
		return d
	}
	return "–"
}

func (it *item) referenceFlags() string {
	if len(it.flags) == 0 {
		return "–"
	}
	dashes := make([]string, len(it.flags))
	for i, f := range it.flags {
		dashes[i] = dashed(f)
	}
	return quoted(dashes)
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = "`" + n + "`"
	}
	return strings.Join(out, ", ")
}
