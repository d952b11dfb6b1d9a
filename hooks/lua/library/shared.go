package library

import (
	"time"

	"moonwire/hooks"
)

// Options are those of a [Shared]. The zero value is ready.
type Options struct {
	KV        KVOptions
	RateLimit RateLimitOptions
	HTTP      HTTPOptions
	// Clock is what time is read from. Default time.Now.
	Clock func() time.Time
	// Control is how scripts act on connections; nil if there are none.
	Control hooks.Control
}

// Shared is what the scripts of a broker have in common: there is one, which
// survives reloads. All of it is bounded. It is safe for concurrent use.
type Shared struct {
	clock     func() time.Time
	kv        *kv
	rateLimit *rateLimit
	http      *httpLib
	clients   *clients
}

// NewShared returns what the scripts of a broker share. The error joins all that
// is wrong with the options.
func NewShared(o Options) (*Shared, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	h, err := newHTTP(o.HTTP)
	if err != nil {
		return nil, err
	}
	return &Shared{
		clock: o.Clock, kv: newKV(o.KV, o.Clock), rateLimit: newRateLimit(o.RateLimit, o.Clock),
		http: h, clients: &clients{control: o.Control},
	}, nil
}

// Close ends requests that are under way, and closes connections. Scripts that
// still run get an error from http; the rest goes on.
func (s *Shared) Close() { s.http.close() }

// Stats is what scripts have in common at the moment, and what was counted since
// the start.
type Stats struct {
	KV        KVStats
	RateLimit RateLimitStats
	HTTP      HTTPStats
	Clients   ClientsStats
}

// Stats returns what there is.
func (s *Shared) Stats() Stats {
	return Stats{KV: s.kv.stats(), RateLimit: s.rateLimit.stats(), HTTP: s.http.stats(), Clients: s.clients.stats()}
}
