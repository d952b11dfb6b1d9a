package hooktool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"moonwire/hooks/lua"
	"moonwire/server"
)

// testSuffix is how the name of a file of tests ends: auth_test.lua is for
// auth.lua beside it.
const testSuffix = "_test.lua"

// suite is the tests of one file.
type suite struct {
	file   string
	script lua.Options // what is tested: its file, and what bounds it

	tests []result
	err   error // why there are no tests
	took  time.Duration
}

// result is what came of one test.
type result struct {
	name    string
	line    int
	failure *failure // nil if it passed
	logs    []string // of the script
	took    time.Duration
}

func (s *suite) failed() (n int) {
	for _, t := range s.tests {
		if t.failure != nil {
			n++
		}
	}
	return n
}

// newSuite returns the suite of a file of tests.
func newSuite(file string) *suite {
	return &suite{file: file, script: lua.Options{File: strings.TrimSuffix(file, testSuffix) + ".lua"}}
}

// testFiles returns the files of tests that paths mean, each once and in order:
// files of tests themselves, scripts, and folders with all that lies in them. The
// error names what has no tests.
func testFiles(paths []string) ([]string, error) {
	var files []string
	var errs []error
	for _, path := range paths {
		found, err := testsOf(filepath.Clean(path))
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("%s: there are no tests: they stand in files whose names end in %s", path, testSuffix)
		}
		if err != nil {
			errs = append(errs, err)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	return slices.Compact(files), errors.Join(errs...)
}

func testsOf(path string) (files []string, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir() && strings.HasSuffix(path, testSuffix):
		return []string{path}, nil
	case !info.IsDir():
		tests := strings.TrimSuffix(path, ".lua") + testSuffix
		if _, err := os.Stat(tests); err != nil {
			err = fmt.Errorf("%s has no tests: %w", path, err)
			if filepath.Ext(path) != ".lua" {
				err = fmt.Errorf("%w; only scripts in Lua are tested so, and plugins by the tools of their language", err)
			}
			return nil, err
		}
		return []string{tests}, nil
	}
	err = filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		hidden := e != nil && e.IsDir() && p != path && (e.Name() == fixtures || strings.HasPrefix(e.Name(), "."))
		switch {
		case err != nil:
			return err
		case hidden:
			return fs.SkipDir
		case e.Type().IsRegular() && strings.HasSuffix(p, testSuffix):
			files = append(files, p)
		}
		return nil
	})
	return files, err
}

// run runs the tests whose names match only; nil is all.
func (s *suite) run(ctx context.Context, only *regexp.Regexp) {
	start := time.Now()
	defer func() { s.took = time.Since(start) }()
	source, err := os.ReadFile(s.file)
	if err != nil {
		s.err = err
		return
	}
	declared, err := s.declared(ctx, source)
	if err != nil {
		s.err = err
		return
	}
	for i, d := range declared {
		if ctx.Err() != nil {
			s.err = ctx.Err()
			return
		}
		if only == nil || only.MatchString(d.name) {
			s.tests = append(s.tests, s.runOne(ctx, source, i, d))
		}
	}
}

// declared loads the file to see which tests it has.
func (s *suite) declared(ctx context.Context, source []byte) ([]declared, error) {
	t, err := newTrial(ctx, s, source)
	if err != nil {
		return nil, err
	}
	if len(t.tests) == 0 {
		return nil, fmt.Errorf("%s: it has no tests: declare them by test(name, function)", s.file)
	}
	seen := make(map[string]int)
	for _, d := range t.tests {
		if first, ok := seen[d.name]; ok {
			return nil, fmt.Errorf("%s:%d: there is a test named %q in line %d already", s.file, d.line, d.name, first)
		}
		seen[d.name] = d.line
	}
	return t.tests, nil
}

// runOne runs one test, in a virtual machine and on a stage of its own.
func (s *suite) runOne(ctx context.Context, source []byte, i int, d declared) (r result) {
	start := time.Now()
	r = result{name: d.name, line: d.line}
	defer func() { r.took = time.Since(start) }()
	t, err := newTrial(ctx, s, source)
	switch {
	case err != nil:
		r.failure = &failure{text: err.Error()}
	case i >= len(t.tests) || t.tests[i].name != d.name:
		r.failure = failuref("%s:%d: the file declares other tests each time it is loaded", s.file, d.line)
	default:
		r.failure, r.logs = t.run(i)
	}
	return r
}

// Test is a [server.Tester]: it runs the tests beside the script of a hook, with
// the limits of the hook. What the script is configured with is for the tests to
// say, so that they find the same here as on anybody's desk.
func Test(ctx context.Context, o server.EngineOptions) error {
	file := strings.TrimSuffix(o.Hook.Lua, ".lua") + testSuffix
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s := newSuite(file)
	s.script.File, s.script.Limits, s.script.Timeout = o.Hook.Lua, Limits(&o.Hook), o.Timeout
	s.run(ctx, nil)
	errs := []error{s.err}
	for _, r := range s.tests {
		if r.failure != nil {
			errs = append(errs, fmt.Errorf("%s: %s", r.name, r.failure.text))
		}
	}
	return errors.Join(errs...)
}
