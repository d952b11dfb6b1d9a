//go:build linux

package load

import (
	"context"
	"fmt"
	"time"

	"moonwire/cmd/moonbench/internal/scenario"
)

// enter puts all loops into a phase.
func (s *Session) enter(ph phase) {
	s.shared.phase.Store(int32(ph))
	for _, l := range s.loops {
		l.poller.Wake()
	}
}

// enterAll puts all loops into a phase and waits until they are there. It must
// be the first phase that they enter, or follow such a call.
func (s *Session) enterAll(ctx context.Context, ph phase) error {
	s.enter(ph)
	for range s.loops {
		select {
		case <-s.shared.acks:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// conduct leads the run through its phases while the loops work.
func (s *Session) conduct(ctx context.Context) (Result, error) {
	m := s.cfg.Meter
	res := Result{Version: s.info.Version, BaseRSS: s.baseRSS}
	if sc := &s.cfg.Scenario; sc.Kind == scenario.Idle {
		res.Held = sc.Connections
		if sc.Subscriptions > 0 {
			res.Held = sc.Subscriptions
		}
	}
	if err := s.watch(ctx, s.cfg.Warmup); err != nil {
		return res, err
	}
	if err := m.Refresh(); err != nil {
		return res, err
	}
	if err := s.enterAll(ctx, measuring); err != nil {
		return res, err
	}
	begin, err := s.sample()
	if err != nil {
		return res, err
	}
	if err := s.watch(ctx, s.cfg.Measure); err != nil {
		return res, err
	}
	end, err := s.sample()
	if err != nil {
		return res, err
	}
	if res.RSS, err = m.RSS(); err != nil {
		return res, err
	}
	res.Units = end.units - begin.units
	res.Window = end.at.Sub(begin.at)
	res.CPU = end.server - begin.server
	res.LoaderCPU = end.loader - begin.loader
	s.enter(draining)
	if err := s.drain(ctx); err != nil {
		return res, err
	}
	return res, s.probe(ctx)
}

// sample is the state of all counters at one moment.
type sample struct {
	at             time.Time
	units          int64
	server, loader time.Duration
}

func (s *Session) sample() (sample, error) {
	server, err := s.cfg.Meter.CPU()
	if err != nil {
		return sample{}, err
	}
	return sample{at: time.Now(), units: s.units(), server: server, loader: ownCPU()}, nil
}

func (s *Session) units() int64 {
	var n int64
	for _, l := range s.loops {
		n += l.total.Load()
	}
	return n
}

// expected is how many units everything published so far must lead to.
func (s *Session) expected() int64 {
	var n uint64
	for _, c := range s.counts {
		n += c.Load()
	}
	return int64(n) * int64(s.cfg.Scenario.Copies())
}

// pollEvery is how often the session looks at the counters.
const pollEvery = 5 * time.Millisecond

// watch lets the load run for d, and longer if nothing has arrived by then. It
// fails when a loop fails, when a receiver reports an anomaly, or when nothing
// arrives for too long although something is due.
func (s *Session) watch(ctx context.Context, d time.Duration) error {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	first := s.units()
	last, since := first, time.Now()
	over := false
	for {
		select {
		case <-end.C:
			over = true
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.shared.trouble:
			s.settle(ctx)
			return ErrStream
		case <-tick.C:
		}
		n := s.units()
		if over && (n > first || s.cfg.Scenario.Kind == scenario.Idle) {
			return nil
		}
		if n != last || n >= s.expected() && !over {
			last, since = n, time.Now()
		} else if time.Since(since) > s.cfg.Patience {
			return fmt.Errorf("%w: nothing has arrived for %v", ErrStream, s.cfg.Patience)
		}
	}
}

// settle ends the publishing after an anomaly and waits until what is under
// way has arrived, so that late messages can be told from lost ones.
func (s *Session) settle(ctx context.Context) {
	s.enter(draining)
	_ = s.drain(ctx) // the verdict says what is missing
}

// drain waits until everything published has arrived.
func (s *Session) drain(ctx context.Context) error {
	patience := s.cfg.Patience
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last, since := int64(-1), time.Now()
	for {
		n := s.units()
		if n == s.expected() && !s.shared.odd.Load() {
			return nil
		}
		if n != last {
			last, since = n, time.Now()
		} else if quiet := time.Since(since); quiet > patience || s.shared.odd.Load() && quiet > patience/5 {
			return fmt.Errorf("%w: %d of %d arrived", ErrStream, n, s.expected())
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// probe sends a PING on each receiving connection and waits for the PONGs:
// what comes before them and was not expected is a duplicate.
func (s *Session) probe(ctx context.Context) error {
	s.enter(probing)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	limit := time.NewTimer(s.cfg.Patience)
	defer limit.Stop()
	for s.shared.pongs.Load() < int64(s.receivers) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit.C:
			return fmt.Errorf("%d of %d receivers got no PONG in the end", int64(s.receivers)-s.shared.pongs.Load(), s.receivers)
		case <-tick.C:
		}
	}
	return nil
}
