package hooks

import (
	"context"
	"sync"
	"time"
)

// callContext is the context of one engine call. It starts a timer only for an
// engine that waits for Done: a context of the standard library for each call
// would cost more than most hooks do. Its time begins when it is first asked.
type callContext struct {
	context.Context // of the connection
	timeout         time.Duration

	mu struct {
		sync.Mutex
		at     time.Time // deadline; zero until somebody asks
		timed  context.Context
		cancel context.CancelFunc
	}
}

// Deadline returns when the call must have ended.
func (c *callContext) Deadline() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beginLocked()
	return c.mu.at, true
}

// Done returns a channel that is closed when the time is over.
func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beginLocked()
	if c.mu.timed == nil {
		c.mu.timed, c.mu.cancel = context.WithDeadline(c.Context, c.mu.at)
	}
	return c.mu.timed.Done()
}

// Err returns why the call must end, or nil.
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beginLocked()
	switch {
	case c.mu.timed != nil:
		return c.mu.timed.Err()
	case c.Context.Err() != nil:
		return c.Context.Err()
	case !time.Now().Before(c.mu.at):
		return context.DeadlineExceeded
	}
	return nil
}

func (c *callContext) beginLocked() {
	if !c.mu.at.IsZero() {
		return
	}
	c.mu.at = time.Now().Add(c.timeout)
	if at, ok := c.Context.Deadline(); ok && at.Before(c.mu.at) {
		c.mu.at = at
	}
}

// begin returns the context for one call.
func (s *Session) begin(parent context.Context, timeout time.Duration) *callContext {
	if s.ctx == nil {
		s.ctx = new(callContext)
	}
	c := s.ctx
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Context, c.timeout, c.mu.at = parent, timeout, time.Time{}
	return c
}

// ended is what the context of a call is when nobody should ask it any more: one
// that somebody has kept must not bring down the broker.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// end ends the context of a call. One that somebody waits for is not used
// again.
func (s *Session) end() {
	c := s.ctx
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.timed != nil {
		c.mu.cancel()
		s.ctx = nil
		return
	}
	c.Context = ended
}
