//go:build linux

package report

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"moonwire/cmd/moonbench/internal/series"
)

// table is rows of cells below a head.
type table struct {
	head []string
	rows [][]string
}

// text writes the table with aligned columns, unless it is empty.
func (t table) text(b *strings.Builder, title string) error {
	if len(t.rows) == 0 {
		return nil
	}
	b.WriteString("\n" + title + "\n\n")
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.head}, t.rows...) {
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	return tw.Flush()
}

// markdown writes the table below a title and an introduction, unless it is
// empty.
func (t table) markdown(b *strings.Builder, title, intro string) {
	if len(t.rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### %s\n\n", title)
	if intro != "" {
		b.WriteString(intro + "\n\n")
	}
	b.WriteString("| " + strings.Join(t.head, " | ") + " |\n" + strings.Repeat("|---", len(t.head)) + "|\n")
	for _, row := range t.rows {
		cells := append([]string(nil), row...)
		if last := len(cells) - 1; cells[last] == series.Missed {
			cells[last] = "**" + series.Missed + "**"
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
}
