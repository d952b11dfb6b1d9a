package hooks

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// HistogramBounds are the upper bounds of the buckets of a Histogram; the last
// bucket has none. Of durations they are microseconds (to one second), of
// batches they are calls.
var HistogramBounds = [20]uint64{
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6,
}

// Histogram counts values by size.
type Histogram struct {
	// Counts of the values at or below each of HistogramBounds that no bucket
	// before has, and of those above all.
	Counts [len(HistogramBounds) + 1]uint64
	Count  uint64
	// Sum of the values: nanoseconds of durations, calls of batches.
	Sum uint64
}

// HookStats is what was counted of one hook since the server started, under
// every version of it.
type HookStats struct {
	Name    string
	Version string // see Versioned
	SHA256  string
	Mode    Mode
	Points  [numPoints]PointStats
	// Cache is lookups in the decision cache, and answers that it did not take,
	// by the name of a field that the hook looked at; nil for none.
	CacheHits, CacheMisses uint64
	CacheRefused           map[string]uint64
	// BatchSize is how many calls the engine got at a time.
	BatchSize     Histogram
	InFlight      int64 // calls that the engine has now, of those that Duration times
	Breaker       BreakerState
	Events        uint64 // given to the hook
	EventsDropped uint64 // as its queue was full
	ShadowDropped uint64 // calls, likewise
	Reloads       [numReloadResults]uint64
}

// PointStats is what was counted of one hook at one point.
type PointStats struct {
	Calls  [numVerdicts]uint64 // by verdict, on_error's included; not in shadow
	Errors [numKinds]uint64    // in shadow too
	// Late is batches that took longer than the timeout but came with answers,
	// which stand: the wait is over, and on a busy machine a good answer would
	// become a failure otherwise. The breaker takes them for failed.
	Late   uint64
	Shadow [numVerdicts]uint64 // what would have been decided
	// Duration of calls of the engine, a batch each: all when it is slow, and
	// every eighth when it takes less than 10 µs, as taking the time would cost
	// more than the call.
	Duration Histogram
}

type histogram struct {
	counts [len(HistogramBounds) + 1]atomic.Uint64
	sum    atomic.Uint64
}

// add counts a value that lies in a bucket, and its part of the sum.
func (h *histogram) add(v, sum uint64) {
	// The bounds go 1, 2, 5 for each power of ten: a short walk for the small
	// values that are the rule.
	i := 0
	for i < len(HistogramBounds) && v > HistogramBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(sum)
}

// addDuration rounds up: the buckets are of whole microseconds.
func (h *histogram) addDuration(d time.Duration) {
	d = max(d, 0)
	h.add(uint64((d+time.Microsecond-1)/time.Microsecond), uint64(d))
}

func (h *histogram) snapshot() (s Histogram) {
	for i := range h.counts {
		s.Counts[i] = h.counts[i].Load()
		s.Count += s.Counts[i]
	}
	s.Sum = h.sum.Load()
	return s
}

// counters are of one hook name, and survive its reloads.
type counters struct {
	points         [numPoints]pointCounters
	hits, misses   atomic.Uint64
	refused        [numFields]atomic.Uint64
	batch          histogram
	inFlight       atomic.Int64
	events, lost   atomic.Uint64
	shadowsDropped atomic.Uint64
	reloads        [numReloadResults]atomic.Uint64
}

type pointCounters struct {
	verdicts, shadow [numVerdicts]atomic.Uint64
	errors           [numKinds]atomic.Uint64
	late             atomic.Uint64
	duration         histogram
}

// refuse counts the fields that kept an answer out of the cache.
func (c *counters) refuse(f Field) {
	for ; f != 0; f &= f - 1 {
		if i := bits.TrailingZeros32(uint32(f)); i < numFields {
			c.refused[i].Add(1)
		}
	}
}

func (c *counters) snapshot() (s HookStats) {
	for i := range c.points {
		from, to := &c.points[i], &s.Points[i]
		load(to.Calls[:], from.verdicts[:])
		load(to.Shadow[:], from.shadow[:])
		load(to.Errors[:], from.errors[:])
		to.Late, to.Duration = from.late.Load(), from.duration.snapshot()
	}
	s.CacheHits, s.CacheMisses = c.hits.Load(), c.misses.Load()
	for i := range c.refused {
		if n := c.refused[i].Load(); n > 0 {
			if s.CacheRefused == nil {
				s.CacheRefused = make(map[string]uint64)
			}
			s.CacheRefused[fieldNames[i]] = n
		}
	}
	load(s.Reloads[:], c.reloads[:])
	s.BatchSize, s.InFlight = c.batch.snapshot(), c.inFlight.Load()
	s.Events, s.EventsDropped, s.ShadowDropped = c.events.Load(), c.lost.Load(), c.shadowsDropped.Load()
	return s
}

func load(to []uint64, from []atomic.Uint64) {
	for i := range from {
		to[i] = from[i].Load()
	}
}
