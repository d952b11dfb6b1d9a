//go:build linux

package series

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"moonwire/cmd/moonbench/internal/scenario"
	"moonwire/cmd/moonbench/internal/stat"
)

func of(values ...float64) stat.Summary { return stat.Summarize(values) }

func TestJudgeGoals(t *testing.T) {
	t.Parallel()
	goals := scenario.Goals{Must: 4, Aim: 6, MustRate: 1.5, MustLatency: 1, AimP50: 1.5, MustMemory: 5, AimMemory: 7}
	for _, tt := range []struct {
		name   string
		ratios Ratios
		want   map[string]string
	}{
		{
			name:   "aims",
			ratios: Ratios{Cost: of(6), PerSecond: of(1.5), P50: of(1.5), P99: of(1), Memory: of(7)},
			want:   map[string]string{WhatCPU: AimMet, WhatRate: MustMet, WhatP50: AimMet, WhatP99: MustMet, WhatMemory: AimMet},
		},
		{
			name:   "musts",
			ratios: Ratios{Cost: of(4), PerSecond: of(9), P50: of(1.49), P99: of(9), Memory: of(5)},
			want:   map[string]string{WhatCPU: MustMet, WhatRate: MustMet, WhatP50: MustMet, WhatP99: MustMet, WhatMemory: MustMet},
		},
		{
			name:   "misses",
			ratios: Ratios{Cost: of(3.9), PerSecond: of(1.4), P50: of(0.9), P99: of(0.9), Memory: of(4)},
			want:   map[string]string{WhatCPU: Missed, WhatRate: Missed, WhatP50: Missed, WhatP99: Missed, WhatMemory: Missed},
		},
		{name: "the median counts", ratios: Ratios{Cost: of(1, 4, 100)}, want: map[string]string{WhatCPU: MustMet}},
		{name: "not measured", want: map[string]string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rep := &Report{Scenarios: []*Scenario{{Name: "x", Goals: goals, Targets: []*Target{{}, {Ratios: &tt.ratios}}}}}
			rep.Judge()
			got := make(map[string]string)
			for _, v := range rep.Verdicts {
				got[v.What] = v.Word
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	alone := &Report{Scenarios: []*Scenario{{Name: "x", Goals: goals, Targets: []*Target{{}}}}}
	if alone.Judge(); alone.Verdicts != nil {
		t.Errorf("without a yardstick: %+v", alone.Verdicts)
	}
}

func TestJudgeGrowth(t *testing.T) {
	t.Parallel()
	costs := func(name string, v ...float64) *Scenario {
		s := &Scenario{Name: name, Title: name, Targets: []*Target{{}}}
		for _, c := range v {
			s.Targets[0].Rounds = append(s.Targets[0].Rounds, Round{Cost: c})
		}
		return s
	}
	for _, tt := range []struct {
		name string
		big  []float64
		want []Verdict
	}{
		{name: "small", big: []float64{200, 100}, want: []Verdict{
			{Scenario: "big", Title: "big, by small", What: WhatGrowth, Ratio: of(2, 1), Must: 2, AtMost: true, Word: MustMet},
		}},
		{name: "large", big: []float64{300, 300}, want: []Verdict{
			{Scenario: "big", Title: "big, by small", What: WhatGrowth, Ratio: of(3, 3), Must: 2, AtMost: true, Word: Missed},
		}},
		{name: "not measured"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			big := costs("big", tt.big...)
			big.Goals = scenario.Goals{MostGrowth: 2, GrowsFrom: "small"}
			rep := &Report{Scenarios: []*Scenario{costs("small", 100, 100), big}}
			rep.Judge()
			if diff := cmp.Diff(tt.want, rep.Verdicts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			rep.Scenarios = rep.Scenarios[1:]
			if rep.Judge(); rep.Verdicts != nil {
				t.Errorf("without the smaller load: %+v", rep.Verdicts)
			}
		})
	}
}

func TestJudgeBeside(t *testing.T) {
	t.Parallel()
	target := func(name string, rate, cost, p99 stat.Summary) *Target {
		return &Target{Name: name, PerSecond: rate, Cost: cost, P99: p99}
	}
	rep := &Report{Scenarios: []*Scenario{
		{
			Name: "with", Beside: "without", Targets: []*Target{
				target("A", of(8, 10), of(60, 70), of(5, 9)), target("B", of(8, 10), of(60, 70), of(1)), target("C", of(1), of(1), of(1)),
			}, Without: []*Target{
				target("A", of(10, 12), of(40, 50), of(10, 11)), target("B", of(11, 12), of(40, 50), of(2)),
			},
		},
		{Name: "alone", Targets: []*Target{target("A", of(1), of(1), of(1))}},
	}}
	rep.Judge()
	var got []string
	for _, c := range rep.Comparisons {
		got = append(got, c.Target+" "+c.What+": "+c.Word)
	}
	want := []string{
		"A rate: within noise", "A CPU: missed", "A p99: better",
		"B rate: worse", "B CPU: worse", "B p99: too few runs",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c := (&Comparison{With: of(3), Without: of(2)}); c.Ratio() != 1.5 {
		t.Errorf("ratio %v", c.Ratio())
	}
	if c := (&Comparison{With: of(3)}); c.Ratio() != 0 {
		t.Errorf("ratio to nothing: %v", c.Ratio())
	}
}
