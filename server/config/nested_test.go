package config

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The table of this file shows what later settings need: blocks with a struct
// of their own, lists of texts, lists of blocks, blocks in blocks.
type tree struct {
	Name string
	Node struct {
		Port  int
		Peers []string
		Inner struct{ Wait time.Duration }
	}
	Users []user
}

type user struct {
	Name, Password string
	Allow          []string
}

func treeTable() []setting {
	word := &setting{kind: text}
	return []setting{
		{key: "name", kind: text, fields: []string{"Name"}},
		{key: "node", kind: block, fields: []string{"Node"}, block: []setting{
			{key: "port", kind: integer, fields: []string{"Port"}, def: int64(7), min: 1, max: 9},
			{key: "peers", kind: list, fields: []string{"Peers"}, elem: word},
			{key: "inner", kind: block, fields: []string{"Inner"}, block: []setting{
				{key: "wait", kind: duration, fields: []string{"Wait"}, min: 1, max: maxDuration},
			}},
		}},
		{key: "users", kind: list, fields: []string{"Users"}, elem: &setting{kind: block, block: []setting{
			{key: "name", aliases: []string{"user"}, kind: text, fields: []string{"Name"}},
			{key: "password", kind: text, fields: []string{"Password"}, secret: true},
			{key: "allow", kind: list, fields: []string{"Allow"}, elem: word},
		}}},
	}
}

func loadTree(t *testing.T, name, content string, environ []string) (tree, *report) {
	t.Helper()
	l := &loader{schema: newSchema(treeTable()), rep: newReport()}
	file := l.file(writeFile(t, name, content))
	var got tree
	if err := decode(&got, file, l.environment(environ)); err != nil {
		t.Fatal(err)
	}
	l.schema.fill(reflect.ValueOf(&got).Elem())
	return got, l.rep
}

func TestNested(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"a.conf": `
name: top
node { peers: [ a, "b.c" ], inner { wait: "3s" } }
users: [
  { user: bob, password: "p", allow: "x.>" }
  { name: eve, allow: [ y, z ] }
]`,
		"a.yaml": `
name: top
node: {peers: [a, b.c], inner: {wait: 3s}}
users:
  - {user: bob, password: p, allow: x.>}
  - name: eve
    allow: [y, z]
`,
	}
	for name, content := range files {
		got, rep := loadTree(t, name, content, []string{"MOONWIRE_NODE_INNER_WAIT=5s"})
		if err := rep.err(); err != nil {
			t.Fatal(err)
		}
		want := tree{Name: "top", Users: []user{
			{Name: "bob", Password: "p", Allow: []string{"x.>"}},
			{Name: "eve", Allow: []string{"y", "z"}},
		}}
		want.Node.Port = 7
		want.Node.Peers = []string{"a", "b.c"}
		want.Node.Inner.Wait = 5 * time.Second
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if at, ok := rep.origins[join(join("Node", "Inner", delimiter), "Wait", delimiter)]; !ok || at.layer != layerEnv {
			t.Errorf("%s: origin of the nested value is %v", name, at)
		}
	}
}

func TestNestedProblems(t *testing.T) {
	t.Parallel()
	_, rep := loadTree(t, "a.conf", `node {
  port: 10
  peers: [ a, 5 ]
  inner { wiat: 1 }
}
users: [
  { name: bob, pasword: x }
  eve
  { password: 5, allow: { a: b } }
]
`, nil)
	var got []string
	sorted(rep.problems)
	for _, p := range rep.problems {
		p.at.source = "a.conf"
		got = append(got, p.Error())
	}
	want := []string{
		`a.conf:2:3: "node.port": got 10; must be a whole number from 1 to 9`,
		`a.conf:3:15: "node.peers": got 5; ` + "must be " + anyText,
		`a.conf:4:11: unknown key "node.inner.wiat"; did you mean "node.inner.wait"?`,
		`a.conf:7:16: unknown key "users.pasword"; did you mean "users.password"?`,
		`a.conf:8:3: "users": got "eve"; must be a block { … }`,
		`a.conf:9:5: "users.password": got a number; must be ` + anyText,
		`a.conf:9:18: "users.allow": got a block; must be a list [ … ]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
