//go:build linux

package report

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"moonwire/cmd/moonbench/internal/series"
)

// Text writes the report as aligned columns.
func Text(w io.Writer, rep *series.Report) error {
	var b strings.Builder
	b.WriteString(preamble(rep))
	b.WriteByte('\n')
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "scenario\tserver\tcost ns (min–max)\tper\tunits/s\tRSS\tCPUs server/loader\tp50\tp99\tp99.9\tcost ratio\trate ratio")
	for _, sc := range rep.Scenarios {
		if !ran(sc) {
			continue
		}
		for i, t := range sc.Targets {
			name := sc.Name
			if i > 0 {
				name = ""
			}
			if t.NotAsked && i > 0 {
				continue // as the notes say
			}
			if len(t.Rounds) == 0 {
				fmt.Fprintf(tw, "%s\t%s\t–\t%s\t\t\t\t\t\t\t\t\n", name, t.Name, sc.Unit)
				continue
			}
			costs, unit, rss := ranged(t.Cost), sc.Unit, sized(t.RSS)
			costRatio, rateRatio := "", ""
			if sc.Memory {
				costs = sized(t.BytesEach)
			}
			if t.Ratios != nil {
				costRatio, rateRatio = ratio(t.Ratios.Cost), ratio(t.Ratios.PerSecond)
				if sc.Memory {
					costRatio, rateRatio = ratio(t.Ratios.Memory), "–"
				}
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
				name, t.Name, costs, unit, number(t.PerSecond.Median), rss, busy(t),
				span(t.P50), span(t.P99), span(t.P999), costRatio, rateRatio)
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	err := errors.Join(
		verdicts(rep, func(_, scenario string) string { return scenario }).text(&b, "targets: "+tally(rep)),
		comparisons(rep).text(&b, "beside trouble"),
	)
	if err != nil {
		return err
	}
	for i, n := range notes(rep) {
		if i == 0 {
			b.WriteByte('\n')
		}
		b.WriteString("note: " + n + "\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// ran reports whether anything was measured.
func ran(sc *series.Scenario) bool {
	return slices.ContainsFunc(sc.Targets, func(t *series.Target) bool { return len(t.Rounds) > 0 })
}

// busy is the CPUs in use by server and loader, on average over the rounds. If
// the loader's is close to its number of loops, the loader was the bottleneck.
func busy(t *series.Target) string {
	var server, loader float64
	for i := range t.Rounds {
		s, l := t.Rounds[i].Busy()
		server, loader = server+s, loader+l
	}
	n := float64(len(t.Rounds))
	return fmt.Sprintf("%.2f/%.2f", server/n, loader/n)
}

// preamble says where and how the figures were measured.
func preamble(rep *series.Report) string {
	m := rep.Machine
	cpu := m.CPU
	if cpu == "" {
		cpu = m.Arch
	}
	compared := ""
	if len(rep.Targets) > 1 {
		compared = "; ratios above 1: " + rep.Targets[0] + " is better"
	}
	return fmt.Sprintf("%d × %s, Linux %s, %s; %s\nwarm-up %v, window %v; medians%s\n",
		m.CPUs, cpu, m.Kernel, m.Go, rep.Started.UTC().Format(time.DateTime+" MST"),
		rep.Warmup, rep.Measure, compared)
}
