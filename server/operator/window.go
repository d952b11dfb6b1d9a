package operator

import (
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
)

// window is a time of the day, from start to end; over midnight if it ends
// before it starts.
type window struct{ start, end time.Time } // only their clocks count

func newWindow(t jwt.TimeRange) (window, error) {
	start, err := time.Parse(time.TimeOnly, t.Start)
	if err != nil {
		return window{}, fmt.Errorf("start %q of its times is not like 15:04:05", t.Start)
	}
	end, err := time.Parse(time.TimeOnly, t.End)
	if err != nil {
		return window{}, fmt.Errorf("end %q of its times is not like 15:04:05", t.End)
	}
	return window{start, end}, nil
}

// until returns the end of the window that now lies in, in the zone of now, and
// whether it lies in it. The ends do not belong to it.
func (w window) until(now time.Time) (time.Time, bool) {
	start, end := on(now, w.start), on(now, w.end)
	switch {
	case start.Before(now) && end.After(now):
		return end, true
	case !start.After(end):
		return time.Time{}, false
	case end.After(now): // it began yesterday
		return end, true
	case start.Before(now):
		return end.AddDate(0, 0, 1), true
	}
	return time.Time{}, false
}

// on is the time of clock at the day of now.
func on(now, clock time.Time) time.Time {
	y, m, d := now.Date()
	return time.Date(y, m, d, clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
}

// until returns when the user has to go for the time of the day, zero for never,
// and whether it may be there now. Of several windows the one that lasts longest
// counts.
func (u *user) until(now time.Time) (latest time.Time, inside bool) {
	if len(u.windows) == 0 {
		return time.Time{}, true
	}
	for _, w := range u.windows {
		if end, ok := w.until(now.In(u.zone)); ok && (!inside || end.After(latest)) {
			latest, inside = end, true
		}
	}
	return latest, inside
}
