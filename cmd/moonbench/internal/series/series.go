//go:build linux

package series

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"moonwire/cmd/moonbench/internal/load"
	"moonwire/cmd/moonbench/internal/scenario"
	"moonwire/cmd/moonbench/internal/target"
)

// Config says what to measure.
type Config struct {
	Targets   []target.Target     // the first one is the subject, the second the yardstick
	Only      []map[string]bool   // for each target the scenarios that it runs; nil, or too short: all
	Scenarios []scenario.Scenario // in this order
	Pairs     int                 // runs of each target in each scenario
	Warmup    time.Duration       // see load.Config
	Measure   time.Duration       // see load.Config
	Patience  time.Duration       // see load.Config
	Loops     int                 // see load.Config
	Progress  func(Step)          // called after each run; may be nil

	// Profiles is a folder for CPU profiles, one for each scenario and target
	// that has a profiling endpoint. Each takes a run of its own, after all
	// pairs, so that profiling disturbs nothing that is measured. Empty is none.
	Profiles    string
	ProfileTime time.Duration // length of a profile; rounded up to whole seconds
}

// leavesOut reports whether target t is not to run a scenario.
func (c *Config) leavesOut(t int, name string) bool {
	return t < len(c.Only) && c.Only[t] != nil && !c.Only[t][name]
}

// Step is one run that has just ended.
type Step struct {
	Scenario string
	Target   string
	Pair     int // from 0
	Pairs    int
	Round    Round
	Unable   string // why there was no run, and will be none
	Profile  string // file with a CPU profile, which is all that this run was for
}

// ErrNobody is wrapped by the error about a scenario that no server can run.
var ErrNobody = errors.New("no server can run it")

// Run measures everything. A server that cannot run a scenario, which shows at
// its first attempt, is left out of that scenario; Target.Unable says why. On
// failure Run returns what was measured before, with the error.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	rep := newReport(cfg)
	defer rep.Judge()
	for i := range cfg.Scenarios {
		sc := cfg.Scenarios[i]
		out := rep.add(&sc, &cfg)
		err := runScenario(ctx, cfg, &sc, out)
		out.summarize()
		if err != nil {
			return rep, err
		}
	}
	return rep, nil
}

// runScenario finds the pace, if there is one to find, and runs all pairs.
func runScenario(ctx context.Context, cfg Config, sc *scenario.Scenario, out *Scenario) error {
	if sc.RatePercent > 0 {
		rate, err := paceOf(ctx, cfg, *sc, out)
		if err != nil {
			return err
		}
		sc.Rate, out.Rate = rate, rate
	}
	for pair := range cfg.Pairs {
		for k := range cfg.Targets {
			t := k
			if pair%2 == 1 {
				t = len(cfg.Targets) - 1 - k
			}
			if err := step(ctx, cfg, *sc, out, t, pair); err != nil {
				return err
			}
		}
		if err := out.anybody(); err != nil {
			return err
		}
	}
	return profileAll(ctx, cfg, *sc, out)
}

// step is one run of one server, unless it is left out.
func step(ctx context.Context, cfg Config, sc scenario.Scenario, out *Scenario, t, pair int) error {
	tg := out.Targets[t]
	if tg.leftOut() {
		return nil
	}
	round, err := once(ctx, cfg, sc, cfg.Targets[t])
	s := Step{Scenario: sc.Name, Target: tg.Name, Pair: pair, Pairs: cfg.Pairs, Round: round}
	switch {
	case errors.Is(err, load.ErrUnable):
		tg.Unable, s.Unable = err.Error(), err.Error()
	case err != nil:
		return fmt.Errorf("scenario %s, server %s, pair %d: %w", sc.Name, tg.Name, pair+1, err)
	default:
		tg.Rounds = append(tg.Rounds, round)
	}
	if cfg.Progress != nil {
		cfg.Progress(s)
	}
	return nil
}

// paceOf finds out how much each server takes at full speed and returns the
// scenario's share of the lowest: all servers get the same pace.
func paceOf(ctx context.Context, cfg Config, sc scenario.Scenario, out *Scenario) (int, error) {
	full := sc.Unpaced()
	lowest := math.Inf(1)
	for i, t := range cfg.Targets {
		tg := out.Targets[i]
		if tg.leftOut() {
			continue
		}
		r, err := once(ctx, cfg, full, t)
		if errors.Is(err, load.ErrUnable) {
			tg.Unable = err.Error()
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("scenario %s, server %s, at full speed: %w", sc.Name, tg.Name, err)
		}
		lowest = min(lowest, r.PerSecond/float64(sc.Copies()))
	}
	if err := out.anybody(); err != nil {
		return 0, err
	}
	return max(1, int(lowest*float64(sc.RatePercent)/100)), nil
}

// anybody returns an error that wraps ErrNobody if all servers are left out.
func (s *Scenario) anybody() error {
	var why []error
	for _, t := range s.Targets {
		switch {
		case !t.leftOut():
			return nil
		case t.Unable != "":
			why = append(why, fmt.Errorf("server %s: %s", t.Name, t.Unable))
		default:
			why = append(why, fmt.Errorf("server %s: not asked to", t.Name))
		}
	}
	return fmt.Errorf("scenario %s: %w: %w", s.Name, ErrNobody, errors.Join(why...))
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
