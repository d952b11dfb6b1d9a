package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestMissingKeys gives each key that the broker lacks some value: it is
// accepted with one warning, in its place, and changes nothing.
func TestMissingKeys(t *testing.T) {
	t.Parallel()
	needs := map[string]string{
		"authorization.users": "user: a", "accounts": "name: a", "accounts.users": "user: a",
		"tls": "cert_file: c, key_file: k", "websocket.tls": "cert_file: c, key_file: k",
	}
	count := 0
	for _, it := range known().all() {
		if it.kind != unsupported || it.key == "" {
			continue
		}
		count++
		t.Run(it.path, func(t *testing.T) {
			t.Parallel()
			block, _, _ := cutLast(it.path, ".")
			for _, name := range it.names() {
				for value, warned := range map[string]bool{
					"{ a: [ 1, { b: x } ], no_such_key: 2 }": true, "[ a, 5 ]": true, "true": true, "x": true, "5": true,
					"false": false, "disabled": false, "0": false, "[]": false,
				} {
					line := name + ": " + value
					text := nest(block, needs[block]+"\n"+line)
					with, _ := loadIn(t, nil, "a.conf", nest(block, needs[block]))
					problems, warnings := loadIn(t, nil, "a.conf", text)
					said := warnings
					if it.guards { // it is refused, not warned of
						said, problems = problems, nil
					}
					if with != nil || problems != nil {
						t.Fatalf("%s: %q %q", text, with, problems)
					}
					var want []string
					if warned {
						how := map[bool]string{false: "ignored", true: "and not ignored"}[it.guards]
						want = []string{fmt.Sprintf("a.conf:%d:1: %q: not supported yet, %s: %s",
							1+strings.Count(text[:strings.Index(text, line)], "\n"), it.path, how, it.doc)}
					}
					said = slices.DeleteFunc(said, func(w string) bool { return strings.HasSuffix(w, "sets nothing") })
					if diff := cmp.Diff(want, said, cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("%s: said (-want +got):\n%s", text, diff)
					}
				}
			}
		})
	}
	if count < 35 {
		t.Errorf("only %d keys", count)
	}
}

// nest writes lines into blocks; users and accounts are lists.
func nest(path, lines string) string {
	if path == "" {
		return lines + "\n"
	}
	outer, key, _ := cutLast(path, ".")
	switch {
	case key == "accounts" && !strings.HasPrefix(lines, "name"):
		lines = "name: a\n" + lines
		fallthrough
	case key == "users", key == "accounts":
		return nest(outer, key+": [ {\n"+lines+"\n} ]")
	}
	return nest(outer, key+" {\n"+lines+"\n}")
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// TestMissingFlags: so are its flags.
func TestMissingFlags(t *testing.T) {
	t.Parallel()
	for _, it := range known().flagItems() {
		if it.kind != unsupported {
			continue
		}
		for _, f := range it.flags {
			args := []string{"-" + f}
			if it.arg != "" {
				args = append(args, "x")
			}
			cmd, err := Parse(args, nil)
			if err != nil {
				t.Errorf("%v: %v", args, err)
				continue
			}
			want := []string{fmt.Sprintf("flag %s: %q: not supported yet, ignored: %s", dashed(f), it.name(), it.doc)}
			if diff := cmp.Diff(want, cmd.Warnings); diff != "" {
				t.Errorf("%v: warnings (-want +got):\n%s", args, diff)
			}
			if diff := cmp.Diff(Options{}.WithDefaults(), cmd.Options); diff != "" {
				t.Errorf("%v: options (-want +got):\n%s", args, diff)
			}
		}
	}
}
