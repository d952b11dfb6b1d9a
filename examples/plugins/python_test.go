//go:build python && unix

package plugins_test

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"moonwire/hooks"
	"moonwire/plugins"
)

// These tests need Python 3.8 or later with what python/requirements.txt names.
// They run the interpreter of the variable PYTHON, or python3:
//
//	make python PYTHON=/usr/bin/python3

func python() string { return cmp.Or(os.Getenv("PYTHON"), "python3") }

func pythonOptions(dir string) plugins.Options {
	return plugins.Options{Command: python(), Args: []string{"-B", filepath.Join(dir, "tests", "policy.py")}}
}

func TestPython(t *testing.T) {
	t.Parallel()
	dir := copyTree(t, "python")
	t.Run("unittest", func(t *testing.T) {
		t.Parallel()
		command(t, dir, python(), "-m", "unittest", "discover", "-s", "tests")
	})
	t.Run("policy", func(t *testing.T) {
		t.Parallel()
		testPolicy(t, pythonOptions(dir))
	})
	t.Run("orders", func(t *testing.T) {
		t.Parallel()
		p, _ := open(t, plugins.Options{
			Command: python(), Args: []string{filepath.Join(dir, "orders.py")}, Config: map[string]any{"clerk": "bob"},
		}, nil)
		if got, err := ask(t, p, 0, patience, publish("orders.new")); err != nil || got.Verdict != hooks.Allow {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func BenchmarkPython(b *testing.B) { benchmarkPolicy(b, pythonOptions(copyTree(b, "python"))) }
