package sdk

import (
	"context"
	"sync"
	"time"
)

// asking is the context of one question. A timer is made only for those who look
// at it: most methods answer at once, and a timer costs more than they do.
type asking struct {
	context.Context
	deadline time.Time // zero: none

	mu     sync.Mutex
	inner  context.Context
	cancel context.CancelFunc
}

// Deadline implements context.Context.
func (a *asking) Deadline() (time.Time, bool) { return a.deadline, !a.deadline.IsZero() }

// timed is the context with its timer.
func (a *asking) timed() context.Context {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inner == nil {
		if a.deadline.IsZero() {
			a.inner, a.cancel = context.WithCancel(a.Context)
		} else {
			a.inner, a.cancel = context.WithDeadline(a.Context, a.deadline)
		}
	}
	return a.inner
}

// Done implements context.Context.
func (a *asking) Done() <-chan struct{} { return a.timed().Done() }

// Err implements context.Context.
func (a *asking) Err() error { return a.timed().Err() }

// end lets go of the timer.
func (a *asking) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cancel != nil {
		a.cancel()
	} else {
		a.inner, a.cancel = a.Context, func() {}
	}
}
