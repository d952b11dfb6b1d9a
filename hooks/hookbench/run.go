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

// slice is how much CPU time a slice has at least: enough that reading the clock
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
	start       time.Duration
	costs       []float64 // nanoseconds of a call, by slice
}

func (r *recorder) begin(b *testing.B) {
	now, err := processTime()
	if err != nil {
		b.Fatal(err)
	}
	r.start, r.calls = now, 0
}

// end ends a slice and begins another. Slices that are too short only say how
// long the next is to be.
func (r *recorder) end(b *testing.B) {
	now, err := processTime()
	if err != nil {
		b.Fatal(err)
	}
	r.add(now - r.start)
	r.begin(b)
}

func (r *recorder) add(d time.Duration) {
	if d < slice {
		r.most *= 2
		return
	}
	r.costs = append(r.costs, float64(d)/float64(r.calls))
}

// result returns what cheap slices cost, and the middle one; nothing if there is
// none. The very cheapest does not count: in a virtual machine the clock
// stands still at times.
func (r *recorder) result() (least, middle float64) {
	n := len(r.costs)
	if n == 0 {
		return 0, 0
	}
	slices.Sort(r.costs)
	return r.costs[n/20], r.costs[n/2]
}
