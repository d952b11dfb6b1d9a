package library

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"moonwire/hooks"
)

// TestExamples runs the examples of all functions.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, m := range Modules(newShared(t, Options{})) {
		for _, f := range m.Functions {
			if f.Example == "" {
				continue
			}
			t.Run(m.Name+"."+f.Name, func(t *testing.T) {
				t.Parallel()
				s := newShared(t, Options{Control: new(fakeControl)})
				s.http.client.Transport = answering{}
				if err := new(fakeCaller).run(t, s, f.Example); err != nil {
					t.Errorf("%v in\n%s", err, f.Example)
				}
			})
		}
	}
}

// answering answers all requests without a network.
type answering struct{}

func (answering) RoundTrip(r *http.Request) (*http.Response, error) {
	body := `{"ok":true}`
	return &http.Response{
		StatusCode: 200, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// fakeControl keeps what it was told.
type fakeControl struct {
	of     hooks.Selector
	reason string
	p      *hooks.Permissions
	n      int
	err    error
}

func (c *fakeControl) Disconnect(of hooks.Selector, reason string) (int, error) {
	c.of, c.reason = of, reason
	return c.n, c.err
}

func (c *fakeControl) SetPermissions(of hooks.Selector, p *hooks.Permissions) (int, error) {
	c.of, c.p = of, p
	return c.n, c.err
}

var (
	identifier = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	dotted     = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$`)
	paramName  = regexp.MustCompile(`^([a-z][A-Za-z0-9_]*|\.\.\.)$`)
)

// TestDeclarations: the reference and the stub for editors are made of them.
func TestDeclarations(t *testing.T) {
	t.Parallel()
	modules := Modules(newShared(t, Options{}))
	if !slices.IsSortedFunc(modules, func(a, b *Module) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("modules are not in order of their names")
	}
	for _, m := range modules {
		if m.New != nil {
			modules = append(modules, m.New()) // what a VM gets
		}
	}
	for _, m := range modules {
		if !identifier.MatchString(m.Name) {
			t.Errorf("module %q: the name is no identifier", m.Name)
		}
		checkDoc(t, "module "+m.Name, m.Doc)
		if len(m.Functions) == 0 {
			t.Errorf("module %s has no functions", m.Name)
		}
		seen := make(map[string]bool)
		for _, f := range m.Functions {
			where := m.Name + "." + f.Name
			if !dotted.MatchString(f.Name) || seen[f.Name] {
				t.Errorf("%s: the name is no identifier, or is there twice", where)
			}
			seen[f.Name] = true
			checkDoc(t, where, f.Doc)
			checkParams(t, where+", parameter", f.Params, true)
			checkParams(t, where+", result", f.Returns, true)
			if f.Do == nil || len(f.Returns) == 0 || f.Example == "" {
				t.Errorf("%s does nothing, gives nothing or has no example", where)
			}
		}
		for _, c := range m.Constants {
			checkParams(t, m.Name+", constant", []Param{{c.Name, c.Type, c.Doc}}, false)
		}
		for _, d := range m.Types {
			checkDoc(t, "type "+d.Name, d.Doc)
			checkParams(t, "type "+d.Name+", field", d.Fields, false)
		}
	}
}

// checkDoc: the first sentence, which is the summary, ends with a period, as all
// do.
func checkDoc(t *testing.T, where, doc string) {
	t.Helper()
	if doc == "" || !strings.HasSuffix(doc, ".") || strings.TrimSpace(doc) != doc {
		t.Errorf("%s: %q is not made of sentences", where, doc)
	}
}

// checkParams looks at parameters, where those that may be missing come last, or
// at fields.
func checkParams(t *testing.T, where string, list []Param, ordered bool) {
	t.Helper()
	optional := false
	for _, p := range list {
		if !paramName.MatchString(p.Name) {
			t.Errorf("%s %q: the name is no identifier", where, p.Name)
		}
		if p.Type == "" || strings.Contains(p.Type, "??") {
			t.Errorf("%s %s: the type is %q", where, p.Name, p.Type)
		}
		checkDoc(t, where+" "+p.Name, p.Doc)
		if missing := strings.HasSuffix(p.Type, "?"); ordered && optional && !missing && !strings.Contains(p.Type, "nil") && p.Name != "..." {
			t.Errorf("%s %s: it comes after one that may be missing", where, p.Name)
		} else {
			optional = optional || missing
		}
	}
}

// TestTypesAreDeclared: each name of a type is one of Lua, or declared.
func TestTypesAreDeclared(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"fun": true, "table": true}
	for _, name := range []string{"nil", "boolean", "number", "integer", "string", "table", "any", "function"} {
		known[name] = true
	}
	modules := Modules(newShared(t, Options{}))
	for _, m := range modules {
		for _, d := range m.Types {
			known[d.Name] = true
		}
	}
	word := regexp.MustCompile(`"[^"]*"|[A-Za-z][A-Za-z0-9_.]*`)
	check := func(where string, list []Param) {
		for _, p := range list {
			if strings.HasPrefix(p.Type, "fun(") {
				continue // made of those of a function, with names of parameters
			}
			for _, w := range word.FindAllString(p.Type, -1) {
				if w[0] != '"' && !known[w] {
					t.Errorf("%s %s: the type %q is not declared", where, p.Name, w)
				}
			}
		}
	}
	for _, m := range modules {
		for _, f := range m.Functions {
			check(m.Name+"."+f.Name, f.Params)
			check(m.Name+"."+f.Name, f.Returns)
		}
		for _, d := range m.Types {
			check(d.Name, d.Fields)
		}
	}
}

// TestGuards: functions run only where they may.
func TestGuards(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{})
	for _, tt := range []struct {
		name, lines, want string
		c                 fakeCaller
	}{
		{
			"waiting where it holds others up", `http.get("http://127.0.0.1:1/")`,
			"http.get can be called at connect and event only: it waits, and messages would wait with it",
			fakeCaller{hurry: true},
		},
		{
			"waiting at load", `http.post("http://127.0.0.1:1/")`,
			"http.post can be called at connect and event only: it waits, and messages would wait with it",
			fakeCaller{loading: true},
		},
		{
			"state at load", `kv.get("a")`,
			"kv.get can be called by the functions of hooks only: the top level of a script runs once for each of its virtual machines",
			fakeCaller{loading: true},
		},
		{"kv.shared at load", `kv.shared("a")`, "", fakeCaller{loading: true}},
		{
			"a space at load", `kv.shared("a").set("a", 1)`,
			"kv.set can be called by the functions of hooks only: the top level of a script runs once for each of its virtual machines",
			fakeCaller{loading: true},
		},
		{"the time at load", `time.now()`, "", fakeCaller{loading: true}},
		{"state where nobody waits", `kv.get("a")`, "", fakeCaller{hurry: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkError(t, tt.c.run(t, s, tt.lines), tt.want)
		})
	}
}

// checkError checks the message of a script's error; "" is none.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		_, got, _ = strings.Cut(err.Error(), ": ")
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
