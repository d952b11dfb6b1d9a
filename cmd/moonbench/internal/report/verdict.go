//go:build linux

package report

import (
	"fmt"
	"strconv"

	"moonwire/cmd/moonbench/internal/series"
	"moonwire/cmd/moonbench/internal/stat"
)

// verdicts is the table of goals: the subject held against the yardstick.
func verdicts(rep *series.Report, name func(title, scenario string) string) table {
	t := table{head: []string{"case", "what", "ratio", "must", "aim", "verdict"}}
	for _, v := range rep.Verdicts {
		must := goal(v.Must)
		if v.AtMost {
			must = "≤ " + must
		}
		t.rows = append(t.rows, []string{name(v.Title, v.Scenario), v.What, ratio(v.Ratio), must, goal(v.Aim), v.Word})
	}
	return t
}

// tally counts the verdicts: "6 goals: 3 aim met, 1 must met, 2 missed".
func tally(rep *series.Report) string {
	n := make(map[string]int)
	for _, v := range rep.Verdicts {
		n[v.Word]++
	}
	return fmt.Sprintf("%d goals: %d aim met, %d must met, %d missed", len(rep.Verdicts), n[series.AimMet], n[series.MustMet], n[series.Missed])
}

// comparisons is the table of loads beside trouble and without it.
func comparisons(rep *series.Report) table {
	t := table{head: []string{"case", "beside", "server", "what", "with", "without", "with / without", "verdict"}}
	for i := range rep.Comparisons {
		c := &rep.Comparisons[i]
		show := ranged
		if c.What == series.WhatP99 {
			show = rangedSpan
		}
		t.rows = append(t.rows, []string{
			c.Scenario, c.Beside, c.Target, c.What, show(c.With), show(c.Without), digits(c.Ratio()) + "×", c.Word,
		})
	}
	return t
}

// goal prints a bound as it was stated.
func goal(v float64) string {
	if v == 0 {
		return "–"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// rangedSpan prints a median time with its extremes.
func rangedSpan(s stat.Summary) string {
	if s.N < 2 {
		return span(s)
	}
	at := func(v float64) string { return span(stat.Summary{N: 1, Median: v, Max: v}) }
	return fmt.Sprintf("%s (%s–%s)", at(s.Median), at(s.Min), at(s.Max))
}
