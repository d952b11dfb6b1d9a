//go:build linux

package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"moonwire/cmd/moonbench/internal/series"
	"moonwire/cmd/moonbench/internal/stat"
)

// number prints v with three significant digits, and thousands as k and M.
func number(v float64) string {
	switch {
	case v >= 999_500:
		return digits(v/1e6) + "M"
	case v >= 9_995:
		return digits(v/1e3) + "k"
	case v >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return digits(v)
}

func digits(v float64) string {
	switch {
	case v >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// ranged prints a median with its extremes: "44.1 (43.0–47.9)".
func ranged(s stat.Summary) string {
	if s.N == 0 {
		return "–"
	}
	if s.N == 1 {
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Min), number(s.Max))
}

// ratio prints a ratio with its extremes: "8.0× (7.6–8.3)".
func ratio(s stat.Summary) string {
	if s.N == 0 {
		return "–"
	}
	if s.N == 1 {
		return digits(s.Median) + "×"
	}
	return fmt.Sprintf("%s× (%s–%s)", digits(s.Median), digits(s.Min), digits(s.Max))
}

// sized prints a median in bytes.
func sized(s stat.Summary) string {
	if s.N == 0 {
		return "–"
	}
	return size(s.Median)
}

// size prints bytes.
func size(v float64) string {
	switch {
	case v >= 1<<20:
		return digits(v/(1<<20)) + " MiB"
	case v >= 1<<10:
		return digits(v/(1<<10)) + " KiB"
	}
	return digits(v) + " B"
}

// span prints a time given in ns.
func span(s stat.Summary) string {
	if s.N == 0 || s.Max == 0 {
		return "–"
	}
	d := time.Duration(s.Median)
	switch {
	case d >= time.Second:
		return digits(d.Seconds()) + " s"
	case d >= time.Millisecond:
		return digits(float64(d)/1e6) + " ms"
	}
	return digits(float64(d)/1e3) + " µs"
}

// notes says what the reader of the tables must know about single runs.
func notes(rep *series.Report) []string {
	out := leftOut(rep)
	for _, sc := range rep.Scenarios {
		for _, t := range sc.Targets {
			stalled, cut := 0, 0
			var longest time.Duration
			for i := range t.Rounds {
				r := &t.Rounds[i]
				cut += r.Cut
				if r.Stall > series.NotableStall {
					stalled++
					longest = max(longest, r.Stall)
				}
			}
			if stalled > 0 {
				out = append(out, fmt.Sprintf("%s, %s: nothing arrived for up to %v in %d of %d runs",
					sc.Name, t.Name, longest.Round(time.Millisecond), stalled, len(t.Rounds)))
			}
			if cut > 0 {
				out = append(out, fmt.Sprintf("%s, %s: cut subscribers that do not read %d times in %d runs",
					sc.Name, t.Name, cut, len(t.Rounds)))
			}
		}
	}
	return out
}

// leftOut says who did not run what, and why: a line for each server and reason.
func leftOut(rep *series.Report) []string {
	var out []string
	for i, name := range rep.Targets {
		var reasons []string
		scenarios := make(map[string][]string)
		for _, sc := range rep.Scenarios {
			t := sc.Targets[i]
			why := t.Unable
			if t.NotAsked {
				why = "not asked to"
			}
			if why == "" {
				continue
			}
			if scenarios[why] == nil {
				reasons = append(reasons, why)
			}
			scenarios[why] = append(scenarios[why], sc.Name)
		}
		for _, why := range reasons {
			out = append(out, fmt.Sprintf("%s was left out of %s: %s", name, strings.Join(scenarios[why], ", "), why))
		}
	}
	return out
}
