package scenario

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGoals(t *testing.T) {
	t.Parallel()
	table := make(map[string]Scenario)
	for _, s := range Table() {
		table[s.Name] = s
	}
	for name, want := range map[string]Goals{
		"1to10-128":       {Must: 6, Aim: 10, MustRate: 1.5},
		"1to100-128":      {Must: 9, Aim: 14, MustRate: 4},
		"request-1":       {Must: 1.4, Aim: 2, MustRate: 1.5, MustLatency: 1, AimP50: 1.5},
		"paced-20k":       {Must: 1, Aim: 1.5, MustLatency: 1},
		"latency-90":      {MustLatency: 1},
		"idle-10k":        {MustMemory: 5, AimMemory: 7},
		"idle-subs-100k":  {MustMemory: 2},
		"connect":         {MustRate: 1.5},
		"churn-wild-100k": {Must: 3, MustRate: 1.5},
		"growth-subs-1m":  {MustRate: 1.5, MostGrowth: 2, GrowsFrom: "growth-subs-1k"},
	} {
		if diff := cmp.Diff(want, table[name].Goals); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name := range stated() {
		if _, ok := table[name]; !ok {
			t.Errorf("goals for %q, which does not exist", name)
		}
	}
	for name, other := range besides() {
		a, ok := table[name]
		if b, there := table[other]; !ok || !there || a.Window != b.Window || a.Rate != b.Rate || a.Subscribers != b.Subscribers {
			t.Errorf("%q is not the load of %q with something beside it", name, other)
		}
	}
	for _, s := range table {
		g := s.Goals
		if g.Aim != 0 && g.Aim < g.Must || g.AimMemory != 0 && g.AimMemory < g.MustMemory {
			t.Errorf("%s aims at less than it must: %+v", s.Name, g)
		}
		if _, ok := table[g.GrowsFrom]; g.GrowsFrom != "" && !ok {
			t.Errorf("%s grows from %q, which does not exist", s.Name, g.GrowsFrom)
		}
	}
}

func TestGrowth(t *testing.T) {
	t.Parallel()
	rows := make(map[string][]int)
	for _, s := range Table() {
		if what, n := s.Growth(); what != "" {
			rows[what] = append(rows[what], n)
		}
	}
	want := map[string][]int{
		"subscriptions": {100, 1000, 10_000, 100_000, 1_000_000},
		"connections":   {10, 100, 1000, 10_000},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
