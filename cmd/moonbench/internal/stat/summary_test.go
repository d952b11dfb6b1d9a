package stat

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		in     []float64
		want   Summary
		spread float64
	}{
		{name: "none"},
		{name: "one", in: []float64{7}, want: Summary{N: 1, Median: 7, Low: 7, High: 7, Min: 7, Max: 7}},
		{
			name: "two: the median lies between", in: []float64{4, 2},
			want: Summary{N: 2, Median: 3, Low: 2.5, High: 3.5, Min: 2, Max: 4}, spread: 1.0 / 3,
		},
		{
			name: "five, unsorted, with an outlier", in: []float64{5, 1, 100, 3, 2},
			want: Summary{N: 5, Median: 3, Low: 2, High: 5, Min: 1, Max: 100}, spread: 16.5,
		},
		{
			name: "what is not finite is left out", in: []float64{math.NaN(), 1, math.Inf(1), 3},
			want: Summary{N: 2, Median: 2, Low: 1.5, High: 2.5, Min: 1, Max: 3}, spread: 0.5,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := append([]float64(nil), tt.in...)
			got := Summarize(in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Spread() != tt.spread {
				t.Errorf("Spread() = %v, want %v", got.Spread(), tt.spread)
			}
			for i := range in {
				if in[i] != tt.in[i] && !math.IsNaN(in[i]) {
					t.Fatalf("the input was changed: %v", in)
				}
			}
		})
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		a, b, r []float64
	}{
		{name: "pairs", a: []float64{6, 8}, b: []float64{3, 2}, r: []float64{2, 4}},
		{name: "one without partner", a: []float64{6, 8}, b: []float64{3}, r: []float64{2}},
		{name: "zero", a: []float64{6, 8}, b: []float64{0, 2}, r: []float64{4}},
		{name: "none", r: []float64{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.r, Ratios(tt.a, tt.b)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
