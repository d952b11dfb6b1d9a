package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/conf"
)

// maxIncludeDepth bounds how deep files include each other. It also ends loops
// through symbolic links, which no comparison of paths finds.
const maxIncludeDepth = 16

// readNATS parses a file in NATS syntax. It returns false after it has reported
// what keeps the file from being read.
//
// Variables that the file does not define come from the environment of the
// process, whatever environment Parse was given: the syntax package reads it.
func readNATS(path string, data []byte, rep *report) (members []member, ok bool) {
	includes, ok := scanNATS(path, string(data), nil, rep)
	if !ok {
		return nil, false
	}
	tree, err := parseNATS(path, string(data), includes)
	if err != nil {
		rep.problems = append(rep.problems, natsProblem(path, string(data), err))
		return nil, false
	}
	return natsMembers(tree, position{layer: layerFile, source: path}), true
}

// parseNATS runs the parser. Without includes it gets the bytes that were read:
// the file may be a pipe that cannot be read twice.
func parseNATS(path, data string, includes bool) (tree map[string]any, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("brackets do not match")
		}
	}()
	if includes {
		return conf.ParseFileWithChecks(path)
	}
	return conf.ParseWithChecks(data)
}

// scanNATS scans a file and all that it includes. Stack holds the files that
// are being scanned, outermost first.
func scanNATS(path, data string, stack []string, rep *report) (includes, ok bool) {
	s := scan(data)
	ok = true
	at := func(sp spot) position {
		return position{layer: layerFile, source: path, line: sp.line, col: sp.col}
	}
	for _, n := range s.numbers {
		rep.fail(at(n.at), "%q: not a number that fits: the suffixes are k, m, g, t, p, e, kb, ki, kib and so on; text needs quotes", n.key)
		ok = false
	}
	stack = append(stack, filepath.Clean(path))
	for _, inc := range s.includes {
		file := inc.resolve(path)
		if slices.Contains(stack, file) || len(stack) > maxIncludeDepth {
			rep.fail(at(inc.at), "include %q: includes itself or is nested deeper than %d files", inc.path, maxIncludeDepth)
			return true, false
		}
		content, err := os.ReadFile(file)
		if err != nil {
			rep.problems = append(rep.problems, &problem{
				at: at(inc.at), text: fmt.Sprintf("include %q: cannot read %s: %s", inc.path, file, reason(err)), cause: err,
			})
			ok = false
			continue
		}
		if _, fine := scanNATS(file, string(content), stack, rep); !fine {
			ok = false
		}
	}
	return len(s.includes) > 0, ok
}

// reason returns what went wrong with a file, without its path.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// token is what the parser wraps values in.
type token interface {
	Value() any
	Line() int
	Position() int
	IsUsedVariable() bool
	SourceFile() string
}

// natsMembers turns a parsed block into members.
func natsMembers(tree map[string]any, outer position) []member {
	ms := make([]member, 0, len(tree))
	for key, v := range tree {
		ms = append(ms, member{key, natsNode(v, outer)})
	}
	sortMembers(ms)
	return ms
}

// natsNode turns a parsed value into a node. Values out of the environment come
// without a token: they stand where the variable stands.
func natsNode(v any, at position) *node {
	n := &node{at: at}
	if tok, ok := v.(token); ok {
		if file := tok.SourceFile(); file != "" {
			n.at.source = file
		}
		n.at.line, n.at.col = tok.Line(), tok.Position()
		if n.at.line == 1 {
			n.at.col++ // on the first line the parser counts from 0
		}
		n.variable = tok.IsUsedVariable()
		v = tok.Value()
	}
	switch v := v.(type) {
	case map[string]any:
		n.value = natsMembers(v, n.at)
	case []any:
		elements := make([]*node, len(v))
		for i, e := range v {
			elements[i] = natsNode(e, n.at)
			if ms, ok := elements[i].value.([]member); ok && len(ms) > 0 {
				elements[i].at = ms[0].at // the parser has the end of the block
			}
		}
		n.value = elements
	default:
		n.value = v
	}
	return n
}

// The parser's errors are text only. Some repeat the value that they are about,
// which may be a secret; these patterns take out what is safe to show.
var (
	reInclude  = regexp.MustCompile(`(?s)^error parsing include file '(.*?)', (.*)$`)
	reSyntax   = regexp.MustCompile(`(?s)^Parse error on line (\d+): '(.*)'$`)
	reVariable = regexp.MustCompile(`(?s)^variable reference for '.*?' on line (\d+) (can not be found|could not be parsed)`)
	reInvalid  = regexp.MustCompile(`(?s)^config is invalid \(.*:(\d+):\d+\)$`)
)

// natsProblem places and words an error of the parser about a file, or one that it
// includes. Data is the content of the file.
func natsProblem(path, data string, err error) *problem {
	msg, root := err.Error(), path
	for m := reInclude.FindStringSubmatch(msg); m != nil; m = reInclude.FindStringSubmatch(msg) {
		path, msg = include{path: m[1]}.resolve(path), m[2]
	}
	at := position{layer: layerFile, source: path}
	if m := reSyntax.FindStringSubmatch(msg); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		if strings.Contains(m[2], "but found new line") {
			at.line-- // it is counted when the message is made
		}
		return syntaxProblem(root, data, at, m[2])
	}
	if m := reVariable.FindStringSubmatch(msg); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		return &problem{at: at, text: `variable not found: neither defined above in this file nor usable from the environment; ` +
			`text that begins with "$" needs quotes`}
	}
	if m := reInvalid.FindStringSubmatch(msg); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		return &problem{at: at, text: "syntax error: a key without a value at the end; numbers have no commas in them"}
	}
	if msg == "brackets do not match" {
		return &problem{at: at, text: "syntax error: brackets do not match"}
	}
	return &problem{at: at, text: "syntax error: a number or date that cannot be read; text needs quotes"}
}
