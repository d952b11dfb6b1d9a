//go:build linux

package series

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"moonwire/cmd/moonbench/internal/profile"
	"moonwire/cmd/moonbench/internal/scenario"
	"moonwire/cmd/moonbench/internal/target"
)

// profileSlack is how much longer the load lasts than the profile.
const profileSlack = 500 * time.Millisecond

// profileAll profiles each server that has an endpoint, unless the scenario has
// no load.
func profileAll(ctx context.Context, cfg Config, sc scenario.Scenario, out *Scenario) error {
	if cfg.Profiles == "" || sc.Kind == scenario.Idle {
		return nil
	}
	for i, t := range cfg.Targets {
		tg := out.Targets[i]
		if !isProfiled(t) || tg.leftOut() {
			continue
		}
		path, err := tg.profile(ctx, cfg, sc, t)
		if err != nil {
			return fmt.Errorf("scenario %s, server %s, profile: %w", sc.Name, tg.Name, err)
		}
		if cfg.Progress != nil && path != "" {
			cfg.Progress(Step{Scenario: sc.Name, Target: tg.Name, Profile: path})
		}
	}
	return nil
}

// isProfiled reports whether t will have a profiling endpoint.
func isProfiled(t target.Target) bool {
	p, ok := t.(interface{ Profiled() bool })
	return ok && p.Profiled()
}

// profile makes one run, stores its profile and returns where; "" if the server
// has no endpoint after all.
func (tg *Target) profile(ctx context.Context, cfg Config, sc scenario.Scenario, t target.Target) (string, error) {
	data, err := profiled(ctx, cfg, sc, t)
	if err != nil || data == nil {
		return "", err
	}
	if tg.Profile, err = profile.Sort(data); err != nil {
		return "", err
	}
	if data, err = profile.Strip(data); err != nil {
		return "", err
	}
	path := filepath.Join(cfg.Profiles, fileName(sc.Name)+"."+fileName(tg.Name)+".pprof")
	if err := os.MkdirAll(cfg.Profiles, 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, data, 0o644)
}

// profiled runs one scenario against one fresh server and returns the server's
// profile of the time behind the warm-up. It returns nil without an error if
// the server was started in a way that has no profiling endpoint.
func profiled(ctx context.Context, cfg Config, sc scenario.Scenario, t target.Target) ([]byte, error) {
	cfg.Measure = profile.Seconds(cfg.ProfileTime) + profileSlack
	r, err := open(ctx, cfg, sc, t)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if r.server.ProfileAddr == "" {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var data []byte
	fetched := make(chan error, 1)
	go func() {
		var err error
		data, err = fetchAfter(ctx, cfg.Warmup, r.server.ProfileAddr, cfg.ProfileTime)
		fetched <- err
	}()
	_, err = r.session.Run(ctx)
	if err != nil {
		cancel() // nothing is left to profile
	}
	return data, errors.Join(err, <-fetched)
}

func fetchAfter(ctx context.Context, wait time.Duration, addr string, d time.Duration) ([]byte, error) {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.C:
	}
	return profile.Fetch(ctx, addr, d)
}

// fileName makes a name of a server or scenario fit for a file.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, s)
}
