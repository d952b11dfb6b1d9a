package config

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// What the parser of NATS syntax says of common mistakes. It tells where it was at
// a loss, which is rarely where the mistake is.
var (
	reEndOfMember  = regexp.MustCompile(`^Expected a map value terminator .* but got '(.)' instead`)
	reEndOfElement = regexp.MustCompile(`(?s)^Expected an array value terminator .* but got '(.)' instead`)
	reEndOfLine    = regexp.MustCompile(`^Expected a top-level value to end .* but got '(.)' instead`)
)

// syntaxProblem places and words what the parser says of a line. It finds the
// column, and what is open there, with the scanner, which stops where the parser
// does. Data is the content of the file path.
func syntaxProblem(path, data string, at position, msg string) *problem {
	if at.source != path {
		if content, err := os.ReadFile(at.source); err == nil {
			data = string(content)
		} else {
			data = ""
		}
	}
	s := scan(data)
	if stop := s.here(); stop.line == at.line {
		at.col = stop.col
	} else {
		s = new(scanner) // it does not know better
	}
	return &problem{at: at, text: "syntax error: " + s.explain(msg)}
}

// explain says what is missing where the scanner has stopped.
func (s *scanner) explain(msg string) string {
	open, close := s.bracket()
	if m := reEndOfMember.FindStringSubmatch(msg); m != nil {
		switch m[1] {
		case "]":
			return fmt.Sprintf(`a "}" is missing before "]"%s`, open)
		case "\x00":
			return fmt.Sprintf(`a "}" is missing at the end%s`, open)
		}
		return fmt.Sprintf(`a "," or a new line is missing before %q; text with blanks or brackets needs quotes%s`, m[1], s.longText())
	}
	if m := reEndOfElement.FindStringSubmatch(msg); m != nil {
		switch {
		case m[1] == "}":
			return fmt.Sprintf(`a "]" is missing before "}"%s`, open)
		case m[1] == "\x00":
			return fmt.Sprintf(`a "]" is missing at the end%s; behind a number it needs a blank before it`, open)
		}
		return fmt.Sprintf(`a "," or a new line is missing before %q; text with blanks or brackets needs quotes%s`, m[1], s.longText())
	}
	if m := reEndOfLine.FindStringSubmatch(msg); m != nil {
		if strings.ContainsAny(s.key, "}]") {
			return fmt.Sprintf(`the bracket at line %d closes nothing`, s.keyAt.line)
		}
		return fmt.Sprintf(`a new line is missing before %q; text with blanks or brackets needs quotes, and no blank stands before a unit%s`,
			m[1], s.longText())
	}
	switch {
	case strings.HasPrefix(msg, "Unexpected EOF") && s.text.line > 0 && s.textEnd.line == 0:
		return fmt.Sprintf("the text in quotes that begins at line %d does not end", s.text.line)
	case strings.HasPrefix(msg, "Unexpected EOF") && open != "":
		return fmt.Sprintf("a %q is missing at the end%s", close, open)
	case strings.HasPrefix(msg, "Unexpected array end"):
		return fmt.Sprintf(`a "}" is missing before "]"%s`, open)
	case strings.HasPrefix(msg, "Invalid escape") || strings.Contains(msg, "hexadecimal"):
		return `a "\" begins an escape such as "\t" or "\x41"; text with a plain one goes into single quotes`
	case strings.HasPrefix(msg, "Expected value but found new line"):
		return "a key has no value on its line"
	}
	return strings.TrimSuffix(msg, ".")
}

// bracket says which bracket is open, and what closes it.
func (s *scanner) bracket() (open, close string) {
	if len(s.opened) == 0 {
		return "", ""
	}
	open, close = "{", "}"
	if s.in() == inArray {
		open, close = "[", "]"
	}
	return fmt.Sprintf("; the %q of line %d is not closed", open, s.opened[len(s.opened)-1].line), close
}

// longText says where the last text in quotes begins if it has several lines: a
// quote that is missing shows only at the next one.
func (s *scanner) longText() string {
	if s.textEnd.line <= s.text.line {
		return ""
	}
	return fmt.Sprintf("; the text in quotes that begins at line %d ends at line %d", s.text.line, s.textEnd.line)
}
