package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxYAMLNodes bounds a document after its aliases are resolved.
const maxYAMLNodes = 100_000

// yamlReader turns a YAML document into nodes.
type yamlReader struct {
	path  string
	rep   *report
	nodes int
	open  map[*yaml.Node]bool // aliases being resolved
	bad   bool
}

// readYAML parses a file in YAML. It returns false after it has reported what
// keeps the file from being read. Includes and variables are of the NATS syntax
// and do not exist here.
func readYAML(path string, data []byte, rep *report) (members []member, ok bool) {
	r := &yamlReader{path: path, rep: rep, open: make(map[*yaml.Node]bool)}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, true
	case err != nil:
		rep.problems = append(rep.problems, yamlProblem(path, err))
		return nil, false
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			rep.problems = append(rep.problems, yamlProblem(path, err))
		} else {
			rep.fail(r.at(&second), "a second document; must be one")
		}
		return nil, false
	}
	root := r.node(doc.Content[0])
	switch v := root.value.(type) {
	case nil:
		return nil, !r.bad
	case []member:
		return v, !r.bad
	}
	if !r.bad {
		rep.fail(root.at, "not a configuration: must be keys with values")
	}
	return nil, false
}

func (r *yamlReader) at(n *yaml.Node) position {
	return position{layer: layerFile, source: r.path, line: n.Line, col: n.Column}
}

// fail reports what makes the whole document unusable.
func (r *yamlReader) fail(n *yaml.Node, text string) *node {
	r.bad = true
	r.rep.fail(r.at(n), "%s", text)
	return &node{at: r.at(n)}
}

// node turns one YAML node into a node of ours.
func (r *yamlReader) node(n *yaml.Node) *node {
	if r.nodes++; r.nodes > maxYAMLNodes {
		if r.bad {
			return &node{at: r.at(n)}
		}
		return r.fail(n, "too large: more than "+strconv.Itoa(maxYAMLNodes)+" values")
	}
	out := &node{at: r.at(n)}
	switch n.Kind {
	case yaml.AliasNode:
		if r.open[n.Alias] {
			return r.fail(n, "an alias that contains itself")
		}
		r.open[n.Alias] = true
		out.value = r.node(n.Alias).value
		delete(r.open, n.Alias)
	case yaml.MappingNode:
		out.value = r.members(n)
	case yaml.SequenceNode:
		elements := make([]*node, 0, len(n.Content))
		for _, e := range n.Content {
			elements = append(elements, r.node(e))
		}
		out.value = elements
	default:
		out.value = yamlScalar(n)
	}
	return out
}

func (r *yamlReader) members(n *yaml.Node) []member {
	ms := make([]member, 0, len(n.Content)/2)
	lines := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			r.fail(key, "not a key: must be a name")
			continue
		}
		if line, ok := lines[key.Value]; ok {
			r.fail(key, strconv.Quote(key.Value)+" stands in line "+strconv.Itoa(line)+" already")
			continue
		}
		lines[key.Value] = key.Line
		v := r.node(n.Content[i+1])
		v.at = r.at(key)
		ms = append(ms, member{key.Value, v})
	}
	return ms
}

// yamlScalar returns the value of a scalar. Text without quotes stays plain, so
// that 64MB can be a size and 2m a duration; so does a number that fits no Go
// type, which no setting will accept.
func yamlScalar(n *yaml.Node) any {
	var err error
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if err = n.Decode(&b); err == nil {
			return b
		}
	case "!!int":
		var i int64
		if err = n.Decode(&i); err == nil {
			return i
		}
	case "!!float":
		var f float64
		if err = n.Decode(&f); err == nil {
			return f
		}
	}
	if n.Style == 0 {
		return plain(n.Value)
	}
	return n.Value
}

// Errors of the YAML package are text only. Names of anchors are taken out: a
// password that begins with "*" is taken for an alias.
var (
	reYAML   = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)
	reAnchor = regexp.MustCompile(`(?s)unknown anchor '.*' referenced`)
)

// yamlProblem places and words an error of the YAML package.
func yamlProblem(path string, err error) *problem {
	p := &problem{at: position{layer: layerFile, source: path}, text: "syntax error"}
	m := reYAML.FindStringSubmatch(err.Error())
	if m == nil {
		return p
	}
	p.at.line, _ = strconv.Atoi(m[1])
	p.text += ": " + reAnchor.ReplaceAllString(strings.TrimSpace(m[2]), `unknown alias; text that begins with "*" needs quotes`)
	return p
}
