//go:build linux

package load

import (
	"testing"
	"time"
)

func TestStreamRoom(t *testing.T) {
	t.Parallel()
	l := &loop{}
	s := &stream{chunk: 10, need: 2, done: makeCounters(3), owner: l}
	wantRoom := func(want uint64) {
		t.Helper()
		if got := s.room(); got != want {
			t.Errorf("room() = %d, want %d", got, want)
		}
	}
	wantRoom(30)
	s.count(l, 0, 1)
	wantRoom(30) // one of two receivers
	s.count(l, 1, 2)
	wantRoom(30) // the second chunk is through, the first is not
	s.count(l, 0, 1)
	wantRoom(50) // both
	s.count(l, 2, 2)
	s.count(l, 3, 2)
	s.count(l, 4, 1)
	wantRoom(70)
}

func TestStreamPace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		rate, i, n    int
		unbatched     bool
		start, period time.Duration
		burst         uint64
	}{
		{name: "slow", rate: 500, n: 1, period: 2 * time.Millisecond, burst: 1},
		{name: "bursts of 0.1 ms", rate: 50_000, n: 1, period: 100 * time.Microsecond, burst: 5},
		{name: "each on its own", rate: 50_000, n: 1, unbatched: true, period: 20 * time.Microsecond, burst: 1},
		{name: "third of four, out of step", rate: 4000, i: 2, n: 4, start: 500 * time.Microsecond, period: time.Millisecond, burst: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &stream{}
			s.pace(tt.rate, tt.i, tt.n, tt.unbatched)
			if s.start != int64(tt.start) || s.period != int64(tt.period) || s.burst != tt.burst {
				t.Fatalf("start %v, period %v, burst %d; want %v, %v, %d",
					time.Duration(s.start), time.Duration(s.period), s.burst, tt.start, tt.period, tt.burst)
			}
			if got := s.dueBy(s.start - 1); got != 0 {
				t.Errorf("%d due before the start", got)
			}
			for n := range uint64(20) {
				at := s.dueAt(n)
				if got := s.dueBy(at); got <= n {
					t.Errorf("message %d is due at %v, but only %d are due by then", n, time.Duration(at), got)
				}
				if got := s.dueBy(at - 1); got > n {
					t.Errorf("message %d is due at %v, but %d are due before", n, time.Duration(at), got)
				}
			}
		})
	}
}
