package hooks

import (
	"math/rand/v2"
	"time"
)

// Observer is told what may be worth a line in the log, by the goroutine in which
// it happens. Each function may be nil, returns soon, and keeps nothing of a
// call but by copying.
type Observer struct {
	// Decision is one of the decisions that Sampling chose.
	Decision func(Decision)
	// Failure is a failure of a hook: at most one a second for each hook.
	Failure func(Failure)
	// Breaker is told when a hook is left alone, and when it is called again.
	Breaker func(hook string, state BreakerState)
}

// Sampling says which decisions are logged, those of shadow mode too: parts of 1.
// The zero value is none.
type Sampling struct {
	Sample float64 // of all calls that no hook refused
	Denied float64 // of those that the hook denied or dropped, or failed for
}

// Decision is what one hook said of one call.
type Decision struct {
	Hook    string
	Point   Point
	Mode    Mode // Enforce; or Shadow: then this is what it would have been
	Client  *Client
	Subject []byte // valid until the function returns; empty at connect
	Verdict Verdict
	Reason  string
	Err     error // why it has no answer; Verdict is that of on_error then
	Cached  bool
}

// Failure is why a hook had no answer, with how many more there were since the
// last that was told.
type Failure struct {
	Hook    string
	Point   Point
	Kind    Kind
	Err     error
	Omitted uint64
}

// failurePause is how often failures of one hook are told.
const failurePause = int64(time.Second)

// decide tells of a decision if its turn has come.
func (o *Options) decide(b *bound, c *Call, v Verdict) {
	f := o.Observer.Decision
	rate := o.Sampling.Sample
	if v.Refuses() || c.Err != nil {
		rate = o.Sampling.Denied
	}
	if f == nil || rate <= 0 || rate < 1 && rand.Float64() >= rate {
		return
	}
	f(Decision{
		Hook: b.hook.Name, Point: b.Point, Mode: b.hook.Mode, Client: c.Client, Subject: c.Subject,
		Verdict: v, Reason: c.Out.Reason, Err: c.Err, Cached: c.cached,
	})
}

// failure tells of a failure unless one of the hook was told just now.
func (o *Options) failure(b *bound, k Kind, err error) {
	if o.Observer.Failure == nil {
		return
	}
	i, now := b.inst, time.Now().UnixNano()
	last := i.told.Load()
	if now-last < failurePause || !i.told.CompareAndSwap(last, now) {
		i.omitted.Add(1)
		return
	}
	o.Observer.Failure(Failure{Hook: b.hook.Name, Point: b.Point, Kind: k, Err: err, Omitted: i.omitted.Swap(0)})
}
