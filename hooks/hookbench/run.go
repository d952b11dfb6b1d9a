package hookbench

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// The metrics that Run reports, in nanoseconds of CPU time for each operation.
const (
	Least  = "least-ns"  // of the cheapest slices: one of twenty is cheaper
	Middle = "middle-ns" // of the median slice
)

// Allocs is a metric too: allocations for each operation.
const Allocs = "allocs/operation"

// slice is how long a slice is at least: enough that reading the clock
// counts for nothing.
const slice = 500 * time.Microsecond

// Run measures f, which does an operation some times when it is called. Besides
// what every benchmark reports, for a call of f, it reports [Least], [Middle] and
// [Allocs].
func Run(b *testing.B, operations int, f func()) {
	b.Helper()
	r := recorder{most: 1}
	f() // what is only done once
	before := mallocs()
	r.begin(b)
	for b.Loop() {
		f()
		if r.calls++; r.calls >= r.most {
			r.end(b)
		}
	}
	allocs := float64(mallocs()-before) / float64(b.N)
	least, middle := r.result()
	b.ReportMetric(least/float64(operations), Least)
	b.ReportMetric(middle/float64(operations), Middle)
	b.ReportMetric(allocs/float64(operations), Allocs)
}

// mallocs returns how many objects were ever allocated.
func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// recorder cuts the calls of a benchmark into slices.
type recorder struct {
	most, calls int // of the slice that is going on
	cpu         time.Duration
	start       time.Time
	// Nanoseconds of a call, by slice: of CPU time, and of that or of the time that
	// has passed, which is more unless many threads were at work.
	costs, bounds []float64
}

func (r *recorder) begin(b *testing.B) {
	cpu, err := processTime()
	if err != nil {
		b.Fatal(err)
	}
	r.cpu, r.start, r.calls = cpu, time.Now(), 0
}

// end ends a slice and begins another.
func (r *recorder) end(b *testing.B) {
	passed := time.Since(r.start)
	cpu, err := processTime()
	if err != nil {
		b.Fatal(err)
	}
	r.add(cpu-r.cpu, passed)
	r.begin(b)
}

// add counts a slice. One that is too short only says how long the next is to be.
func (r *recorder) add(cpu, passed time.Duration) {
	if passed < slice {
		r.most *= 2
		return
	}
	r.costs = append(r.costs, float64(cpu)/float64(r.calls))
	r.bounds = append(r.bounds, float64(max(cpu, passed))/float64(r.calls))
}

// result returns what cheap slices cost, and the middle one; nothing if there is
// none. In a virtual machine the clock of the CPU stands still at times. So cheap
// are those in which little time passed as well: nobody had the processor
// meanwhile, and no clock has lost any.
func (r *recorder) result() (least, middle float64) {
	n := len(r.costs)
	if n == 0 {
		return 0, 0
	}
	slices.Sort(r.costs)
	slices.Sort(r.bounds)
	return r.bounds[n/20], r.costs[n/2]
}
