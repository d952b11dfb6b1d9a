package builtin

import (
	"math"
	"time"
)

// tokens is the size and speed of a bucket of tokens. The bucket itself is one
// number: the time, in nanoseconds, at which it is full. What is missing in it is
// what comes in until then; a bucket whose time has passed is full, and so is one
// that nobody has taken from.
//
// Who takes more than a full bucket holds is let pass when it is full, and leaves a
// debt: so nobody is shut out for good, and the rate holds in the long run.
type tokens struct {
	each float64 // nanoseconds in which one comes in; 0 is no limit
	fill int64   // nanoseconds in which an empty bucket fills
}

// perSecond returns the bucket of a rate and a burst; a rate of 0 is no limit.
func perSecond(rate float64, burst int) tokens {
	if rate == 0 {
		return tokens{}
	}
	t := tokens{each: float64(time.Second) / rate}
	t.fill = t.cost(burst)
	return t
}

// forever is longer than any bucket takes to fill.
const forever = 1 << 60

// cost is how long n tokens take to come in, to the nearest nanosecond.
func (t tokens) cost(n int) int64 {
	return int64(min(math.Round(float64(n)*t.each), forever))
}

// wait returns how long it is until n may be taken from a bucket that is full at a
// time; 0 is now.
func (t tokens) wait(full, now int64, n int) int64 {
	if t.each == 0 {
		return 0
	}
	missing := max(full-now, 0)
	return max(missing+min(t.cost(n), t.fill)-t.fill, 0)
}

// take returns when the bucket is full after n were taken from it.
func (t tokens) take(full, now int64, n int) int64 {
	if t.each == 0 {
		return full
	}
	return max(full, now) + t.cost(n)
}
