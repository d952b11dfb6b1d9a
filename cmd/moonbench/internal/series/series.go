//go:build linux

package series

import (
	"context"
	"fmt"
	"time"

	"moonwire/cmd/moonbench/internal/load"
	"moonwire/cmd/moonbench/internal/scenario"
	"moonwire/cmd/moonbench/internal/target"
)

// Config says what to measure.
type Config struct {
	Targets   []target.Target     // the first one is what the others are compared with
	Scenarios []scenario.Scenario // in this order
	Pairs     int                 // runs of each target in each scenario
	Warmup    time.Duration       // see load.Config
	Measure   time.Duration       // see load.Config
	Patience  time.Duration       // see load.Config
	Loops     int                 // see load.Config
	Progress  func(Step)          // called after each run; may be nil
}

// Step is one run that has just ended.
type Step struct {
	Scenario string
	Target   string
	Pair     int // from 0
	Pairs    int
	Round    Round
}

// Run measures everything. On failure it returns what was measured before,
// with the error.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	rep := newReport(cfg)
	for i := range cfg.Scenarios {
		sc := cfg.Scenarios[i]
		if sc.RatePercent > 0 {
			rate, err := paceOf(ctx, cfg, sc)
			if err != nil {
				return rep, err
			}
			sc.Rate = rate
		}
		out := rep.add(&sc, cfg.Targets)
		err := measure(ctx, cfg, &sc, out)
		out.summarize()
		if err != nil {
			return rep, err
		}
	}
	return rep, nil
}

// measure runs all pairs of one scenario.
func measure(ctx context.Context, cfg Config, sc *scenario.Scenario, out *Scenario) error {
	for pair := range cfg.Pairs {
		for k := range cfg.Targets {
			t := k
			if pair%2 == 1 {
				t = len(cfg.Targets) - 1 - k
			}
			label := cfg.Targets[t].Label()
			round, err := once(ctx, cfg, *sc, cfg.Targets[t])
			if err != nil {
				return fmt.Errorf("scenario %s, server %s, pair %d: %w", sc.Name, label, pair+1, err)
			}
			out.Targets[t].Rounds = append(out.Targets[t].Rounds, round)
			if cfg.Progress != nil {
				cfg.Progress(Step{Scenario: sc.Name, Target: label, Pair: pair, Pairs: cfg.Pairs, Round: round})
			}
		}
	}
	return nil
}

// paceOf finds out how much each server takes at full speed and returns the
// scenario's share of the lowest: all servers get the same pace.
func paceOf(ctx context.Context, cfg Config, sc scenario.Scenario) (int, error) {
	full := sc.Unpaced()
	lowest := 0.0
	for i, t := range cfg.Targets {
		r, err := once(ctx, cfg, full, t)
		if err != nil {
			return 0, fmt.Errorf("scenario %s, server %s, at full speed: %w", sc.Name, t.Label(), err)
		}
		perSecond := r.PerSecond / float64(sc.Copies())
		if i == 0 || perSecond < lowest {
			lowest = perSecond
		}
	}
	return max(1, int(lowest*float64(sc.RatePercent)/100)), nil
}

// once runs one scenario against one fresh server.
func once(ctx context.Context, cfg Config, sc scenario.Scenario, t target.Target) (Round, error) {
	srv, err := t.Start(ctx)
	if err != nil {
		return Round{}, err
	}
	defer srv.Stop()
	s, err := load.Open(ctx, load.Config{
		Addr: srv.Addr, Scenario: sc, Meter: srv.Meter,
		Warmup: cfg.Warmup, Measure: cfg.Measure, Patience: cfg.Patience, Loops: cfg.Loops,
	})
	if err != nil {
		return Round{}, err
	}
	defer s.Close()
	res, err := s.Run(ctx)
	if err != nil {
		return Round{}, err
	}
	return newRound(&res, srv.Meter.Source()), nil
}
