package hooks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// instance is one engine and what belongs to its life. Tables share it for as
// long as the hook is not reloaded.
type instance struct {
	name          string // of the hook; immutable
	engine        Engine // immutable
	registrations []Registration
	breaker       breaker
	failed        atomic.Uint64 // batches, in wholes: one half of whose calls failed counts half; breaker.calls has all
	generation    atomic.Uint64 // of cached decisions; unique among instances of a name
	stats         *counters     // of the hook's name
	slow          atomic.Bool   // calls take longer than taking their time does
	shadows       queue[*shadowCall]
	events        queue[told]
	ctx           context.Context // of what runs off the connections' way; ends with the instance
	cancel        context.CancelFunc
	replaced      chan struct{} // closed when it is no longer at work; guarded by the manager's turn

	told    atomic.Int64  // when a failure was told, Unix nanoseconds
	omitted atomic.Uint64 // failures since
}

// newInstance asks an engine what it wants.
func newInstance(name string, e Engine, o *Options, stats *counters) (*instance, error) {
	i := &instance{name: name, engine: e, stats: stats, breaker: breaker{BreakerOptions: o.Breaker}}
	i.replaced = make(chan struct{})
	err := guard(func() error {
		i.registrations = e.Registrations()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("hook %q: reading its registrations: %w", name, err)
	}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	i.shadows.init(o.ShadowQueue, o.ShadowBytes)
	i.events.init(o.EventQueue, 0)
	return i, nil
}

// whole is what a batch counts in instance.failed of which all calls failed.
const whole = 1 << 20

// fail counts a batch of n calls of which failed did.
func (i *instance) fail(n, failed int) { i.failed.Add(uint64(failed) * whole / uint64(n)) }

// rate returns the part of the calls that failed, the mean of all batches: so it is
// that of the hook, and not of the client that sends most at one time.
func (i *instance) rate() float64 {
	batches := i.breaker.calls.Load()
	if batches == 0 {
		return 0
	}
	return float64(i.failed.Load()) / whole / float64(batches)
}

// version returns what the engine says of itself.
func (i *instance) version() (version, sha256 string) {
	if v, ok := i.engine.(Versioned); ok {
		return v.Version()
	}
	return "", ""
}

// close ends the workers and the engine. It may be called when no table asks it
// any more.
func (i *instance) close(ctx context.Context) error {
	err := errors.Join(i.shadows.close(ctx), i.events.close(ctx))
	i.cancel()
	closing := guard(func() error { return i.engine.Close(ctx) })
	if err = errors.Join(err, closing); err != nil {
		return fmt.Errorf("closing hook %q: %w", i.name, err)
	}
	return nil
}

// guard calls f and makes an error of a panic.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
	}()
	return f()
}

func panicked(r any) error {
	return &Error{KindRuntime, fmt.Errorf("panic: %v\n%s", r, debug.Stack())}
}
