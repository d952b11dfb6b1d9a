//go:build linux

package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/cmd/moonbench/internal/profile"
	"moonwire/cmd/moonbench/internal/scenario"
	"moonwire/cmd/moonbench/internal/series"
	"moonwire/cmd/moonbench/internal/stat"
)

func rewriteGolden() bool {
	f := flag.Lookup("rewrite")
	return f != nil && f.Value.String() == "true"
}

func TestMain(m *testing.M) {
	flag.Bool("rewrite", false, "write the golden files anew")
	flag.Parse()
	os.Exit(m.Run())
}

func three(median, low, high float64) stat.Summary {
	return stat.Summary{N: 3, Median: median, Low: low, High: high, Min: low, Max: high}
}

// sample is a report with a throughput scenario, one with latencies, a memory
// scenario, one that broke off, and a name that needs escaping.
func sample() *series.Report {
	round := series.Round{Window: time.Second, CPU: 900 * time.Millisecond, LoaderCPU: 300 * time.Millisecond}
	rounds := []series.Round{round, round, round}
	stalled, cutting := round, round
	stalled.Stall, cutting.Cut = 212_345_678, 2
	odd := []series.Round{stalled, cutting, round}
	same := three(1, 1, 1)
	const unable = "the server cannot run it: it only copies"
	rep := &series.Report{
		Machine: series.Machine{CPU: "Example CPU", CPUs: 2, Kernel: "6.1.0", Arch: "amd64", Go: "go1.26.0"},
		Started: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Warmup:  time.Second, Measure: 2 * time.Second,
		Targets: []string{"<moon & wire>", "nats-server", "floor"},
		Scenarios: []*series.Scenario{
			{
				Name: "1to1-16", Title: "1 → 1, 16 B", Unit: "delivered message",
				Goals: scenario.Goals{Must: 6, Aim: 10, MustRate: 6},
				Targets: []*series.Target{
					{
						Name: "<moon & wire>", Rounds: rounds, Cost: three(61.25, 58, 66), PerSecond: three(9.9949e6, 9e6, 11e6), RSS: three(900<<10, 900<<10, 1<<20),
						Profile: []profile.Share{{Room: profile.KernelWrite, Percent: 69.6}, {Room: profile.Memory, Percent: 0.4}, {Room: profile.Other, Percent: 30}},
					},
					{
						Name: "nats-server", Rounds: odd, Cost: three(632.4, 600, 700.7), PerSecond: three(1.67e6, 1.5e6, 1.8e6), RSS: three(21<<20, 20<<20, 22<<20),
						Ratios: &series.Ratios{Cost: three(10.3, 9.2, 11.5), PerSecond: three(5.98, 5.5, 6.2), Memory: three(23, 20, 24)},
					},
					{
						Name: "floor", Rounds: rounds, Cost: three(20, 19, 21), PerSecond: three(2e7, 1.9e7, 2.1e7), RSS: three(3<<20, 3<<20, 3<<20),
						Ratios: &series.Ratios{Cost: three(0.33, 0.3, 0.35), PerSecond: three(0.5, 0.45, 0.55), Memory: three(3, 2, 4)},
					},
				},
			},
			{
				Name: "request-1", Title: "request/reply, 1 in flight", Unit: "request", Rate: 100,
				Goals: scenario.Goals{Must: 1.4, Aim: 5, MustLatency: 1, AimP50: 1.5},
				Targets: []*series.Target{
					{
						Name: "<moon & wire>", Rounds: rounds, Cost: three(9995, 9000, 11_000), PerSecond: three(40_000, 1, 50_000), RSS: three(9<<20, 1, 10<<20),
						P50: three(20_000, 1, 50_000), P99: three(80_000, 1, 90_000), P999: three(99_000, 1, 100_000),
					},
					{
						Name: "nats-server", Rounds: rounds, Cost: three(44_100, 33_300, 54_800), PerSecond: three(20_400, 15_900, 24_900), RSS: three(21<<20, 20<<20, 22<<20),
						P50: three(47_900, 1, 50_000), P99: three(8.22e6, 1, 9e6), P999: three(1.9e9, 1, 2e9),
						Ratios: &series.Ratios{Cost: three(4.41, 3, 5), PerSecond: three(1.96, 1, 2), P50: three(2.4, 2, 3), P99: three(102.75, 99, 105), Memory: same},
					},
					{Name: "floor", Unable: unable, Ratios: &series.Ratios{}},
				},
			},
			{
				Name: "idle-1k", Title: "1,000 idle connections", Unit: "idle connection", Memory: true,
				Goals: scenario.Goals{MustMemory: 5, AimMemory: 7},
				Targets: []*series.Target{
					{Name: "<moon & wire>", Rounds: rounds, BytesEach: three(900, 800, 1000), RSS: three(9<<20, 1, 10<<20)},
					{Name: "nats-server", Rounds: rounds, BytesEach: three(52.7*1024, 50_000, 56_000), RSS: three(68<<20, 1, 70<<20), Ratios: &series.Ratios{Memory: three(60, 50, 70)}},
					{Name: "floor", NotAsked: true, Ratios: &series.Ratios{}},
				},
			},
			{
				Name: "secured", Title: "what the first one cannot", Unit: "delivered message",
				Targets: []*series.Target{
					{Name: "<moon & wire>", Unable: "the server cannot run it: no <TLS>"},
					{Name: "nats-server", Rounds: rounds, Cost: three(900, 800, 1000), PerSecond: three(1e6, 9e5, 2e6), RSS: three(9<<20, 1, 10<<20), Ratios: &series.Ratios{}},
					{Name: "floor", Unable: unable, Ratios: &series.Ratios{}},
				},
			},
			{
				Name: "broken", Title: "broke off after one run", Unit: "delivered message",
				Targets: []*series.Target{
					{Name: "<moon & wire>", Rounds: rounds[:1], Cost: stat.Summarize([]float64{700}), PerSecond: stat.Summarize([]float64{5e5}), RSS: stat.Summarize([]float64{5e6})},
					{Name: "nats-server", Ratios: &series.Ratios{}},
					{Name: "floor", Ratios: &series.Ratios{}},
				},
			},
			{
				Name: "never", Title: "never ran", Unit: "delivered message",
				Targets: []*series.Target{{Name: "<moon & wire>"}, {Name: "nats-server", Ratios: &series.Ratios{}}, {Name: "floor", Ratios: &series.Ratios{}}},
			},
			{
				Name: "slow", Title: "1 → 1 beside trouble", Unit: "delivered message", Beside: "1to1-16",
				Targets: []*series.Target{
					{Name: "<moon & wire>", Rounds: rounds, Cost: three(80, 70, 90), PerSecond: three(9e6, 8e6, 1e7), P99: three(1e5, 9e4, 2e5)},
					{Name: "nats-server", Rounds: rounds, Cost: three(650, 600, 700), PerSecond: three(1e5, 1e5, 2e5), Ratios: &series.Ratios{}},
					{Name: "floor", Unable: unable, Ratios: &series.Ratios{}},
				},
				Without: []*series.Target{
					{Name: "<moon & wire>", Rounds: rounds, Cost: three(75, 65, 85), PerSecond: three(9e6, 8e6, 1e7), P99: three(1e5, 9e4, 2e5)},
					{Name: "nats-server", Rounds: rounds, Cost: three(450, 400, 500), PerSecond: three(4e5, 3e5, 5e5)},
				},
			},
			{
				Name: "slower", Title: "the same, once more", Unit: "delivered message", Beside: "slow",
				Targets: []*series.Target{
					{Name: "<moon & wire>", Rounds: rounds[:1], Cost: three(80, 70, 90), P99: three(1e5, 9e4, 2e5)},
					{Name: "nats-server", Ratios: &series.Ratios{}},
					{Name: "floor", Unable: unable, Ratios: &series.Ratios{}},
				},
				Without: []*series.Target{
					{Name: "<moon & wire>", Rounds: rounds[:1], Cost: three(80, 70, 90), P99: three(1e5, 9e4, 2e5)},
					{Name: "nats-server"},
				},
			},
		},
	}
	rep.Judge()
	return rep
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file  string
		write func(io.Writer, *series.Report) error
	}{
		{file: "report.txt", write: Text},
		{file: "report.md", write: Markdown},
		{file: "report.svg", write: SVG},
		{file: "report.json", write: JSON},
		{file: "growth.svg", write: growing(Growth)},
		{file: "nothing_grows.svg", write: Growth},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := tt.write(&b, sample()); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", tt.file)
			if rewriteGolden() {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("(-want +got; go test -rewrite writes it anew):\n%s", diff)
			}
		})
	}
}

// growing writes a report of loads that grow in place of the sample.
func growing(write func(io.Writer, *series.Report) error) func(io.Writer, *series.Report) error {
	rep := &series.Report{Targets: []string{"<moon & wire>", "nats-server", "floor"}}
	add := func(of string, n int, costs ...stat.Summary) {
		sc := &series.Scenario{Name: fmt.Sprint(of, n), Unit: "delivered message", Growth: &series.Growth{Of: of, N: n}}
		for i, name := range rep.Targets {
			t := &series.Target{Name: name, Cost: costs[i]}
			if costs[i].N > 0 {
				t.Rounds = make([]series.Round, costs[i].N)
			}
			sc.Targets = append(sc.Targets, t)
		}
		rep.Scenarios = append(rep.Scenarios, sc)
	}
	var none stat.Summary
	add("subscriptions", 100, three(120, 110, 125), three(750, 700, 900), none)
	add("subscriptions", 1000, three(121, 115, 140), three(760, 720, 920), none)
	add("subscriptions", 1_000_000, three(190, 180, 210), three(1140, 1000, 1260), none)
	add("connections", 10, three(90, 85, 100), three(800, 790, 850), three(60, 55, 62))
	add("connections", 10_000, three(95, 85, 110), three(1000, 900, 1090), three(60, 55, 62))
	add("something else", 10, three(95, 85, 110), none, none)
	return func(w io.Writer, _ *series.Report) error { return write(w, rep) }
}

func TestRoundStep(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]float64{0: 1, 0.3: 0.5, 1: 1, 1.1: 2, 21: 50, 260: 500, 501: 1000} {
		if got := roundStep(v); got != want {
			t.Errorf("roundStep(%v) = %v, want %v", v, got, want)
		}
	}
}

func TestSVGIsWellFormed(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := SVG(&b, sample()); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	bars := 0
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if want := 1 + 3 + 3 + 2 + 2 + 1 + 1 + 2 + 1; bars != want { // background, legend, a bar for each server that ran
		t.Errorf("%d rectangles, want %d", bars, want)
	}
}

func TestJSONComesBack(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := JSON(&b, sample()); err != nil {
		t.Fatal(err)
	}
	var got series.Report
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), &got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWritersReportFailure(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	for name, write := range map[string]func(io.Writer, *series.Report) error{"text": Text, "md": Markdown, "svg": SVG, "json": JSON, "growth": Growth} {
		if err := write(brokenWriter{full}, sample()); !errors.Is(err, full) {
			t.Errorf("%s: got %v, want %v", name, err, full)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		v            float64
		number, size string
	}{
		{0, "0.00", "0.00 B"},
		{0.456, "0.46", "0.46 B"},
		{9.994, "9.99", "9.99 B"},
		{9.996, "10.0", "10.0 B"},
		{99.96, "100", "100 B"},
		{1023, "1023", "1023 B"},
		{1024, "1024", "1.00 KiB"},
		{9_996, "10.0k", "9.76 KiB"},
		{999_600, "1.00M", "976 KiB"},
		{1 << 20, "1.05M", "1.00 MiB"},
	} {
		if got := number(tt.v); got != tt.number {
			t.Errorf("number(%v) = %q, want %q", tt.v, got, tt.number)
		}
		if got := size(tt.v); got != tt.size {
			t.Errorf("size(%v) = %q, want %q", tt.v, got, tt.size)
		}
	}
}
