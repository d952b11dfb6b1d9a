package hooktool

import (
	"fmt"
	"strings"
	"time"
)

// report prints what came of a file of tests.
func (t *tool) report(s *suite, verbose bool) {
	if s.err != nil {
		fmt.Fprintf(t.Stdout, "FAIL  %s\n      %v\n", s.file, strings.ReplaceAll(s.err.Error(), "\n", "\n      "))
	}
	for _, r := range s.tests {
		switch {
		case r.failure != nil:
			fmt.Fprintf(t.Stdout, "FAIL  %s:%d: %s\n      %s\n", s.file, r.line, r.name, strings.Join(r.failure.lines(), "\n      "))
		case verbose:
			fmt.Fprintf(t.Stdout, "pass  %s:%d: %s (%s)\n", s.file, r.line, r.name, r.took.Round(time.Microsecond))
		}
		if verbose || r.failure != nil {
			for _, line := range r.logs {
				fmt.Fprintf(t.Stdout, "      log %s\n", line)
			}
		}
	}
	if n := len(s.tests); n > 0 && s.failed() == 0 {
		fmt.Fprintf(t.Stdout, "ok    %s  %s (%s)\n", s.file, count(n, "test"), s.took.Round(time.Millisecond))
	}
}

// total prints what came of all.
func (t *tool) total(suites []*suite) {
	tests, failed := 0, 0
	for _, s := range suites {
		tests += len(s.tests)
		failed += s.failed()
		if s.err != nil {
			failed++
		}
	}
	if failed > 0 {
		fmt.Fprintf(t.Stdout, "%d failed, %s in %s\n", failed, count(tests, "test"), count(len(suites), "file"))
		return
	}
	fmt.Fprintf(t.Stdout, "%s in %s passed\n", count(tests, "test"), count(len(suites), "file"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// lines is a failure with where it was called.
func (f *failure) lines() []string { return append(strings.Split(f.text, "\n"), f.callers...) }
