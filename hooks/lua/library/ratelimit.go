package library

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"moonwire/hooks/lua/sandbox"
)

// RateLimitOptions bound what ratelimit keeps, all hooks together. A zero field
// means its default.
type RateLimitOptions struct {
	Buckets int // 100,000
}

// RateLimitStats is what is in ratelimit, and what it said.
type RateLimitStats struct {
	Buckets         int64 // some of which may be full again
	Allowed, Denied uint64
	Evicted         uint64 // buckets that had to make room before they were full
}

const (
	mostRate  = 1e9  // tokens, in a second and in a bucket
	leastRate = 1e-9 // tokens in a second
)

// rateLimit keeps token buckets. Of one that is not full it keeps when it will
// be: that tells how many tokens are missing, and a full bucket is the same as
// none. So the entry is a moment, at which it expires.
type rateLimit struct {
	store           *store[struct{}]
	allowed, denied atomic.Uint64
}

func newRateLimit(o RateLimitOptions, clock func() time.Time) *rateLimit {
	if o.Buckets <= 0 {
		o.Buckets = 100_000
	}
	return &rateLimit{store: newStore(o.Buckets, math.MaxInt64, clock, func(struct{}) int { return 0 })}
}

func (r *rateLimit) stats() RateLimitStats {
	c := r.store.stats()
	return RateLimitStats{Buckets: c.entries, Allowed: r.allowed.Load(), Denied: r.denied.Load(), Evicted: c.evicted}
}

func (r *rateLimit) module() *Module {
	return &Module{
		Name: "ratelimit",
		Doc: "Limits how often something happens, by token buckets. " +
			"All virtual machines of a broker see the same, and a reload changes nothing. " +
			"Buckets belong to the hook that uses them. " +
			"They are bounded in number: when there is no room, full ones go first, and then those that were not used for longest, " +
			"of the hook that has most. " +
			"Answers that depend on ratelimit are not cached.",
		Functions: []Function{{
			Name: "allow", Calls: true,
			Doc: "Takes tokens from the bucket of a key, if it has as many. " +
				"A bucket begins full, and fills with rate tokens a second.",
			Params: []Param{
				{"key", "string", "Whose bucket: at most 1,024 bytes."},
				{"opts", "ratelimit.Options", "What the bucket is like."},
			},
			Returns: []Param{
				{"allowed", "boolean", "Whether it had them."},
				{"retry_after", "number", "Seconds until it will have them: 0 if allowed, math.huge if n is above burst."},
			},
			Example: `local ok, after = ratelimit.allow("cmd:bob", { rate = 10, burst = 20 })` + "\n" +
				`if not ok then return deny("try again in " .. after .. " seconds") end`,
			Do: r.allow,
		}},
		Types: []Type{{
			Name: "ratelimit.Options",
			Doc:  "What a bucket is like. When rate and burst change, what is missing takes as long to fill as it would have.",
			Fields: []Param{
				{"rate", "number", "Tokens a second that it fills with: above 0, and at most 1e9."},
				{"burst", "number?", "Tokens that it holds: at least 1; rate, or 1 if that is more, by default."},
				{"n", "number?", "Tokens to take; 1 by default. With 0 none are taken, and it is allowed."},
			},
		}},
	}
}

func (r *rateLimit) allow(a *sandbox.Args) error {
	key, err := keyArgument(a, 1)
	if err != nil {
		return err
	}
	b, err := bucketArgument(a, 2)
	if err != nil {
		return err
	}
	caller := CallerOf(a)
	caller.Outside()
	if b.n > b.burst {
		r.answer(a, false, math.Inf(1))
		return nil
	}
	var wait int64
	full, cost := b.nanoseconds(b.burst), b.nanoseconds(b.n)
	err = r.store.update(owner{hook: caller.Hook()}, key, func(old item[struct{}], found bool, now int64) (item[struct{}], verb) {
		filled := now
		if found {
			filled = old.expires
		}
		wait = filled + cost - full - now
		if wait > 0 || cost == 0 {
			return old, leave
		}
		return item[struct{}]{expires: filled + cost}, put
	})
	switch {
	case wait > 0 && cost > 0:
		r.answer(a, false, float64(wait)/1e9)
	case err != nil:
		// Without a bucket there is no limit: refuse rather than that.
		r.answer(a, false, 1/b.rate)
	default:
		r.answer(a, true, 0)
	}
	return nil
}

func (r *rateLimit) answer(a *sandbox.Args, ok bool, after float64) {
	if ok {
		r.allowed.Add(1)
	} else {
		r.denied.Add(1)
	}
	a.Return(sandbox.Bool(ok), sandbox.Number(after))
}

// bucket is what a script says of one.
type bucket struct{ rate, burst, n float64 }

// nanoseconds returns how long so many tokens take to come.
func (b *bucket) nanoseconds(tokens float64) int64 { return int64(math.Round(tokens / b.rate * 1e9)) }

func bucketArgument(a *sandbox.Args, i int) (b bucket, err error) {
	t, err := fields(a, i, "rate", "burst", "n")
	if err != nil {
		return b, err
	}
	field := func(key string, def, least float64) (f float64) {
		v := t.Get(key)
		if v.IsNil() && def != 0 {
			return def
		}
		f, ok := v.Number()
		if err == nil && (!ok || !(f >= least) || f > mostRate) {
			err = fmt.Errorf("bad argument #%d (%s must be a number from %g to %g)", i, key, least, float64(mostRate))
		}
		return f
	}
	b.rate = field("rate", 0, leastRate)
	b.burst = field("burst", max(1, b.rate), 1)
	b.n = field("n", 1, 0)
	if err == nil && b.burst/b.rate > mostSeconds {
		err = fmt.Errorf("bad argument #%d (burst %g takes more than %g seconds to fill at rate %g)", i, b.burst, mostSeconds, b.rate)
	}
	return b, err
}
