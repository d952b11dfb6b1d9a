//go:build linux

package series

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"moonwire/cmd/moonbench/internal/scenario"
	"moonwire/cmd/moonbench/internal/target"
)

// profilable is a forwarder with a profiling endpoint that is somewhere else.
type profilable struct {
	*forwarder
	at string
}

func (p profilable) Profiled() bool { return true }

func (p profilable) Start(ctx context.Context) (*target.Server, error) {
	s, err := p.forwarder.Start(ctx)
	if err == nil {
		s.ProfileAddr = p.at
	}
	return s, err
}

// endpoint answers with a profile of one sample, or with an error.
func endpoint(t *testing.T, broken bool) string {
	t.Helper()
	f := &profile.Function{ID: 1, Name: "syscall.write"}
	at := &profile.Location{ID: 1, Line: []profile.Line{{Function: f}}}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		Function:   []*profile.Function{f}, Location: []*profile.Location{at},
		Sample: []*profile.Sample{{Location: []*profile.Location{at}, Value: []int64{1, 10}}},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken {
			http.Error(w, "busy", http.StatusInternalServerError)
			return
		}
		if err := p.Write(w); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	var log, steps []string
	a, b := newForwarder(t, "A/1", &log), newForwarder(t, "B", &log)
	idle := scenario.Scenario{Name: "idle", Kind: scenario.Idle, Connections: 1}
	cfg := config([]scenario.Scenario{small(), idle}, profilable{a, endpoint(t, false)}, b)
	cfg.Pairs = 1
	cfg.Profiles = filepath.Join(t.TempDir(), "new")
	cfg.Progress = func(s Step) { steps = append(steps, s.Target+" "+filepath.Base(s.Profile)) }
	rep, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	// Both are tried with both scenarios; the profiled run is one more, after
	// the measured ones.
	if got, want := strings.Join(log, " "), "A/1 B A/1 B A/1 B A/1 A/1 B"; got != want {
		t.Errorf("starts %s, want %s", got, want)
	}
	if want := []string{"A/1 .", "B .", "A/1 small.A-1.pprof", "A/1 .", "B ."}; !cmp.Equal(steps, want) {
		t.Errorf("steps %q, want %q", steps, want)
	}
	if _, err := os.Stat(filepath.Join(cfg.Profiles, "small.A-1.pprof")); err != nil {
		t.Error(err)
	}
	tg := rep.Scenarios[0].Targets
	if len(tg[0].Profile) == 0 || tg[0].Profile[0].Percent != 100 || tg[1].Profile != nil || len(tg[0].Rounds) != 1 {
		t.Errorf("profiles %+v, %+v", tg[0], tg[1])
	}
}

func TestProfileWithoutEndpoint(t *testing.T) {
	t.Parallel()
	var log []string
	cfg := config([]scenario.Scenario{small()}, profilable{newForwarder(t, "A", &log), ""})
	cfg.Pairs, cfg.Profiles = 1, t.TempDir()
	cfg.Progress = func(s Step) {
		if s.Profile != "" {
			t.Errorf("a profile in %s", s.Profile)
		}
	}
	rep, err := Run(t.Context(), cfg)
	if err != nil || rep.Scenarios[0].Targets[0].Profile != nil {
		t.Errorf("got %+v, %v", rep.Scenarios[0].Targets[0].Profile, err)
	}
}

func TestProfileFails(t *testing.T) {
	t.Parallel()
	var log []string
	cfg := config([]scenario.Scenario{small()}, profilable{newForwarder(t, "A", &log), endpoint(t, true)})
	cfg.Pairs, cfg.Profiles, cfg.ProfileTime = 1, t.TempDir(), time.Millisecond
	rep, err := Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "scenario small, server A, profile: ") || !strings.Contains(err.Error(), "busy") {
		t.Errorf("got %v", err)
	}
	if len(rep.Scenarios[0].Targets[0].Rounds) != 1 {
		t.Error("what was measured before is gone")
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	paced := scenario.Scenario{Name: "paced", RatePercent: 10}
	idle := scenario.Scenario{Name: "idle", Kind: scenario.Idle}
	cfg := Config{
		Targets:   []target.Target{profilable{}, &forwarder{}},
		Scenarios: []scenario.Scenario{small(), paced, idle},
		Only:      []map[string]bool{nil, {"small": true}},
		Pairs:     5, Warmup: time.Second, Measure: 2 * time.Second, ProfileTime: 2 * time.Second,
	}
	perRun := 3*time.Second + runOverhead
	if n, d := cfg.Plan(); n != 5+5+6+5 || d != 21*perRun+4*surveyTime {
		t.Errorf("%d runs in %v, want 21 in %v", n, d, 21*perRun+4*surveyTime)
	}
	cfg.Profiles = "x"
	if n, d := cfg.Plan(); n != 21+2 || d != 23*perRun+4*surveyTime+2*profileSlack {
		t.Errorf("with profiles %d runs in %v, want 23 in %v", n, d, 23*perRun+4*surveyTime+2*profileSlack)
	}
}
