//go:build linux

package series

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"moonwire/cmd/moonbench/internal/floor"
	"moonwire/cmd/moonbench/internal/load"
	"moonwire/cmd/moonbench/internal/proc"
	"moonwire/cmd/moonbench/internal/scenario"
	"moonwire/cmd/moonbench/internal/stat"
	"moonwire/cmd/moonbench/internal/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// forwarder is a target inside the test.
type forwarder struct {
	name string
	addr string
	fail int       // this start and later ones fail; 0 is never
	log  *[]string // starts of all targets, in order
	n    int
}

func newForwarder(t *testing.T, name string, log *[]string) *forwarder {
	t.Helper()
	f, err := floor.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- f.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &forwarder{name: name, addr: f.Addr().String(), log: log}
}

func (f *forwarder) Label() string { return f.name }

var errNoStart = errors.New("does not start")

func (f *forwarder) Start(context.Context) (*target.Server, error) {
	f.n++
	if f.n == f.fail {
		return nil, errNoStart
	}
	*f.log = append(*f.log, f.name)
	m, err := proc.Watch(os.Getpid())
	if err != nil {
		return nil, err
	}
	return &target.Server{Addr: f.addr, Meter: m}, nil
}

func small() scenario.Scenario {
	return scenario.Scenario{Name: "small", Title: "1 → 2", Publishers: 1, Subscribers: 2, Payload: 16}
}

func config(scs []scenario.Scenario, targets ...target.Target) Config {
	return Config{Targets: targets, Scenarios: scs, Pairs: 3, Warmup: time.Millisecond, Measure: 5 * time.Millisecond}
}

func TestRunAlternates(t *testing.T) {
	t.Parallel()
	var log, steps []string
	a, b, c := newForwarder(t, "A", &log), newForwarder(t, "B", &log), newForwarder(t, "C", &log)
	cfg := config([]scenario.Scenario{small()}, a, b, c)
	cfg.Progress = func(s Step) { steps = append(steps, fmt.Sprintf("%s %d/%d %s", s.Scenario, s.Pair, s.Pairs, s.Target)) }
	rep, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(log, ""), "ABC"+"ABCCBAABC"; got != want {
		t.Errorf("order %s, want %s: tried, then measured", got, want)
	}
	if len(steps) != 9 || steps[3] != "small 1/3 C" {
		t.Errorf("steps %q", steps)
	}
	sc := rep.Scenarios[0]
	for i, tg := range sc.Targets {
		if len(tg.Rounds) != 3 || tg.Cost.N != 3 || tg.Cost.Median <= 0 || tg.PerSecond.Median <= 0 || tg.RSS.Median <= 0 {
			t.Errorf("server %s: %+v", tg.Name, tg)
		}
		if (tg.Ratios == nil) != (i == 0) || tg.Ratios != nil && tg.Ratios.Cost.N != 3 {
			t.Errorf("server %s: ratios %+v", tg.Name, tg.Ratios)
		}
	}
	if rep.Machine.CPUs < 1 || rep.Machine.Kernel == "" || !cmp.Equal(rep.Targets, []string{"A", "B", "C"}) {
		t.Errorf("report %+v", rep)
	}
}

func TestRunTellsGrowth(t *testing.T) {
	t.Parallel()
	var log []string
	sc := small()
	sc.Groups, sc.Bystanders = []string{scenario.GroupGrowthConns}, 3
	cfg := config([]scenario.Scenario{sc, small()}, newForwarder(t, "A", &log))
	cfg.Pairs = 1
	rep, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if want := (&Growth{Of: "connections", N: 3}); !cmp.Equal(rep.Scenarios[0].Growth, want) || rep.Scenarios[1].Growth != nil {
		t.Errorf("got %+v and %+v, want %+v and nil", rep.Scenarios[0].Growth, rep.Scenarios[1].Growth, want)
	}
}

func TestRunPacesAllByTheSlowest(t *testing.T) {
	t.Parallel()
	var log []string
	sc := small()
	sc.RatePercent = 10
	cfg := config([]scenario.Scenario{sc}, newForwarder(t, "A", &log), newForwarder(t, "B", &log))
	cfg.Pairs = 1
	rep, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(log, ""), "ABABAB"; got != want {
		t.Errorf("order %s, want %s: tried, at full speed, paced", got, want)
	}
	out := rep.Scenarios[0]
	if out.Rate < 1 {
		t.Errorf("rate %d", out.Rate)
	}
	if out.Targets[1].Rounds[0].P50 <= 0 || out.Targets[1].P99.N != 1 {
		t.Errorf("no latencies: %+v", out.Targets[1])
	}
}

func TestRunKeepsWhatItHasWhenItFails(t *testing.T) {
	t.Parallel()
	var log []string
	a, b := newForwarder(t, "A", &log), newForwarder(t, "B", &log)
	b.fail = 4 // tried with both scenarios, pair 1, pair 2
	rep, err := Run(t.Context(), config([]scenario.Scenario{small(), small()}, a, b))
	if !errors.Is(err, errNoStart) || !strings.Contains(err.Error(), "scenario small, server B, pair 2") {
		t.Errorf("got %v", err)
	}
	if len(rep.Scenarios) != 1 || rep.Scenarios[0].Targets[0].Cost.N != 1 || rep.Scenarios[0].Targets[1].Ratios.Cost.N != 1 {
		t.Errorf("kept %+v", rep.Scenarios)
	}
	c := newForwarder(t, "C", &log)
	c.fail = 2
	paced := small()
	paced.RatePercent = 50
	if _, err := Run(t.Context(), config([]scenario.Scenario{paced}, c)); !errors.Is(err, errNoStart) {
		t.Errorf("at full speed: got %v", err)
	}
}

func TestSummarizeRatios(t *testing.T) {
	t.Parallel()
	s := &Scenario{Targets: []*Target{
		{Rounds: []Round{{Cost: 10, PerSecond: 20, RSS: 10, P50: 3, P99: 4}, {Cost: 50, PerSecond: 20, RSS: 10, P50: 3, P99: 4}}},
		{Rounds: []Round{{Cost: 100, PerSecond: 10, RSS: 30, P50: 6, P99: 8}, {Cost: 200, PerSecond: 20, RSS: 30, P50: 6, P99: 8}}},
	}}
	s.summarize()
	pair := func(x, y float64) stat.Summary { return stat.Summarize([]float64{x, y}) }
	want := &Ratios{Cost: pair(10, 4), PerSecond: pair(2, 1), Memory: pair(3, 3), P50: pair(2, 2), P99: pair(2, 2)}
	if diff := cmp.Diff(want, s.Targets[1].Ratios); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.Memory = true
	s.Targets[0].Rounds[0].BytesEach, s.Targets[1].Rounds[0].BytesEach = 100, 700
	s.summarize()
	if got := s.Targets[1].Ratios.Memory; got != stat.Summarize([]float64{7}) {
		t.Errorf("memory ratio %+v", got)
	}
}

func TestRoundBusy(t *testing.T) {
	t.Parallel()
	r := newRound(&load.Result{Window: 2 * time.Second, CPU: time.Second, LoaderCPU: 500 * time.Millisecond, Units: 1000}, proc.SourceClock)
	if server, loader := r.Busy(); server != 0.5 || loader != 0.25 {
		t.Errorf("busy %v, %v", server, loader)
	}
	if r.Cost != 1e6 || r.PerSecond != 500 || r.CPUMeasured != proc.SourceClock {
		t.Errorf("round %+v", r)
	}
	if server, loader := (&Round{}).Busy(); server != 0 || loader != 0 {
		t.Errorf("busy without a window: %v, %v", server, loader)
	}
}

func TestModelName(t *testing.T) {
	t.Parallel()
	if got := modelName([]byte("processor\t: 0\nmodel name\t: Example: CPU \nmodel name\t: other\n")); got != "Example: CPU" {
		t.Errorf("got %q", got)
	}
	if got := modelName([]byte("processor\t: 0\n")); got != "" {
		t.Errorf("got %q", got)
	}
}

func queued() scenario.Scenario {
	return scenario.Scenario{Name: "queued", Title: "queue", Fan: scenario.Queue, Publishers: 1, Subscribers: 2, Payload: 16}
}

// The forwarder knows no queue groups: the others are measured without it.
func TestRunLeavesOutWhoCannot(t *testing.T) {
	t.Parallel()
	var log, steps []string
	a, b := newForwarder(t, "A", &log), newForwarder(t, "B", &log)
	able := startReference(t, "R", &log)
	cfg := config([]scenario.Scenario{queued(), small()}, a, able, b)
	cfg.Only = []map[string]bool{nil, {"queued": true}}
	cfg.Progress = func(s Step) {
		steps = append(steps, fmt.Sprintf("%s %s %t", s.Scenario, s.Target, s.Unable != ""))
	}
	rep, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(log, ""), "ARB"+"AB"+"RRR"+"ABBAAB"; got != want {
		t.Errorf("starts %s, want %s: tried once, before all runs", got, want)
	}
	if want := []string{"queued A true", "queued B true", "queued R false", "queued R false"}; !cmp.Equal(steps[:4], want) {
		t.Errorf("steps %q, want %q first", steps, want)
	}
	q, s := rep.Scenarios[0].Targets, rep.Scenarios[1].Targets
	if len(q[1].Rounds) != 3 || q[0].Rounds != nil || !strings.Contains(q[0].Unable, "copying forwarder") || q[1].Ratios.Cost.N != 0 {
		t.Errorf("queue groups: %+v", q)
	}
	if !s[1].NotAsked || s[1].Rounds != nil || len(s[2].Rounds) != 3 || s[2].Ratios.Cost.N != 3 {
		t.Errorf("the plain scenario: %+v", s)
	}
}

// Nothing is measured if a scenario cannot be.
func TestRunFailsWhereNobodyCan(t *testing.T) {
	t.Parallel()
	var log []string
	paced := queued()
	paced.Name, paced.RatePercent = "paced", 50
	cfg := config([]scenario.Scenario{small(), queued(), paced}, newForwarder(t, "A", &log), newForwarder(t, "B", &log))
	cfg.Only = []map[string]bool{nil, {}}
	rep, err := Run(t.Context(), cfg)
	if !errors.Is(err, ErrNobody) {
		t.Fatalf("got %v, want ErrNobody", err)
	}
	for _, part := range []string{"scenario queued", "server A: the server cannot run it", "server B: not asked to", "scenario paced"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want it to contain %q", err, part)
		}
	}
	if got := strings.Join(log, ""); got != "AAA" || len(rep.Scenarios) != 0 {
		t.Errorf("starts %s, report %+v, want one for each scenario and nothing measured", got, rep.Scenarios)
	}
}

// startReference runs nats-server inside the test: a server that can all.
func startReference(t *testing.T, name string, log *[]string) *forwarder {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the reference server does not start")
	}
	return &forwarder{name: name, addr: s.Addr().String(), log: log}
}

// A load with trouble runs in turns with the same load without it, of the
// subject and the yardstick.
func TestRunBesideTrouble(t *testing.T) {
	t.Parallel()
	var log, steps []string
	a, b, c := newForwarder(t, "A", &log), newForwarder(t, "B", &log), newForwarder(t, "C", &log)
	sc := small()
	sc.Beside = "calm"
	cfg := config([]scenario.Scenario{sc}, a, b, c)
	cfg.Pairs = 2
	cfg.Progress = func(s Step) { steps = append(steps, s.Target+" "+s.Scenario) }
	rep, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"A small", "A calm", "B small", "B calm", "C small", "C small", "B calm", "B small", "A calm", "A small"}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out := rep.Scenarios[0]
	if len(out.Without) != 2 || out.Without[0].Cost.N != 2 || out.Without[1].Name != "B" {
		t.Errorf("without: %+v", out.Without)
	}
	if len(rep.Comparisons) != 4 || rep.Comparisons[0].Beside != "calm" || rep.Comparisons[0].Without.N != 2 {
		t.Errorf("comparisons: %+v", rep.Comparisons)
	}
	if runs, _ := cfg.Plan(); runs != 10 {
		t.Errorf("planned %d runs, want 10", runs)
	}
}
