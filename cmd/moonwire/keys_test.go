package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestScriptsSetEveryKey finds each key of the configuration reference in a
// configuration that a script starts a broker with.
func TestScriptsSetEveryKey(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var used strings.Builder
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if strings.Contains(string(archive.Comment), "moonwire -c "+f.Name) {
				used.Write(f.Data)
			}
		}
	}
	reference, err := os.ReadFile("../../docs/reference/config.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(?:[a-z_]+\\.)*([a-z_]+)`").FindAllSubmatch(reference, -1)
	if len(rows) < 20 {
		t.Fatalf("found only %d keys in the reference", len(rows))
	}
	for _, row := range rows {
		key := string(row[1])
		if !regexp.MustCompile(`(?m)^\s*` + key + `\b`).MatchString(used.String()) {
			t.Errorf("no script sets %s", key)
		}
	}
}
