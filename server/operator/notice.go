package operator

import (
	"maps"
	"slices"
	"time"
)

// OnUpdate has f called with the key of an account that was asked for when its
// JWT has changed, when it expired or was deleted, or when its imports may have
// become others. Calls come one after the other, from a goroutine of the
// authenticator; f may call it, but not Close.
func (a *Authenticator) OnUpdate(f func(key string)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hear = append(a.hear, f)
}

// rouse wakes the goroutine that tells of updates.
func (a *Authenticator) rouse() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// arm sees to it that somebody looks what expired at a time. a.mu is held.
func (a *Authenticator) arm(at time.Time) {
	if next := sooner(a.due, at); !next.Equal(a.due) {
		a.due = next
		a.rouse()
	}
}

// run tells of updates and of what expires.
func (a *Authenticator) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-a.wake:
		case <-timer.C:
		}
		n := a.news(time.Now())
		for _, k := range n.keys {
			for _, f := range n.hear {
				f(k)
			}
		}
		for _, told := range n.waiting {
			close(told)
		}
		timer.Reset(n.next)
	}
}

// news is what there is to tell.
type news struct {
	keys    []string
	hear    []func(key string)
	waiting []chan struct{} // to close when it was told
	next    time.Duration   // until when there may be more
}

// news returns what to tell now.
func (a *Authenticator) news(now time.Time) (n news) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.due.IsZero() && !now.Before(a.due) {
		a.expire(now)
	}
	n.keys = slices.Sorted(maps.Keys(a.changed))
	clear(a.changed)
	n.waiting, a.waiting = a.waiting, nil
	n.next = time.Hour
	if !a.due.IsZero() {
		n.next = min(n.next, max(0, a.due.Sub(now)))
	}
	n.hear = slices.Clone(a.hear)
	return n
}

// settle waits until all that has changed so far was told.
func (a *Authenticator) settle() {
	told := make(chan struct{})
	a.mu.Lock()
	a.waiting = append(a.waiting, told)
	a.mu.Unlock()
	a.rouse()
	select {
	case <-told:
	case <-a.ctx.Done():
	}
}

// expire notes what has expired, and when the next does. a.mu is held.
func (a *Authenticator) expire(now time.Time) {
	a.due = time.Time{}
	for key, e := range a.accounts {
		switch {
		case e.told:
		case e.acct.expired(now):
			e.told = true
			a.changed[key] = true
			a.tell(imports(key))
		default:
			a.due = sooner(a.due, e.acct.expires)
		}
		switch {
		case e.due.IsZero():
		case e.due.After(now):
			a.due = sooner(a.due, e.due)
		default:
			e.due = time.Time{}
			a.changed[key] = true
		}
	}
}
