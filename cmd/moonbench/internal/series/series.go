//go:build linux

package series

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
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

// Run measures everything. A server that cannot run a scenario is left out of
// it; Target.Unable says why. That is found out before anything is measured, as
// is a scenario that no server can run: it is an error that wraps ErrNobody. On
// failure Run returns what was measured before, with the error.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	rep := newReport(cfg)
	defer rep.Judge()
	planned := make([]*Scenario, len(cfg.Scenarios))
	var errs []error
	for i := range cfg.Scenarios {
		planned[i] = newScenario(&cfg.Scenarios[i], &cfg)
		if err := survey(ctx, cfg, cfg.Scenarios[i], planned[i]); errors.Is(err, ErrNobody) {
			errs = append(errs, err)
		} else if err != nil {
			return rep, err
		}
	}
	if errs != nil {
		return rep, errors.Join(errs...)
	}
	for i, out := range planned {
		sc := cfg.Scenarios[i]
		rep.Scenarios = append(rep.Scenarios, out)
		err := runScenario(ctx, cfg, &sc, out)
		out.summarize()
		if err != nil {
			return rep, err
		}
	}
	return rep, nil
}

// survey lets each server get ready for a scenario, without load, to see who
// cannot run it.
func survey(ctx context.Context, cfg Config, sc scenario.Scenario, out *Scenario) error {
	for i, t := range cfg.Targets {
		tg := out.Targets[i]
		if tg.NotAsked {
			continue
		}
		r, err := open(ctx, cfg, sc, t)
		switch {
		case errors.Is(err, load.ErrUnable):
			tg.Unable = err.Error()
			if cfg.Progress != nil {
				cfg.Progress(Step{Scenario: sc.Name, Target: tg.Name, Unable: tg.Unable})
			}
		case err != nil:
			return fmt.Errorf("scenario %s, server %s: %w", sc.Name, tg.Name, err)
		default:
			r.close()
		}
	}
	return out.anybody()
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
			if out.Targets[t].leftOut() {
				continue
			}
			runs := []run{{*sc, out.Targets[t]}}
			if t < len(out.Without) {
				runs = append(runs, run{sc.Calm(), out.Without[t]})
			}
			if pair%2 == 1 {
				slices.Reverse(runs)
			}
			for _, r := range runs {
				if err := step(ctx, cfg, r, t, pair); err != nil {
					return err
				}
			}
		}
	}
	return profileAll(ctx, cfg, *sc, out)
}

// run is a load, and whose rounds it adds to.
type run struct {
	sc     scenario.Scenario
	target *Target
}

// step is one run of server t.
func step(ctx context.Context, cfg Config, r run, t, pair int) error {
	sc, tg := r.sc, r.target
	round, err := once(ctx, cfg, sc, cfg.Targets[t])
	if err != nil {
		return fmt.Errorf("scenario %s, server %s, pair %d: %w", sc.Name, tg.Name, pair+1, err)
	}
	tg.Rounds = append(tg.Rounds, round)
	if cfg.Progress != nil {
		cfg.Progress(Step{Scenario: sc.Name, Target: tg.Name, Pair: pair, Pairs: cfg.Pairs, Round: round})
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
		if err != nil {
			return 0, fmt.Errorf("scenario %s, server %s, at full speed: %w", sc.Name, tg.Name, err)
		}
		lowest = min(lowest, r.PerSecond/float64(sc.Copies()))
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

// ready is a server with all connections of a scenario.
type ready struct {
	server  *target.Server
	session *load.Session
}

func (r *ready) close() {
	r.session.Close()
	r.server.Stop()
}

// open starts a fresh server and connects. The caller must close what it
// returns.
func open(ctx context.Context, cfg Config, sc scenario.Scenario, t target.Target) (*ready, error) {
	srv, err := start(ctx, sc.TLS, t)
	if err != nil {
		return nil, err
	}
	s, err := load.Open(ctx, load.Config{
		Addr: srv.Addr, TLS: srv.TLS, Scenario: sc, Meter: srv.Meter,
		Warmup: max(cfg.Warmup, sc.Settle), Measure: cfg.Measure, Patience: cfg.Patience, Loops: cfg.Loops,
	})
	if err != nil {
		srv.Stop()
		return nil, err
	}
	return &ready{server: srv, session: s}, nil
}

// once runs one scenario against one fresh server.
func once(ctx context.Context, cfg Config, sc scenario.Scenario, t target.Target) (Round, error) {
	r, err := open(ctx, cfg, sc, t)
	if err != nil {
		return Round{}, err
	}
	defer r.close()
	res, err := r.session.Run(ctx)
	if err != nil {
		return Round{}, err
	}
	return newRound(&res, r.server.Meter.Source()), nil
}
