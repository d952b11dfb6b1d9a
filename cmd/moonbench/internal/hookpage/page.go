//go:build linux

package hookpage

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"moonwire/cmd/moonbench/internal/series"
	"moonwire/cmd/moonbench/internal/stat"
)

// Input is what the page is made of.
type Input struct {
	Now, Before Benches // Before is of the build without hooks
	// Runs are what moonbench has measured. The first server of each has no
	// hooks, and the others are compared with it, round by round.
	Runs []*series.Report
	// Notes are lines for the head: versions, and how busy the machine was.
	Notes []string
}

// The parts of the page that are made lie between two marks each.
var (
	results = marks{"<!-- results -->", "<!-- end of results -->"}
	plugins = marks{"<!-- plugins -->", "<!-- end of plugins -->"}
)

type marks struct{ begin, end string }

// Update returns the page with new results. Its section about plugins stays as it
// is unless there are benchmarks of plugins.
func Update(page []byte, in *Input) ([]byte, error) {
	var b bytes.Buffer
	if err := in.results(&b); err != nil {
		return nil, err
	}
	page, err := results.fill(page, b.Bytes())
	if err != nil {
		return nil, err
	}
	b.Reset()
	if err := in.plugins(&b); err != nil || b.Len() == 0 {
		return page, err
	}
	return plugins.fill(page, b.Bytes())
}

// fill puts text between the marks.
func (m marks) fill(page, text []byte) ([]byte, error) {
	head, rest, ok := bytes.Cut(page, []byte(m.begin))
	_, tail, ended := bytes.Cut(rest, []byte(m.end))
	if !ok || !ended {
		return nil, fmt.Errorf("the page has no part between %s and %s", m.begin, m.end)
	}
	return bytes.Join([][]byte{head, []byte(m.begin + "\n\n"), bytes.TrimSpace(text), []byte("\n\n" + m.end), tail}, nil), nil
}

func (in *Input) results(w io.Writer) error {
	y := in.Now.sliced(yardstick)
	if y == nil {
		return fmt.Errorf("there is no run of the benchmark %s", yardstick)
	}
	speed := reference / y.least()
	for _, note := range append(slices.Clone(in.Notes), fmt.Sprintf("yardstick: %s ns here, %d ns on the reference machine, a factor of %.2f", ns(y.least()), reference, speed)) {
		fmt.Fprintln(w, strings.TrimSpace(note)+"  ")
	}
	rows, hit, noisy, err := in.targets(speed)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n### Targets\n\n%d of %d are met.", hit, len(targets))
	if noisy > 0 {
		fmt.Fprintf(w, " Of %d more the noise is too large to tell.", noisy)
	}
	fmt.Fprint(w, " Nanoseconds of CPU time.\n\n")
	fmt.Fprint(w, "| what | at most | on the reference machine | here, least | here, middle | allocations | verdict |\n|---|---:|---:|---:|---:|---:|---|\n")
	for _, r := range rows {
		fmt.Fprintln(w, r)
	}
	fmt.Fprint(w, "\n### What else costs how much\n\nNanoseconds of CPU time for a message, a decision or a connection.\n\n")
	fmt.Fprint(w, "| what | on the reference machine | here, least | here, middle | allocations |\n|---|---:|---:|---:|---:|\n")
	for _, o := range others {
		b := in.Now.sliced(o.bench)
		if b == nil {
			return fmt.Errorf("there is no run of the benchmark %s", o.bench)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", o.what, ns(b.least()*speed), ns(b.least()), ns(b.middle()), count(b.Allocs))
	}
	in.broker(w)
	return nil
}

// targets returns a row for each target, and how many are met, and met but for
// the noise.
func (in *Input) targets(speed float64) (rows []string, hit, noisy int, err error) {
	for _, t := range targets {
		b := in.Now.sliced(t.bench)
		if b == nil {
			return nil, 0, 0, fmt.Errorf("there is no run of the benchmark %s", t.bench)
		}
		least, middle, allocs, noise := b.least(), b.middle(), b.Allocs, 0.0
		if t.less != "" {
			o := in.Now.sliced(t.less)
			if t.before {
				o = in.Before.sliced(t.less)
			}
			if o == nil {
				return nil, 0, 0, fmt.Errorf("there is no run of the benchmark %s to compare with", t.less)
			}
			least, noise = b.less(o)
			middle, allocs = middle-o.middle(), allocs-o.Allocs
		}
		verdict := t.verdict(least*speed, noise*speed, allocs)
		switch verdict {
		case met:
			hit++
		case unclear:
			noisy++
		}
		here := ns(least)
		if t.less != "" {
			here += " ± " + ns(noise)
		}
		rows = append(rows, fmt.Sprintf("| %s | %s ns, %s | %s | %s | %s | %s | %s |",
			t.what, ns(t.ns), allocations(t.allocs), ns(least*speed), here, ns(middle), count(allocs), verdict))
	}
	return rows, hit, noisy, nil
}

// What is said of a target.
const (
	met     = "met"
	unclear = "met within noise"
	missed  = "**missed**"
)

func (t *target) verdict(least, noise, allocs float64) string {
	switch {
	case math.Round(10*allocs)/10 > t.allocs || least > t.ns+noise:
		return missed
	case least > t.ns:
		return unclear
	}
	return met
}

func allocations(n float64) string {
	switch n {
	case 0:
		return "no allocation"
	case 1:
		return "1 allocation"
	}
	return count(n) + " allocations"
}

// broker writes the tables of runs against brokers.
func (in *Input) broker(w io.Writer) {
	for i, rep := range in.Runs {
		if i == 0 {
			fmt.Fprint(w, "\n### A broker with hooks\n\nCPU time of the broker's process for a delivered message, ns: median (smallest–largest) of all rounds. What is more is the difference in each round to the broker above with nothing loaded.\n\n")
			fmt.Fprint(w, "| load | broker | CPU | more | messages a second | rounds |\n|---|---|---:|---:|---:|---:|\n")
		}
		for _, sc := range rep.Scenarios {
			for j, t := range sc.Targets {
				more := "–"
				if j > 0 {
					more = ranged(stat.Summarize(differences(t, sc.Targets[0])))
				}
				fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %d |\n", sc.Title, t.Name, ranged(t.Cost), more, rate(t.PerSecond.Median), len(t.Rounds))
			}
		}
	}
}

func differences(t, first *series.Target) []float64 {
	out := make([]float64, min(len(t.Rounds), len(first.Rounds)))
	for i := range out {
		out[i] = t.Rounds[i].Cost - first.Rounds[i].Cost
	}
	return out
}

// ofPlugins are what benchmarks of plugins say.
var ofPlugins = []struct{ title, unit string }{
	{"calls a second", callRate},
	{"CPU of both, µs a call", callCPU},
	{"p50 of a batch, µs", halfTook},
	{"p99 of a batch, µs", mostTook},
	{"allocations of a batch", "allocs/op"},
}

// rounds is what all rounds of a benchmark report; false if they do not.
func (b Benches) rounds(bench, unit string) (stat.Summary, bool) {
	one := b[bench]
	if one == nil || one.Values[unit] == nil {
		return stat.Summary{}, false
	}
	return stat.Summarize(one.Values[unit]), true
}

// plugins writes what benchmarks of plugins say, if there are any.
func (in *Input) plugins(w io.Writer) error {
	var names []string
	for _, key := range slices.Sorted(maps.Keys(in.Now)) {
		if _, ok := in.Now.rounds(key, callRate); ok && strings.HasPrefix(key, "plugins.") {
			names = append(names, key)
		}
	}
	if len(names) == 0 {
		return nil
	}
	y, ok := in.Now.rounds(pluginYardstick, halfTook)
	if !ok {
		return fmt.Errorf("there is no run of the benchmark %s", pluginYardstick)
	}
	speed := pluginReference / y.Min
	fmt.Fprintf(w, "yardstick: %s µs here, %d µs on the reference machine, a factor of %.2f\n\n", ns(y.Min), pluginReference, speed)
	fmt.Fprint(w, "| what | target | on the reference machine | here, best round | verdict |\n|---|---:|---:|---:|---|\n")
	for _, t := range pluginTargets {
		all, ok := in.Now.rounds(t.bench, t.unit)
		if !ok {
			return fmt.Errorf("there is no run of the benchmark %s", t.bench)
		}
		here, there, limit, verdict := all.Min, all.Min*speed, "at most ", met
		reached := there <= t.value
		if t.unit == callRate {
			here, there, limit = all.Max, all.Max/speed, "at least "
			reached = there >= t.value
		}
		if !reached {
			verdict = missed
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", t.what, limit+ns(t.value), ns(there), ns(here), verdict)
	}
	head, rule := "| benchmark |", "|---|"
	for _, c := range ofPlugins {
		head, rule = head+" "+c.title+" |", rule+"---:|"
	}
	fmt.Fprintf(w, "\nAll benchmarks here, medians of all rounds:\n\n%s\n%s\n", head, rule)
	for _, key := range names {
		fmt.Fprintf(w, "| %s |", strings.TrimPrefix(key, "plugins."))
		for _, c := range ofPlugins {
			v := "–"
			if all, ok := in.Now.rounds(key, c.unit); ok {
				v = ns(all.Median)
			}
			fmt.Fprintf(w, " %s |", v)
		}
		fmt.Fprintln(w)
	}
	return nil
}

// ns prints nanoseconds, and other values of that size, with two to four digits.
func ns(v float64) string {
	switch abs := math.Abs(v); {
	case abs < 0.05:
		return "0"
	case abs < 9.95:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	case abs < 9995:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1fk", v/1000)
}

func ranged(s stat.Summary) string {
	return fmt.Sprintf("%s (%s–%s)", ns(s.Median), ns(s.Min), ns(s.Max))
}

func rate(v float64) string {
	if v >= 999_500 {
		return fmt.Sprintf("%.2fM", v/1e6)
	}
	return fmt.Sprintf("%.0fk", v/1e3)
}

// count prints a number of allocations; a call of a batch may have a part of one.
func count(v float64) string { return ns(math.Round(10*v) / 10) }
