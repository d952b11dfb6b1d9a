package plugins

import (
	"context"
	"errors"
	"testing"
	"time"
)

// counted is a context that counts how often it is asked.
type counted struct {
	context.Context
	n *int
}

func (c counted) Err() error {
	*c.n++
	return c.Context.Err()
}

// TestClock: batches end when their time has come or their callers have gone, and it
// costs little to find out, however many wait.
func TestClock(t *testing.T) {
	t.Parallel()
	const many = 10_000
	start, n := time.Now(), 0
	w, cancels := &waiting{}, make([]context.CancelFunc, many)
	for i := range many {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b := &batch{name: uint64(i), ctx: counted{ctx, &n}}
		if i%2 == 0 {
			b.deadline = start.Add(time.Duration(1+i) * time.Second)
		}
		w.add(b)
		cancels[i] = cancel
	}
	names := func(now time.Time) (list []uint64, err error) {
		for _, b := range w.over(now, nil) {
			w.remove(b)
			list, err = append(list, b.name), errors.Join(err, b.err)
		}
		return list, err
	}
	if list, _ := names(start); list != nil || n != asked {
		t.Errorf("before any deadline %v are over, and %d are asked", list, n)
	}
	list, err := names(start.Add(3 * time.Second))
	if len(list) != 2 || list[0] != 0 || list[1] != 2 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("two deadlines have come: %v are over, %v", list, err)
	}
	if list, _ = names(start.Add(4 * time.Second)); list != nil {
		t.Errorf("no deadline has come: %v are over", list)
	}
	cancels[7]()
	cancels[many-1]()
	var gone []uint64
	for range 1 + many/asked {
		list, err := names(start)
		gone = append(gone, list...)
		if list != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%v: got %v", list, err)
		}
	}
	if len(gone) != 2 || gone[0]+gone[1] != 7+many-1 {
		t.Errorf("two have gone, and %v are over", gone)
	}
	if n > (4+many/asked)*asked {
		t.Errorf("they are asked %d times", n)
	}
	for len(w.list) > 0 {
		w.remove(w.list[len(w.list)/2])
	}
	if list, _ := names(start.Add(time.Hour)); list != nil || len(w.byName) != 0 {
		t.Errorf("nobody waits: %v are over, %d are known", list, len(w.byName))
	}
}
