//go:build linux

package series

import (
	"time"

	"moonwire/cmd/moonbench/internal/load"
	"moonwire/cmd/moonbench/internal/proc"
	"moonwire/cmd/moonbench/internal/profile"
	"moonwire/cmd/moonbench/internal/scenario"
	"moonwire/cmd/moonbench/internal/stat"
)

// Report is everything that a series has measured. Its JSON form is what
// --json writes.
type Report struct {
	Machine   Machine       `json:"machine"`
	Started   time.Time     `json:"started"`
	Warmup    time.Duration `json:"warmup_ns"`
	Measure   time.Duration `json:"measure_ns"`
	Targets   []string      `json:"targets"` // the subject, the yardstick, others
	Scenarios []*Scenario   `json:"scenarios"`

	Verdicts    []Verdict    `json:"verdicts,omitempty"`    // set by Judge
	Comparisons []Comparison `json:"comparisons,omitempty"` // set by Judge
}

// Scenario is what was measured in one scenario.
type Scenario struct {
	Name    string    `json:"name"`
	Title   string    `json:"title"`
	Unit    string    `json:"unit"`
	Rate    int       `json:"rate,omitempty"`   // messages published in a second, if paced
	Memory  bool      `json:"memory,omitempty"` // what counts is BytesEach, not Cost
	Targets []*Target `json:"targets"`

	Goals  scenario.Goals `json:"goals,omitzero"`
	Beside string         `json:"beside,omitempty"` // see scenario.Scenario
	// Without is the first two servers under the load of Beside, measured in
	// turns with this one; empty without Beside.
	Without []*Target `json:"without,omitempty"`
	Growth  *Growth   `json:"growth,omitempty"` // nil unless it belongs to a row
}

// Growth is the place of a scenario in a row of the same load among more and
// more of something.
type Growth struct {
	Of string `json:"of"` // plural
	N  int    `json:"n"`
}

// Target is what was measured of one server in one scenario. One that was left
// out has no rounds.
type Target struct {
	Name      string       `json:"name"`
	Unable    string       `json:"unable,omitempty"`    // why it cannot run the scenario
	NotAsked  bool         `json:"not_asked,omitempty"` // it was not to run the scenario, see Config.Only
	Rounds    []Round      `json:"rounds"`
	Cost      stat.Summary `json:"cost_ns"`          // server CPU for a unit
	PerSecond stat.Summary `json:"per_second"`       // units
	RSS       stat.Summary `json:"rss_bytes"`        //
	BytesEach stat.Summary `json:"bytes_each"`       // memory scenarios only
	P50       stat.Summary `json:"p50_ns"`           // scenarios with latency only
	P99       stat.Summary `json:"p99_ns"`           //
	P999      stat.Summary `json:"p999_ns"`          //
	LateP50   stat.Summary `json:"late_p50_ns"`      // paced scenarios only; see load.Result
	LateP99   stat.Summary `json:"late_p99_ns"`      //
	Ratios    *Ratios      `json:"ratios,omitempty"` // nil for the first server

	// Profile says where the server's CPU time goes; nil if it was not profiled.
	Profile []profile.Share `json:"profile,omitempty"`
}

func (t *Target) leftOut() bool { return t.Unable != "" || t.NotAsked }

// Ratios compares a server with the first one, pair by pair: how many times
// the first one is better. Above 1 means that it is.
type Ratios struct {
	Cost      stat.Summary `json:"cost"`       // this / first
	PerSecond stat.Summary `json:"per_second"` // first / this
	Memory    stat.Summary `json:"memory"`     // this / first: BytesEach, or RSS
	P50       stat.Summary `json:"p50"`        // this / first
	P99       stat.Summary `json:"p99"`        // this / first
}

// NotableStall is the shortest stall that is worth a word: retransmission
// timers begin at 200 ms.
const NotableStall = 100 * time.Millisecond

// Round is one run.
type Round struct {
	Version     string        `json:"server_version,omitempty"` // as the server says in INFO
	Units       int64         `json:"units"`
	Window      time.Duration `json:"window_ns"`
	CPU         time.Duration `json:"cpu_ns"`
	LoaderCPU   time.Duration `json:"loader_cpu_ns"`
	Cost        float64       `json:"cost_ns"`
	PerSecond   float64       `json:"per_second"`
	RSS         int64         `json:"rss_bytes"`
	BytesEach   float64       `json:"bytes_each,omitempty"`
	Cut         int           `json:"slow_consumers_cut,omitempty"`
	Stall       time.Duration `json:"longest_stall_ns"`
	P50         time.Duration `json:"p50_ns,omitempty"`
	P99         time.Duration `json:"p99_ns,omitempty"`
	P999        time.Duration `json:"p999_ns,omitempty"`
	LateP50     time.Duration `json:"late_p50_ns,omitempty"`
	LateP99     time.Duration `json:"late_p99_ns,omitempty"`
	Max         time.Duration `json:"max_ns,omitempty"`
	CPUMeasured proc.Source   `json:"cpu_source"`
}

// Busy is how many CPUs the server used on average, and how many moonbench.
func (r *Round) Busy() (server, loader float64) {
	if r.Window == 0 {
		return 0, 0
	}
	w := r.Window.Seconds()
	return r.CPU.Seconds() / w, r.LoaderCPU.Seconds() / w
}

func newRound(res *load.Result, src proc.Source) Round {
	r := Round{
		Version: res.Version, Units: res.Units, Window: res.Window, CPU: res.CPU, LoaderCPU: res.LoaderCPU,
		Cost: res.CostNs(), PerSecond: res.PerSecond(), RSS: res.RSS, BytesEach: res.BytesEach(),
		Cut: res.Cut, Stall: res.Stall, CPUMeasured: src,
	}
	if h := res.Late; h != nil {
		r.LateP50 = time.Duration(h.ValueAtQuantile(50))
		r.LateP99 = time.Duration(h.ValueAtQuantile(99))
	}
	if h := res.Latency; h != nil {
		r.P50 = time.Duration(h.ValueAtQuantile(50))
		r.P99 = time.Duration(h.ValueAtQuantile(99))
		r.P999 = time.Duration(h.ValueAtQuantile(99.9))
		r.Max = time.Duration(h.Max())
	}
	return r
}

func newReport(cfg Config) *Report {
	rep := &Report{Machine: describeMachine(), Started: time.Now(), Warmup: cfg.Warmup, Measure: cfg.Measure}
	for _, t := range cfg.Targets {
		rep.Targets = append(rep.Targets, t.Label())
	}
	return rep
}

// newScenario returns the place for what will be measured.
func newScenario(sc *scenario.Scenario, cfg *Config) *Scenario {
	out := &Scenario{
		Name: sc.Name, Title: sc.Title, Unit: sc.Unit(), Rate: sc.Rate,
		Memory: sc.Kind == scenario.Idle, Goals: sc.Goals, Beside: sc.Beside,
	}
	if what, n := sc.Growth(); what != "" {
		out.Growth = &Growth{Of: what, N: n}
	}
	for i, t := range cfg.Targets {
		out.Targets = append(out.Targets, &Target{Name: t.Label(), NotAsked: cfg.leavesOut(i, sc.Name)})
		if sc.Beside != "" && i < comparedBeside {
			out.Without = append(out.Without, &Target{Name: t.Label()})
		}
	}
	return out
}

// comparedBeside is how many servers run a load with trouble and without it: the
// subject and the yardstick.
const comparedBeside = 2

// summarize fills in the summaries from the rounds.
func (s *Scenario) summarize() {
	for _, t := range s.Without {
		t.summarize()
	}
	for i, t := range s.Targets {
		t.summarize()
		if i == 0 {
			continue // it has no ratios
		}
		first := s.Targets[0]
		memory := rss
		if s.Memory {
			memory = bytesEach
		}
		lower := func(f func(*Round) float64) stat.Summary {
			return stat.Summarize(stat.Ratios(t.column(f), first.column(f)))
		}
		t.Ratios = &Ratios{
			Cost: lower(cost), Memory: lower(memory), P50: lower(p50), P99: lower(p99),
			PerSecond: stat.Summarize(stat.Ratios(first.column(perSecond), t.column(perSecond))),
		}
	}
}

// summarize fills in what is about this server alone.
func (t *Target) summarize() {
	t.Cost = stat.Summarize(t.column(cost))
	t.PerSecond = stat.Summarize(t.column(perSecond))
	t.RSS = stat.Summarize(t.column(rss))
	t.BytesEach = stat.Summarize(t.column(bytesEach))
	t.P50 = stat.Summarize(t.column(p50))
	t.P99 = stat.Summarize(t.column(p99))
	t.P999 = stat.Summarize(t.column(p999))
	t.LateP50 = stat.Summarize(t.column(lateP50))
	t.LateP99 = stat.Summarize(t.column(lateP99))
}

func (t *Target) column(f func(*Round) float64) []float64 {
	out := make([]float64, len(t.Rounds))
	for i := range t.Rounds {
		out[i] = f(&t.Rounds[i])
	}
	return out
}

func cost(r *Round) float64      { return r.Cost }
func perSecond(r *Round) float64 { return r.PerSecond }
func rss(r *Round) float64       { return float64(r.RSS) }
func bytesEach(r *Round) float64 { return r.BytesEach }
func p50(r *Round) float64       { return float64(r.P50) }
func p99(r *Round) float64       { return float64(r.P99) }
func p999(r *Round) float64      { return float64(r.P999) }
func lateP50(r *Round) float64   { return float64(r.LateP50) }
func lateP99(r *Round) float64   { return float64(r.LateP99) }
