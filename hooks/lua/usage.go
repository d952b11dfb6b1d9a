package lua

import (
	"sync/atomic"

	"moonwire/hooks"
)

// usage counts how many instructions calls took. Machines that run at the same
// time mostly have different ones, so that cores do not share a counter.
type usage struct {
	counts [len(hooks.HistogramBounds) + 1]atomic.Uint64
	sum    atomic.Uint64
	_      [64]byte
}

// usages is over how many counters machines are spread.
const usages = 16

// tally counts the calls of a batch: those in a row that belong into the same
// bucket together.
type tally struct {
	usage      *usage
	bucket     int
	calls, sum uint64
}

func (t *tally) add(instructions int64) {
	n := uint64(max(instructions, 0))
	i := 0
	for i < len(hooks.HistogramBounds) && hooks.HistogramBounds[i] < n { // most calls are short
		i++
	}
	if i != t.bucket {
		t.count()
		t.bucket = i
	}
	t.calls++
	t.sum += n
}

// count tells usage of what t has.
func (t *tally) count() {
	if t.calls > 0 {
		t.usage.counts[t.bucket].Add(t.calls)
		t.usage.sum.Add(t.sum)
		t.calls, t.sum = 0, 0
	}
}

// Instructions returns how many instructions the calls of the script took, of
// those that Limits.Instructions allows; bounds and sum are instructions.
func (s *Script) Instructions() (h hooks.Histogram) {
	for i := range s.usages {
		u := &s.usages[i]
		for b := range u.counts {
			n := u.counts[b].Load()
			h.Counts[b] += n
			h.Count += n
		}
		h.Sum += u.sum.Load()
	}
	return h
}
