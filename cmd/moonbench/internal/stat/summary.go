package stat

import (
	"math"
	"slices"
)

// Summary describes a set of values. The zero value describes none.
type Summary struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	Low    float64 `json:"q1"` // lower quartile
	High   float64 `json:"q3"` // upper quartile
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Summarize sums up values, of which it keeps none. Values that are not finite
// are left out.
func Summarize(values []float64) Summary {
	v := make([]float64, 0, len(values))
	for _, x := range values {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			v = append(v, x)
		}
	}
	if len(v) == 0 {
		return Summary{}
	}
	slices.Sort(v)
	return Summary{
		N: len(v), Median: quantile(v, 0.5),
		Low: quantile(v, 0.25), High: quantile(v, 0.75),
		Min: v[0], Max: v[len(v)-1],
	}
}

// quantile interpolates between the two sorted values next to q.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	part := at - float64(i)
	return sorted[i]*(1-part) + sorted[i+1]*part
}

// Spread is half the distance between the extremes as a share of the median: a
// measure of how far a single run may be off. It is 0 without values.
func (s Summary) Spread() float64 {
	if s.Median == 0 {
		return 0
	}
	return (s.Max - s.Min) / 2 / s.Median
}

// Ratios returns a[i]/b[i] for each pair. Pairs without a partner, and those
// that would divide by zero, are left out.
func Ratios(a, b []float64) []float64 {
	n := min(len(a), len(b))
	out := make([]float64, 0, n)
	for i := range n {
		if b[i] != 0 {
			out = append(out, a[i]/b[i])
		}
	}
	return out
}
