//go:build linux

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"moonwire/cmd/moonbench/internal/hookpage"
	"moonwire/cmd/moonbench/internal/series"
)

// hooksCommand puts what docs/bench/hooks.sh has measured into its page.
func hooksCommand(args []string, stderr io.Writer) error {
	var now, before, page string
	var runs, notes []string
	fs := flag.NewFlagSet("moonbench hooks", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&now, "bench", "", "`file` with what go test -bench has printed")
	fs.StringVar(&before, "before", "", "`file` with the same of the build before there were hooks")
	fs.Func("run", "`file` with the JSON of a run of moonbench; may be given many times", appendTo(&runs))
	fs.Func("note", "`line` for the head of the page; may be given many times", appendTo(&notes))
	fs.StringVar(&page, "page", "", "the page, a `file` that is changed")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if now == "" || before == "" || page == "" || fs.NArg() > 0 {
		return fmt.Errorf("%w: --bench, --before and --page name files, and nothing comes behind the flags", errUsage)
	}
	in := &hookpage.Input{Notes: notes}
	var err error
	if in.Now, err = readBenches(now); err != nil {
		return err
	}
	if in.Before, err = readBenches(before); err != nil {
		return err
	}
	for _, path := range runs {
		rep, err := readReport(path)
		if err != nil {
			return err
		}
		in.Runs = append(in.Runs, rep)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	if text, err = hookpage.Update(text, in); err != nil {
		return fmt.Errorf("making %s: %w", page, err)
	}
	return writeFile(page, func(w io.Writer) error { _, err := w.Write(text); return err })
}

func appendTo(list *[]string) func(string) error {
	return func(s string) error {
		if strings.TrimSpace(s) != "" {
			*list = append(*list, s)
		}
		return nil
	}
}

func readBenches(path string) (hookpage.Benches, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading benchmarks: %w", err)
	}
	defer f.Close()
	b, err := hookpage.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("reading benchmarks from %s: %w", path, err)
	}
	return b, nil
}

func readReport(path string) (*series.Report, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a run: %w", err)
	}
	rep := new(series.Report)
	if err := json.Unmarshal(b, rep); err != nil {
		return nil, fmt.Errorf("reading the run %s: %w", path, err)
	}
	return rep, nil
}
