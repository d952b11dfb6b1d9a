package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// seeds adds the sources of the corpora.
func seeds(f *testing.F) (sources []string) {
	f.Helper()
	files, err := filepath.Glob("testdata/hostile/*.lua")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/benign.lua") {
		source, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		sources = append(sources, strings.Split(string(source), "\n\n")...)
	}
	return sources
}

// FuzzCompile: any source is a program or an error with a line, soon.
func FuzzCompile(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		start := time.Now()
		_, err := Compile("fuzz.lua", source, Options{})
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Line < 1 || e.Message == "") {
			t.Errorf("got %#v", err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// FuzzCall: any program ends within its budget, with a result or an error of
// the script, and the interpreter does not panic but where we know it to.
func FuzzCall(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s), []byte("a,b(c)"))
	}
	f.Fuzz(func(t *testing.T, source, input []byte) {
		p, err := Compile("fuzz.lua", source, Options{})
		if err != nil {
			return
		}
		small := Budget{Instructions: 20_000, Memory: 1 << 20, Wall: time.Hour}
		start := time.Now()
		vm, err := NewVM(p, Host{Setup: hooked, Load: small})
		if err == nil {
			if hook, ok := vm.Ext.(Value); ok {
				_, err = vm.Call(hook, small, Bytes(input))
			}
			if n := vm.Used().Instructions; n > small.Instructions {
				t.Errorf("spent %d instructions", n)
			}
		}
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("got %#v", err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
