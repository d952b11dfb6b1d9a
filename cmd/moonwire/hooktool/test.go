package hooktool

import (
	"fmt"
	"os"
	"regexp"
)

// test runs tests.
func (t *tool) test(args []string) error {
	f := t.flags()
	run := f.String("run", "", "run the tests whose names match this `regexp`")
	verbose := f.Bool("v", false, "show tests that pass, too, and what the scripts log")
	junit := f.String("junit", "", "write the results as JUnit XML to this `file`")
	paths, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return usagef("say which scripts or folders are to be tested")
	}
	var only *regexp.Regexp
	if *run != "" {
		if only, err = regexp.Compile(*run); err != nil {
			return usagef("-run: %v", err)
		}
	}
	files, err := testFiles(paths)
	if err != nil {
		return err
	}
	var suites []*suite
	ran, failed := 0, false
	for _, file := range files {
		s := newSuite(file)
		s.run(t.ctx, only)
		suites = append(suites, s)
		ran += len(s.tests)
		failed = failed || s.err != nil || s.failed() > 0
		t.report(s, *verbose)
	}
	t.total(suites)
	if *junit != "" {
		if err := writeJUnit(*junit, suites); err != nil {
			return err
		}
	}
	if ran == 0 && !failed {
		return fmt.Errorf("no test matches -run %s", *run)
	}
	if failed {
		return errFailed
	}
	return nil
}

func writeJUnit(path string, suites []*suite) error {
	b, err := junitXML(suites)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}
