//go:build linux

package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"moonwire/cmd/moonbench/internal/series"
)

// Markdown writes the report as tables: first what was aimed at, then cost,
// throughput, memory and, where there are any, latencies.
func Markdown(w io.Writer, rep *series.Report) error {
	var b strings.Builder
	for line := range strings.Lines(preamble(rep)) {
		b.WriteString(strings.TrimSpace(line) + "  \n")
	}
	verdicts(rep, func(title, _ string) string { return title }).markdown(&b, "Targets", goalsIntro(rep))
	comparisons(rep).markdown(&b, "Beside trouble", "The same load with some trouble beside it and without. What counts is whether the ranges overlap.")
	section(&b, rep, "Server CPU for each unit, ns: median (min–max)",
		func(sc *series.Scenario) bool { return !sc.Memory },
		func(t *series.Target) string { return ranged(t.Cost) },
		func(r *series.Ratios) string { return ratio(r.Cost) })
	profiles(rep).markdown(&b, "Where the server's CPU goes, %", profileIntro(rep))
	section(&b, rep, "Units per second",
		func(sc *series.Scenario) bool { return !sc.Memory },
		func(t *series.Target) string { return ranged(t.PerSecond) },
		func(r *series.Ratios) string { return ratio(r.PerSecond) })
	section(&b, rep, "Memory for each unit",
		func(sc *series.Scenario) bool { return sc.Memory },
		func(t *series.Target) string { return sized(t.BytesEach) },
		func(r *series.Ratios) string { return ratio(r.Memory) })
	section(&b, rep, "Latency: p50 / p99 / p99.9, ratios of p50 / p99",
		hasLatency,
		func(t *series.Target) string { return span(t.P50) + " / " + span(t.P99) + " / " + span(t.P999) },
		func(r *series.Ratios) string { return ratio(r.P50) + " / " + ratio(r.P99) })
	section(&b, rep, "How late moonbench itself sent, within those latencies: p50 / p99",
		func(sc *series.Scenario) bool {
			return slices.ContainsFunc(sc.Targets, func(t *series.Target) bool { return t.LateP50.Max > 0 })
		},
		func(t *series.Target) string { return span(t.LateP50) + " / " + span(t.LateP99) },
		nil)
	section(&b, rep, "Resident memory of the server under load",
		func(sc *series.Scenario) bool { return true },
		func(t *series.Target) string { return sized(t.RSS) },
		nil)
	for i, n := range notes(rep) {
		if i == 0 {
			b.WriteString("\n### Notes\n\n")
		}
		b.WriteString("- " + n + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func goalsIntro(rep *series.Report) string {
	if len(rep.Targets) < 2 {
		return tally(rep) + "."
	}
	return fmt.Sprintf("How many times %s must be better than %s. What counts is the median. %s.", rep.Targets[0], rep.Targets[1], tally(rep))
}

func hasLatency(sc *series.Scenario) bool {
	return slices.ContainsFunc(sc.Targets, func(t *series.Target) bool { return t.P50.Max > 0 })
}

// section writes one table, unless no scenario belongs to it. compare is nil
// for a table without ratios.
func section(b *strings.Builder, rep *series.Report, title string,
	belongs func(*series.Scenario) bool, value func(*series.Target) string, compare func(*series.Ratios) string,
) {
	var rows []string
	for _, sc := range rep.Scenarios {
		if !belongs(sc) || !ran(sc) {
			continue
		}
		row := fmt.Sprintf("| %s | %s |", sc.Title, sc.Unit)
		for i, t := range sc.Targets {
			v, r := "–", "–"
			if len(t.Rounds) > 0 {
				v = value(t)
				if i > 0 && compare != nil && len(sc.Targets[0].Rounds) > 0 {
					r = compare(t.Ratios)
				}
			}
			row += " " + v + " |"
			if i > 0 && compare != nil {
				row += " " + r + " |"
			}
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return
	}
	head, rule := fmt.Sprintf("| case | unit | %s |", rep.Targets[0]), "|---|---|---:|"
	for _, name := range rep.Targets[1:] {
		head += " " + name + " |"
		rule += "---:|"
		if compare != nil {
			head += " ratio |"
			rule += "---:|"
		}
	}
	fmt.Fprintf(b, "\n### %s\n\n%s\n%s\n%s\n", title, head, rule, strings.Join(rows, "\n"))
}
