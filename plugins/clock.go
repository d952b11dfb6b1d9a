package plugins

import (
	"context"
	"time"
)

// waiting is the batches that somebody waits for. The zero value is ready; so is one
// that was cleared.
type waiting struct {
	byName  map[uint64]*batch
	list    []*batch  // the same, in no order
	soonest time.Time // no deadline is before; zero: none is known of
	turn    int       // place in list of who is asked next whether it still waits
}

// add adds a batch.
func (w *waiting) add(b *batch) {
	if w.byName == nil {
		w.byName = make(map[uint64]*batch)
	}
	w.byName[b.name], b.at = b, len(w.list)
	w.list = append(w.list, b)
	w.comes(b.deadline)
}

// comes notes a deadline.
func (w *waiting) comes(deadline time.Time) {
	if !deadline.IsZero() && (w.soonest.IsZero() || deadline.Before(w.soonest)) {
		w.soonest = deadline
	}
}

// remove removes a batch that is there.
func (w *waiting) remove(b *batch) {
	delete(w.byName, b.name)
	last := len(w.list) - 1
	w.list[b.at] = w.list[last]
	w.list[b.at].at = b.at
	w.list[last], w.list = nil, w.list[:last]
}

// over returns the batches whose time has come, or whose caller waits no longer. Many
// may wait, for a plugin that hangs or when all clients come back at once: all are
// looked at only when a deadline has come, and some are asked for their contexts.
func (w *waiting) over(now time.Time, list []*batch) []*batch {
	if !w.soonest.IsZero() && !now.Before(w.soonest) {
		w.soonest = time.Time{}
		for _, b := range w.list {
			if b.deadline.IsZero() || now.Before(b.deadline) {
				w.comes(b.deadline)
				continue
			}
			b.err = context.DeadlineExceeded
			list = append(list, b)
		}
	}
	for range min(asked, len(w.list)) {
		w.turn = (w.turn + 1) % len(w.list)
		b := w.list[w.turn]
		if err := b.ctx.Err(); err != nil && b.err == nil {
			b.err = err
			list = append(list, b)
		}
	}
	return list
}

const (
	// ticks is how often it is looked for batches whose time is over. A timer for each
	// call would cost more than all else.
	ticks = 5 * time.Millisecond
	// asked is how many are asked then whether they still wait.
	asked = 500
)

// clock ends the waiting for batches whose time is over.
func (l *link) clock() {
	t := time.NewTimer(ticks)
	defer t.Stop()
	for {
		select {
		case <-l.tick:
			t.Reset(ticks)
		case now := <-t.C:
			if l.expire(now) {
				t.Reset(ticks)
			}
		case <-l.dead:
			return
		}
	}
}

// expire gives up the batches whose time is over, and reports whether there are
// others.
func (l *link) expire(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.mu.waiting.over(now, nil) {
		l.abandonLocked(b)
	}
	l.mu.ticking = len(l.mu.waiting.list) > 0
	return l.mu.ticking
}
