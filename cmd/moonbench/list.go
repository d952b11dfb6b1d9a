//go:build linux

package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"moonwire/cmd/moonbench/internal/scenario"
)

// listCommand prints a line for each scenario.
func listCommand(args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("moonbench list", flag.ContinueOnError)
	fs.SetOutput(stderr)
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	words := fs.Args()
	if len(words) == 0 {
		words = []string{scenario.All}
	}
	chosen, err := scenario.Select(words)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	tw := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "name\twhat\tunit\tgroups")
	for i := range chosen {
		sc := &chosen[i]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", sc.Name, sc.Title, sc.Unit(), strings.Join(sc.Groups, ", "))
	}
	return tw.Flush()
}
