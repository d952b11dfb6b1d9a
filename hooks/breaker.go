package hooks

import (
	"sync"
	"sync/atomic"
	"time"
)

// BreakerOptions say when a hook that fails is left alone. Zero values are the
// defaults.
type BreakerOptions struct {
	// Threshold is the part of the batches that may fail, and of the calls of one
	// before it has failed as a whole. Default 0.5.
	Threshold float64
	// MinCalls is how many batches there must be. Default 20. Calls are not counted
	// one by one: a single batch that came late would be enough.
	MinCalls uint64
	// Window is for how long batches are counted, from a first failure on. Default
	// 10s.
	Window time.Duration
	// Cooldown is for how long the hook is not called; then one batch is to show
	// whether it works. Default 5s.
	Cooldown time.Duration
}

func (o BreakerOptions) withDefaults() BreakerOptions {
	o.Threshold, o.MinCalls = or(o.Threshold, 0.5), or(o.MinCalls, 20)
	o.Window, o.Cooldown = or(o.Window, 10*time.Second), or(o.Cooldown, 5*time.Second)
	return o
}

// BreakerState is whether a hook is called.
type BreakerState uint32

const (
	BreakerClosed   BreakerState = iota // it is
	BreakerOpen                         // it is not: it failed too often
	BreakerHalfOpen                     // it was asked once, to see whether it works
)

// String returns "closed", "open" or "half_open".
func (s BreakerState) String() string {
	return nameOf([]string{"closed", "open", "half_open"}, uint8(s))
}

// breaker stops the calls of a hook that fails. While all goes well it costs
// one atomic load and one addition for a batch.
type breaker struct {
	BreakerOptions
	state atomic.Uint32
	calls atomic.Uint64 // batches ever

	mu struct {
		sync.Mutex
		start  time.Time // of the window, which a failure opens
		before uint64    // batches when it began
		failed uint64    // batches since
		until  time.Time // when an open breaker tries again
	}
}

// State is whether the hook is called.
func (b *breaker) State() BreakerState { return BreakerState(b.state.Load()) }

// admit reports whether a batch may go to the hook. Each batch that may is
// reported with done afterwards.
func (b *breaker) admit() bool {
	if b.State() == BreakerClosed {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.State() {
	case BreakerClosed:
		return true
	case BreakerOpen:
		if !time.Now().Before(b.mu.until) {
			b.state.Store(uint32(BreakerHalfOpen))
			return true
		}
	}
	return false
}

// done tells how a batch of n calls went, of which failed did; n is zero when it
// showed nothing. It reports whether the breaker has changed.
func (b *breaker) done(n, failed int) (changed bool) {
	if n == 0 && b.State() == BreakerClosed {
		return false
	}
	calls, bad := b.calls.Add(1), float64(failed) > b.Threshold*float64(n)
	if !bad && b.State() == BreakerClosed {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.State() {
	case BreakerHalfOpen:
		if n == 0 { // the next may try
			b.state.Store(uint32(BreakerOpen))
			return false
		}
		if bad {
			b.openLocked()
		} else {
			b.state.Store(uint32(BreakerClosed))
			b.mu.start = time.Time{}
		}
		return true
	case BreakerClosed:
		if !bad { // it was half open a moment ago
			return false
		}
		now := time.Now()
		if now.Sub(b.mu.start) > b.Window {
			b.mu.start, b.mu.before, b.mu.failed = now, calls-1, 0
		}
		b.mu.failed++
		all := calls - b.mu.before
		if all >= b.MinCalls && float64(b.mu.failed) > b.Threshold*float64(all) {
			b.openLocked()
			return true
		}
	}
	return false // open: it was under way when others failed
}

func (b *breaker) openLocked() {
	b.state.Store(uint32(BreakerOpen))
	b.mu.until = time.Now().Add(b.Cooldown)
}
