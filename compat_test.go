package moonwire_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// compat is the page that says what of nats-server is there.
const compat = "docs/reference/compat.md"

// TestCompat: each row of the page has a state, says more where that is not
// "implemented", and names tests that are there where it is.
func TestCompat(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(compat)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for i, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| capability ") {
			continue
		}
		rows++
		for _, problem := range problems(line) {
			t.Errorf("%s:%d: %s", compat, i+1, problem)
		}
	}
	if rows < 30 {
		t.Errorf("found only %d rows", rows)
	}
}

// problems returns what is wrong with a row.
func problems(row string) (list []string) {
	cells := strings.Split(strings.Trim(row, "|"), "|")
	if len(cells) != 4 {
		return []string{"a row has four cells: capability, state, how, tests"}
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	capability, state, how, tests := cells[0], cells[1], cells[2], strings.Split(cells[3], ", ")
	if cells[3] == "" {
		tests = nil
	}
	switch {
	case capability == "":
		list = append(list, "the capability has no name")
	case state != "implemented" && state != "differs" && state != "absent":
		list = append(list, "the state of "+capability+" is none: "+state)
	case state == "implemented" && len(tests) == 0:
		list = append(list, "no test shows that "+capability+" is implemented")
	case state != "implemented" && how == "":
		list = append(list, "nothing says how "+capability+" differs, or what becomes of it")
	}
	for _, name := range tests {
		if problem := missing(name); problem != "" {
			list = append(list, problem)
		}
	}
	return list
}

var testName = regexp.MustCompile("^`(\\S+) ((?:Test|Fuzz|Example)\\w*)(?:/(\\w+))?`$")

// missing says what is wrong with the name of a test, "" if nothing is.
func missing(name string) string {
	m := testName.FindStringSubmatch(name)
	if m == nil {
		return name + " is not the name of a test: `package Test`, or `package Test/file`"
	}
	if !declares(m[1], m[2]) {
		return "there is no " + m[2] + " in " + m[1]
	}
	if m[3] != "" {
		files, err := filepath.Glob(filepath.Join(m[1], "testdata", "*", m[3]+".*"))
		if err != nil || len(files) == 0 {
			return "there is no " + m[3] + " in the testdata of " + m[1]
		}
	}
	return ""
}

// declares reports whether the test files of a folder declare a function.
func declares(folder, name string) bool {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		return false
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return false
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == name {
				return true
			}
		}
	}
	return false
}

// TestCompatProblems shows that the rules bite.
func TestCompatProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ row, want string }{
		{"| a | implemented | | `. TestCompat` |", ""},
		{"| a | implemented | | `. TestCompat`, `server TestTranscripts/token_auth` |", ""},
		{"| a | absent | it is ignored | |", ""},
		{"| a | implemented | | |", "no test shows"},
		{"| a | differs | | `. TestCompat` |", "nothing says how"},
		{"| a | partly | so | `. TestCompat` |", "the state of a is none"},
		{"| a | | so | `. TestCompat` |", "the state of a is none"},
		{"| a | implemented | `. TestCompat` |", "four cells"},
		{"| a | implemented | | `. TestNothing` |", "no TestNothing in ."},
		{"| a | implemented | | `nowhere TestCompat` |", "no TestCompat in nowhere"},
		{"| a | implemented | | `server TestTranscripts/nothing` |", "no nothing in the testdata"},
		{"| a | implemented | | TestCompat |", "not the name of a test"},
	} {
		got := strings.Join(problems(tt.row), "; ")
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.row, got, tt.want)
		}
	}
}
