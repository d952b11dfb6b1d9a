package hookbench

import (
	"testing"
	"time"
)

func TestSlices(t *testing.T) {
	t.Parallel()
	r := recorder{most: 1}
	for _, tt := range []struct {
		calls       int
		cpu, passed time.Duration
		most        int // afterwards
	}{
		{1, slice / 100, slice / 100, 2}, // too short: the next is longer
		{2, slice / 50, slice / 50, 4},
		{4, 4 * slice, 20 * slice, 4}, // somebody else had the processor
		{4, 8 * slice, 9 * slice, 4},
		{4, slice, 3 * slice, 4},     // a clock has lost time
		{4, 9 * slice, 4 * slice, 4}, // several threads were at work
		{4, 5 * slice, 5 * slice, 4},
		{4, slice, slice - 1, 8}, // a quick one counts as little as the first
	} {
		r.calls = tt.calls
		if r.add(tt.cpu, tt.passed); r.most != tt.most {
			t.Errorf("%d calls in %v: the next slice has %d, want %d", tt.calls, tt.passed, r.most, tt.most)
		}
	}
	if least, middle := r.result(); least != float64(slice)*3/4 || middle != float64(slice)*5/4 {
		t.Errorf("got %v and %v", least, middle)
	}
	if least, middle := new(recorder).result(); least != 0 || middle != 0 {
		t.Errorf("of nothing: got %v and %v", least, middle)
	}
}

// TestRun: a loop of a thousand steps costs more than nothing, and less for each
// step than for all.
func TestRun(t *testing.T) {
	sum, kept := 0, []byte(nil)
	one := testing.Benchmark(func(b *testing.B) {
		Run(b, 1000, func() {
			for i := range 1000 {
				sum += i ^ sum
			}
			kept = make([]byte, 10)
		})
	})
	if n := one.Extra[Allocs]; n < 0.001 || n > 0.01 || len(kept) == 0 {
		t.Errorf("one allocation for a thousand: got %v", n)
	}
	least, middle := one.Extra[Least], one.Extra[Middle]
	if least <= 0 || middle <= 0 || least*1000 > 10*float64(one.NsPerOp()) {
		t.Errorf("got %v, %v of %v", least, middle, one)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	before, err := processTime()
	if err != nil {
		t.Fatal(err)
	}
	for {
		after, err := processTime()
		if err != nil {
			t.Fatal(err)
		}
		if after > before {
			return
		}
	}
}
