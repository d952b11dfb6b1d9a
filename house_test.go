// Package moonwire_test holds the tests of the repository as a whole: who may
// import whom, and that what the documentation says is so.
package moonwire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path of this module.
const module = "moonwire"

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath, Dir           string
	Standard                  bool
	GoFiles, Imports          []string
	TestImports, XTestImports []string
	Module                    *struct{ Path string }
}

// packages lists the packages of the module.
func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-pgo=off", "-json", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// within reports whether an import path lies in one of some folders of the
// module.
func within(p string, folders ...string) bool {
	rel, ok := strings.CutPrefix(p, module+"/")
	return ok && slices.ContainsFunc(folders, func(f string) bool {
		return rel == f || strings.HasPrefix(rel, f+"/")
	})
}

// external reports whether an import path is neither of the standard library
// nor ours.
func external(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return strings.Contains(first, ".")
}

// only says in which folders a third-party module may be imported.
var only = []struct {
	prefix  string
	folders []string
}{
	{"github.com/yuin/gopher-lua", []string{"hooks/lua"}},
	{"github.com/hashicorp/go-plugin", []string{"plugins"}},
	{"google.golang.org/grpc", []string{"plugins"}},
	{"google.golang.org/protobuf", []string{"plugins"}},
	{"github.com/bufbuild/protocompile", []string{"plugins/api"}},
	{"github.com/knadh/koanf", []string{"server/config"}},
	{"github.com/nats-io/nats-server/v2/conf", []string{"server/config"}},
	{"github.com/prometheus", []string{"server/monitor"}},
	{"github.com/HdrHistogram", []string{"cmd/moonbench"}},
	{"github.com/google/pprof", []string{"cmd/moonbench"}},
	{"github.com/nats-io/jwt", []string{"server/operator"}},
	{"go.etcd.io/bbolt", []string{"examples/plugins/directory"}},
	{"github.com/santhosh-tekuri/jsonschema", []string{"examples/plugins/orders"}},
	{"github.com/ncruces/go-sqlite3", []string{"examples/plugins/audit"}},
	// The reference and its client are for tests.
	{"github.com/nats-io/nats-server/v2", []string{"server/servertest"}},
	{"github.com/nats-io/nats.go", []string{"server/servertest"}},
}

// rules say what the packages of a folder may import of the module; the first
// that fits counts.
var rules = []struct {
	folder string
	may    []string
	std    bool // and of others only the standard library
}{
	{"cmd", []string{"cmd", "server", "hooks", "plugins"}, false},
	{"server/wire", nil, true},
	{"server/subject", nil, true},
	{"server/spelling", nil, true},
	{"server/servertest", []string{"server"}, false},
	{"server", []string{"server", "hooks"}, false},
	{"hooks/lua", []string{"hooks", "server/subject", "server/spelling"}, false},
	{"hooks/builtin", []string{"hooks", "server/subject", "server/spelling"}, false},
	{"hooks/hookbench", nil, false},
	{"hooks/hooktest", []string{"hooks"}, true},
	{"hooks", []string{"server/subject"}, true},
	{"plugins/sdk", []string{"plugins/api", "plugins/sdk"}, false},
	{"plugins", []string{"plugins", "hooks", "server/subject"}, false},
	{"examples", []string{"server", "hooks", "plugins", "examples/plugins/internal"}, false},
}

// TestImports holds each package to the house rules.
func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			if why := forbidden(p.ImportPath, i); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, i, why)
			}
		}
	}
}

func forbidden(p, imported string) string {
	for _, o := range only {
		if strings.HasPrefix(imported, o.prefix) {
			if !within(p, o.folders...) {
				return "only for " + strings.Join(o.folders, ", ")
			}
			break
		}
	}
	for _, kit := range []string{"server/servertest", "hooks/hooktest"} {
		if within(imported, kit) && !within(p, kit) {
			return "only for tests"
		}
	}
	room := strings.TrimPrefix(p, module+"/server/")
	if room != p && imported == module+"/server" && !within(p, "server/servertest") {
		return "rooms do not import the server"
	}
	for _, r := range rules {
		if !within(p, r.folder) {
			continue
		}
		ours := strings.HasPrefix(imported, module+"/")
		switch {
		case ours && imported != p && !within(imported, r.may...):
			return r.folder + " may only import " + fmt.Sprint(r.may)
		case r.std && external(imported):
			return r.folder + " may only import the standard library"
		}
		return ""
	}
	if p == module {
		return ""
	}
	return "no rule says what this package may import"
}

// TestForbidden shows that the rules bite.
func TestForbidden(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		p, imported string
		bad         bool
	}{
		{"moonwire/server/conn", "moonwire/server", true},
		{"moonwire/server/conn", "moonwire/server/wire", false},
		{"moonwire/server/wire", "go.uber.org/zap", true},
		{"moonwire/server/wire", "moonwire/server/subject", true},
		{"moonwire/server", "moonwire/plugins", true},
		{"moonwire/server", "github.com/knadh/koanf/v2", true},
		{"moonwire/server/config", "github.com/knadh/koanf/v2", false},
		{"moonwire/server/config", "github.com/nats-io/nats-server/v2/conf", false},
		{"moonwire/server/config", "github.com/nats-io/nats-server/v2/server", true},
		{"moonwire/server", "moonwire/server/servertest", true},
		{"moonwire/server", "moonwire/hooks/hooktest", true},
		{"moonwire/hooks", "moonwire/server/interest", true},
		{"moonwire/hooks/lua", "github.com/yuin/gopher-lua", false},
		{"moonwire/hooks", "github.com/yuin/gopher-lua", true},
		{"moonwire/plugins/sdk", "moonwire/hooks", true},
		{"moonwire/cmd/moonwire", "moonwire/server", false},
		{"moonwire/newroom", "fmt", true},
	} {
		if why := forbidden(tt.p, tt.imported); (why != "") != tt.bad {
			t.Errorf("%s importing %s: got %q", tt.p, tt.imported, why)
		}
	}
}

// TestExportedTypes: no exported signature of a library package names a type
// of another project, but *zap.Logger.
func TestExportedTypes(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if within(p.ImportPath, "cmd", "server/servertest", "plugins/api") {
			continue
		}
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range foreign(f) {
				t.Errorf("%s: %s is in an exported signature", fset.Position(found.Pos()), path.Join(p.ImportPath, name))
			}
		}
	}
}

// foreign returns the third-party types in the exported declarations of f.
func foreign(f *ast.File) (found []*ast.SelectorExpr) {
	imports := make(map[string]string)
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value) // the parser has seen to it
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		if external(p) {
			imports[name] = p
		}
	}
	look := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && len(field.Names) > 0 &&
				!slices.ContainsFunc(field.Names, func(i *ast.Ident) bool { return i.IsExported() }) {
				if !isParam(f, field) {
					return false
				}
			}
			if s, ok := n.(*ast.SelectorExpr); ok {
				x, ok := s.X.(*ast.Ident)
				if ok && imports[x.Name] != "" && imports[x.Name]+"."+s.Sel.Name != "go.uber.org/zap.Logger" {
					found = append(found, s)
				}
			}
			return true
		})
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d.Recv)) {
				look(d.Type)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.IsExported() {
					look(ts.Type)
				}
			}
		}
	}
	return found
}

// isParam reports whether a field is a parameter or result, whose name does
// not matter.
func isParam(f *ast.File, field *ast.Field) (param bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if ft, ok := n.(*ast.FuncType); ok {
			param = param || slices.Contains(ft.Params.List, field) ||
				ft.Results != nil && slices.Contains(ft.Results.List, field)
		}
		return !param
	})
	return param
}

func exportedReceiver(r *ast.FieldList) bool {
	t := r.List[0].Type
	if s, ok := t.(*ast.StarExpr); ok {
		t = s.X
	}
	i, ok := t.(*ast.Ident)
	return ok && i.IsExported()
}
