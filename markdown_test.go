package moonwire_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// block is a fenced block of a Markdown document.
type block struct {
	line  int    // of the opening fence
	lang  string // behind the fence
	note  string // the HTML comment right before it
	lines []string
}

// text returns the content, with a line end.
func (b *block) text() string { return strings.Join(b.lines, "\n") + "\n" }

// blocks returns the fenced blocks of a document.
func blocks(document string) ([]block, error) {
	var list []block
	var open *block
	note := ""
	for i, line := range strings.Split(document, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case open != nil && isFence && fence == "":
			list = append(list, *open)
			open, note = nil, ""
		case open != nil:
			open.lines = append(open.lines, line)
		case isFence:
			open = &block{line: i + 1, lang: fence, note: note}
		case strings.HasPrefix(line, "<!-- ") && strings.HasSuffix(line, " -->"):
			note = strings.TrimSuffix(strings.TrimPrefix(line, "<!-- "), " -->")
		case strings.TrimSpace(line) != "":
			note = ""
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block has no end", open.line)
	}
	return list, nil
}

// command is a "$ " line of a console block, and what it must print.
type command struct {
	text string
	want []string
}

// commands returns the commands of a console block. A line that ends with a
// backslash goes on in the next one.
func (b *block) commands() ([]command, error) {
	var list []command
	more := false
	for i, line := range b.lines {
		text, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case more:
			list[len(list)-1].text += "\n" + line
			more = strings.HasSuffix(line, `\`)
		case isCommand:
			list = append(list, command{text: text})
			more = strings.HasSuffix(text, `\`)
		case len(list) == 0:
			return nil, fmt.Errorf("line %d: output before the first command", b.line+1+i)
		default:
			last := &list[len(list)-1]
			last.want = append(last.want, line)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("line %d: no command", b.line)
	}
	return list, nil
}

// pattern returns what output must match: "…" is any text within a line, and
// any lines where it stands alone. Blanks at the ends of lines do not count.
func pattern(want []string) *regexp.Regexp {
	var expr strings.Builder
	expr.WriteString(`\A`)
	for _, line := range want {
		if line == "…" {
			expr.WriteString(`(?:.*\n)*?`)
			continue
		}
		parts := strings.Split(line, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		expr.WriteString(strings.Join(parts, `.*`) + `[ \t\r]*\n`)
	}
	expr.WriteString(`\z`)
	return regexp.MustCompile(expr.String())
}

// matches reports whether output is what a document shows. A last line without
// an end is one all the same.
func matches(want []string, output string) bool {
	if output != "" && !strings.HasSuffix(output, "\n") {
		output += "\n"
	}
	return pattern(want).MatchString(output)
}

func TestMatches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, want, output string
		ok                 bool
	}{
		{"same", "a\nb", "a\nb\n", true},
		{"no line end", "a\nb", "a\nb", true},
		{"carriage return", "PONG", "PONG\r\n", true},
		{"other text", "a", "b\n", false},
		{"more output", "a", "a\nb\n", false},
		{"less output", "a\nb", "a\n", false},
		{"within a line", "a … c", "a b c\n", true},
		{"not over lines", "a … c", "a b\nb c\n", false},
		{"any lines", "a\n…\nz", "a\nb\nc\nz\n", true},
		{"no lines", "a\n…\nz", "a\nz\n", true},
		{"any end", "a\n…", "a\nb\n", true},
		{"no expression", "a.c", "abc\n", false},
		{"nothing", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := matches(strings.Split(tt.want, "\n"), tt.output); got != tt.ok {
				t.Errorf("%q against %q: got %v, want %v", tt.output, tt.want, got, tt.ok)
			}
		})
	}
	if !matches(nil, "") || matches(nil, "a\n") {
		t.Error("a command without output in the document must print none")
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	list, err := blocks("text\n<!-- note -->\n```console\n$ a \\\n  b\nout\n$ c\n```\nmore\n```json\n{}\n```\n")
	if err != nil || len(list) != 2 {
		t.Fatalf("got %+v, %v", list, err)
	}
	if b := list[0]; b.note != "note" || b.lang != "console" || b.line != 3 {
		t.Errorf("got %+v", b)
	}
	if b := list[1]; b.note != "" || b.text() != "{}\n" {
		t.Errorf("got %+v", b)
	}
	cmds, err := list[0].commands()
	if err != nil || len(cmds) != 2 || cmds[0].text != "a \\\n  b" || cmds[0].want[0] != "out" || cmds[1].text != "c" {
		t.Errorf("got %+v, %v", cmds, err)
	}
	if _, err := blocks("```go\n"); err == nil {
		t.Error("an open block is an error")
	}
	if _, err := (&block{lines: []string{"out"}}).commands(); err == nil {
		t.Error("output without a command is an error")
	}
}
