//go:build linux

package report

import (
	"fmt"
	"strings"

	"moonwire/cmd/moonbench/internal/series"
)

// profiles is the table of where the subject's CPU time goes. Rooms in which no
// scenario spends any are left out.
func profiles(rep *series.Report) table {
	t := table{head: []string{"case"}}
	var used []bool
	for _, sc := range rep.Scenarios {
		for i, s := range sc.Targets[0].Profile {
			if i >= len(used) {
				used = append(used, false)
			}
			used[i] = used[i] || percent(s.Percent) != "–"
		}
	}
	for _, sc := range rep.Scenarios {
		shares := sc.Targets[0].Profile
		if shares == nil {
			continue
		}
		row := []string{sc.Title}
		for i, s := range shares {
			if !used[i] {
				continue
			}
			if len(t.rows) == 0 {
				t.head = append(t.head, s.Room)
			}
			row = append(row, percent(s.Percent))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func profileIntro(rep *series.Report) string {
	return "CPU profiles of " + rep.Targets[0] + ", one in a run of its own for each case; a few hundred samples each."
}

// percent rounds: the samples are too few for more.
func percent(v float64) string {
	if s := fmt.Sprintf("%.0f", v); strings.Trim(s, "0") != "" {
		return s
	}
	return "–"
}
