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

func (u *usage) add(instructions int64) {
	n := uint64(max(instructions, 0))
	i := 0
	for i < len(hooks.HistogramBounds) && hooks.HistogramBounds[i] < n { // most calls are short
		i++
	}
	u.counts[i].Add(1)
	u.sum.Add(n)
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
