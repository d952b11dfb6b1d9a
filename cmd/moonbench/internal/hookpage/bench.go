package hookpage

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"moonwire/cmd/moonbench/internal/stat"
	"moonwire/hooks/hookbench"
)

// Bench is what the runs of one benchmark say, a value for each run.
type Bench struct {
	Least, Middle []float64 // nanoseconds of CPU time for an operation
	Allocs        float64   // of one operation; the most that a run has told

	// Values are what a benchmark without these says, by unit.
	Values map[string][]float64
}

// Benches are benchmarks by package and name, without the number of processors:
// "hooks/lua.Publish", "hooks.NotMatching/subjects=1".
type Benches map[string]*Bench

// Parse reads what go test has printed, for any number of packages and runs.
func Parse(r io.Reader) (Benches, error) {
	out, pkg := make(Benches), ""
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "pkg: moonwire/"); ok {
			pkg = name
		}
		if strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL") || strings.HasPrefix(line, "panic:") {
			return nil, fmt.Errorf("a benchmark of %s failed: %s", pkg, line)
		}
		if err := out.add(pkg, strings.Fields(line)); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", pkg, line, err)
		}
	}
	return out, lines.Err()
}

// add takes the line of a benchmark: its name, how often it ran, and values each
// with its unit.
func (b Benches) add(pkg string, words []string) error {
	if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
		return nil
	}
	name := strings.TrimPrefix(words[0], "Benchmark")
	if at := strings.LastIndexByte(name, '-'); at > 0 {
		if _, err := strconv.Atoi(name[at+1:]); err == nil {
			name = name[:at]
		}
	}
	values := make(map[string]float64)
	for i := 2; i+1 < len(words); i += 2 {
		v, err := strconv.ParseFloat(words[i], 64)
		if err != nil {
			return fmt.Errorf("a value of the benchmark: %w", err)
		}
		values[words[i+1]] = v
	}
	least, sliced := values[hookbench.Least]
	if sliced && least == 0 { // too short for a slice
		return nil
	}
	key := pkg + "." + name
	one := b[key]
	if one == nil {
		one = &Bench{Values: make(map[string][]float64)}
		b[key] = one
	}
	if !sliced {
		for unit, v := range values {
			one.Values[unit] = append(one.Values[unit], v)
		}
		return nil
	}
	one.Least = append(one.Least, least)
	one.Middle = append(one.Middle, values[hookbench.Middle])
	one.Allocs = max(one.Allocs, values[hookbench.Allocs])
	return nil
}

// sliced returns a benchmark that was measured in slices; nil if there is none.
func (b Benches) sliced(key string) *Bench {
	if one := b[key]; one != nil && len(one.Least) > 0 {
		return one
	}
	return nil
}

// least is the cheapest run; middle is the middle one of the middle values.
func (b *Bench) least() float64  { return slices.Min(b.Least) }
func (b *Bench) middle() float64 { return stat.Summarize(b.Middle).Median }

// less returns how much more b costs than o, and how far such differences are
// apart from run to run: half of what the middle half of them spans.
func (b *Bench) less(o *Bench) (difference, noise float64) {
	n := min(len(b.Least), len(o.Least))
	each := make([]float64, n)
	for i := range each {
		each[i] = b.Least[i] - o.Least[i]
	}
	s := stat.Summarize(each)
	return b.least() - o.least(), (s.High - s.Low) / 2
}
