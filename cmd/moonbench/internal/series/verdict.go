//go:build linux

package series

import "moonwire/cmd/moonbench/internal/stat"

// What a Verdict or a Comparison is about.
const (
	WhatCPU    = "CPU"
	WhatRate   = "rate"
	WhatP50    = "p50"
	WhatP99    = "p99"
	WhatMemory = "memory"
	WhatGrowth = "CPU, growth"
)

// The words of verdicts.
const (
	AimMet  = "aim met"
	MustMet = "must met"
	Missed  = "missed"

	WithinNoise = "within noise" // the ranges of both overlap
	Better      = "better"       // they do not, and for the good
	Worse       = "worse"        // they do not, of a server that is not the subject
	TooFew      = "too few runs" // one run has no range
)

// Verdict says whether the subject reaches a goal.
type Verdict struct {
	Scenario string       `json:"scenario"` // its name
	Title    string       `json:"title"`
	What     string       `json:"what"`
	Ratio    stat.Summary `json:"ratio"` // what counts is the median
	Must     float64      `json:"must,omitempty"`
	Aim      float64      `json:"aim,omitempty"`     // 0 if there is none
	AtMost   bool         `json:"at_most,omitempty"` // Must is the most that the ratio may be
	Word     string       `json:"verdict"`
}

// Comparison sets a server's run beside trouble against its run without.
type Comparison struct {
	Scenario string       `json:"scenario"` // with the trouble
	Beside   string       `json:"beside"`   // without it
	Target   string       `json:"target"`
	What     string       `json:"what"`
	With     stat.Summary `json:"with"`
	Without  stat.Summary `json:"without"`
	Word     string       `json:"verdict"`
}

// Ratio is with by without, of the medians; 0 if there is nothing to divide by.
func (c *Comparison) Ratio() float64 {
	if c.Without.Median == 0 {
		return 0
	}
	return c.With.Median / c.Without.Median
}

// Judge fills in Verdicts and Comparisons from what was measured. A goal whose
// ratio was not measured has no verdict.
func (r *Report) Judge() {
	r.Verdicts, r.Comparisons = nil, nil
	for _, s := range r.Scenarios {
		r.Verdicts = append(r.Verdicts, s.verdicts()...)
		if from := r.scenario(s.Goals.GrowsFrom); from != nil {
			r.Verdicts = append(r.Verdicts, s.growth(from)...)
		}
		r.Comparisons = append(r.Comparisons, s.compare()...)
	}
}

// scenario returns the scenario of a name, or nil.
func (r *Report) scenario(name string) *Scenario {
	for _, s := range r.Scenarios {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// verdicts holds the subject against the yardstick.
func (s *Scenario) verdicts() []Verdict {
	if len(s.Targets) < 2 || s.Targets[1].Ratios == nil {
		return nil
	}
	g, r := &s.Goals, s.Targets[1].Ratios
	var out []Verdict
	for _, v := range []Verdict{
		{What: WhatCPU, Ratio: r.Cost, Must: g.Must, Aim: g.Aim},
		{What: WhatRate, Ratio: r.PerSecond, Must: g.MustRate},
		{What: WhatP50, Ratio: r.P50, Must: g.MustLatency, Aim: g.AimP50},
		{What: WhatP99, Ratio: r.P99, Must: g.MustLatency},
		{What: WhatMemory, Ratio: r.Memory, Must: g.MustMemory, Aim: g.AimMemory},
	} {
		if v.Must == 0 && v.Aim == 0 || v.Ratio.N == 0 {
			continue
		}
		v.Scenario, v.Title = s.Name, s.Title
		switch {
		case v.Ratio.Median < v.Must:
			v.Word = Missed
		case v.Aim > 0 && v.Ratio.Median >= v.Aim:
			v.Word = AimMet
		default:
			v.Word = MustMet
		}
		out = append(out, v)
	}
	return out
}

// growth holds the subject against itself under a smaller load.
func (s *Scenario) growth(from *Scenario) []Verdict {
	big, small := s.Targets[0], from.Targets[0]
	v := Verdict{
		Scenario: s.Name, Title: s.Title + ", by " + from.Name, What: WhatGrowth, Must: s.Goals.MostGrowth, AtMost: true, Word: MustMet,
		Ratio: stat.Summarize(stat.Ratios(big.column(cost), small.column(cost))),
	}
	if v.Ratio.N == 0 {
		return nil
	}
	if v.Ratio.Median > v.Must {
		v.Word = Missed
	}
	return []Verdict{v}
}

// compare holds the subject and the yardstick each against itself without the
// trouble.
func (s *Scenario) compare() []Comparison {
	var out []Comparison
	for i, b := range s.Without {
		a := s.Targets[i]
		for _, c := range []struct {
			what       string
			a, b       stat.Summary
			moreIsGood bool
		}{
			{WhatRate, a.PerSecond, b.PerSecond, true},
			{WhatCPU, a.Cost, b.Cost, false},
			{WhatP99, a.P99, b.P99, false},
		} {
			if c.a.Max == 0 || c.b.Max == 0 {
				continue
			}
			word := besideWord(c.a, c.b, c.moreIsGood)
			if word == Missed && i > 0 {
				word = Worse
			}
			out = append(out, Comparison{
				Scenario: s.Name, Beside: s.Beside, Target: a.Name, What: c.what, With: c.a, Without: c.b, Word: word,
			})
		}
	}
	return out
}

func besideWord(with, without stat.Summary, moreIsGood bool) string {
	switch {
	case with.N < 2 || without.N < 2:
		return TooFew
	case with.Min <= without.Max && without.Min <= with.Max:
		return WithinNoise
	case (with.Min > without.Max) == moreIsGood:
		return Better
	}
	return Missed
}
