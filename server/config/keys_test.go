package config

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// parsers are the functions of nats-server that read a block, and the block.
var parsers = map[string][]string{
	"processConfigFileLine":      {""},
	"parseAuthorization":         {"authorization"},
	"parseUsers":                 {"authorization.users", "accounts.users"},
	"parseUserPermissions":       {"authorization.default_permissions", "authorization.users.permissions", "accounts.users.permissions"},
	"parseSubjectPermission":     {"authorization.users.permissions.publish", "accounts.default_permissions.subscribe"},
	"parseAllowResponses":        {"authorization.users.permissions.allow_responses"},
	"parseAccounts":              {"accounts"},
	"parseAccountLimits":         {"accounts.limits"},
	"parseExportStreamOrService": {"accounts.exports"},
	"parseImportStreamOrService": {"accounts.imports"},
	"parseAccount":               {"accounts.imports.stream", "accounts.imports.service"},
	"parseAccountMapDest":        {"mappings.destinations", "accounts.mappings.destinations"},
	"parseTLS":                   {"tls", "websocket.tls", "resolver_tls"},
	"parseWebsocket":             {"websocket"},
	"parseSimpleAuth":            {"websocket.authorization"},
}

// ours are keys that nats-server has not, and the names that stand in place of
// a key there.
var ours = []string{
	"unix_socket", "log_format", "always_enable_nonce", "accounts.name", "hooks",
}

// TestEveryKeyOfNATSServer compares the names of all keys with those in the
// source of nats-server.
func TestEveryKeyOfNATSServer(t *testing.T) {
	t.Parallel()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/nats-io/nats-server/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(gotoken.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "server", "opts.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || parsers[fn.Name.Name] == nil {
			continue
		}
		found++
		theirs := keysOf(fn)
		if len(theirs) < 2 {
			t.Errorf("%s: found only the keys %v", fn.Name.Name, theirs)
		}
		for _, path := range parsers[fn.Name.Name] {
			s := known().at(path)
			if s == nil {
				t.Errorf("there is no block %s", path)
				continue
			}
			for _, key := range theirs {
				if s.find(key) == nil {
					t.Errorf("%s: %q is not known", path, key)
				}
			}
			for name, it := range s.byName {
				if !it.commandOnly && !slices.Contains(ours, it.path) && !slices.Contains(theirs, name) {
					t.Errorf("%s: nats-server has no %q", path, name)
				}
			}
		}
	}
	if found != len(parsers) {
		t.Errorf("found %d of %d functions", found, len(parsers))
	}
}

// at returns the schema of the block with a path.
func (s *schema) at(path string) *schema {
	if path == "" {
		return s
	}
	for _, it := range s.all() {
		if it.path != path {
			continue
		}
		if it.each != nil {
			it = it.each
		}
		return it.sub
	}
	return nil
}

// keysOf returns the cases of the switches over the key of a member.
func keysOf(fn *ast.FuncDecl) (keys []string) {
	ast.Inspect(fn, func(n ast.Node) bool {
		s, ok := n.(*ast.SwitchStmt)
		if !ok {
			return true
		}
		call, ok := s.Tag.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		if arg, ok := call.Args[0].(*ast.Ident); !ok || arg.Name != "k" && arg.Name != "mk" {
			return true
		}
		for _, c := range s.Body.List {
			for _, e := range c.(*ast.CaseClause).List {
				if lit, ok := e.(*ast.BasicLit); ok {
					key, _ := strconv.Unquote(lit.Value) // the parser has seen to it
					keys = append(keys, key)
				}
			}
		}
		return true
	})
	return keys
}
