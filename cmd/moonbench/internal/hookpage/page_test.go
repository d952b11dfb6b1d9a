//go:build linux

package hookpage

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"moonwire/cmd/moonbench/internal/series"
	"moonwire/cmd/moonbench/internal/stat"
)

const printed = `goos: linux
pkg: moonwire/hooks
cpu: some
BenchmarkCached/lookup-2   	     654	    2692 ns/op	         0 allocs/operation	       35.5 least-ns	       41 middle-ns
BenchmarkNothing
PASS
pkg: moonwire/hooks/lua
BenchmarkPublish   	     654	    2692 ns/op	         2.5 allocs/operation	       410 least-ns	       500 middle-ns
BenchmarkPublish   	     654	    2692 ns/op	         3 allocs/operation	       400 least-ns	       520 middle-ns
BenchmarkPublish   	     654	    2692 ns/op	         2 allocs/operation	       405 least-ns	       510 middle-ns
BenchmarkShort   	     1	    2692 ns/op	         2 allocs/operation	       0 least-ns	       0 middle-ns
BenchmarkOther   	     654	    2692 ns/op
`

func TestParse(t *testing.T) {
	t.Parallel()
	b, err := Parse(strings.NewReader(printed))
	if err != nil {
		t.Fatal(err)
	}
	if keys := slices.Sorted(maps.Keys(b)); !slices.Equal(keys, []string{"hooks.Cached/lookup", "hooks/lua.Other", "hooks/lua.Publish"}) {
		t.Errorf("got %v", keys)
	}
	if p := b["hooks/lua.Publish"]; p.least() != 400 || p.middle() != 510 || p.Allocs != 3 {
		t.Errorf("got %+v", p)
	}
	if o := b["hooks/lua.Other"]; b.sliced("hooks/lua.Other") != nil || !slices.Equal(o.Values["ns/op"], []float64{2692}) {
		t.Errorf("got %+v", o)
	}
	for _, bad := range []string{"FAIL\tmoonwire/hooks", "panic: no", "--- FAIL: BenchmarkX", "BenchmarkX 1 two ns/op"} {
		if _, err := Parse(strings.NewReader("pkg: moonwire/hooks\n" + bad + "\n")); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestDifference(t *testing.T) {
	t.Parallel()
	now, before := &Bench{Least: []float64{12, 14, 13, 11, 90}}, &Bench{Least: []float64{10, 13, 10, 11}}
	if d, noise := now.less(before); d != 1 || noise != 0.75 {
		t.Errorf("got %v ± %v", d, noise)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		least, noise, allocs float64
		want                 string
	}{
		{10, 0, 1, "met"},
		{-5, 0, 0, "met"},
		{10.1, 0, 0, missed},
		{10.1, 0.2, 0, "met within noise"},
		{10.3, 0.2, 0, missed},
		{1, 0, 1.04, "met"},
		{1, 0, 1.1, missed},
	} {
		if got := (&target{ns: 10, allocs: 1}).verdict(tt.least, tt.noise, tt.allocs); got != tt.want {
			t.Errorf("%+v: got %s", tt, got)
		}
	}
}

// input has every benchmark that the page wants: 50 ns each, on a machine that is
// half as fast as the reference.
func input() *Input {
	in := &Input{Now: make(Benches), Before: make(Benches), Notes: []string{"here", "today"}}
	for _, t := range targets {
		for _, name := range []string{t.bench, t.less} {
			if name != "" {
				in.Now[name] = &Bench{Least: []float64{51, 50}, Middle: []float64{60, 70}}
				in.Before[name] = &Bench{Least: []float64{46, 45}, Middle: []float64{50, 60}}
			}
		}
	}
	for _, o := range others {
		in.Now[o.bench] = &Bench{Least: []float64{50}, Middle: []float64{60}, Allocs: 2}
	}
	in.Now[yardstick] = &Bench{Least: []float64{2 * reference}, Middle: []float64{100}}
	server := func(name string, costs ...float64) *series.Target {
		t := &series.Target{Name: name, Cost: stat.Summarize(costs), PerSecond: stat.Summarize([]float64{2.5e6})}
		for _, c := range costs {
			t.Rounds = append(t.Rounds, series.Round{Cost: c})
		}
		return t
	}
	in.Runs = []*series.Report{{Scenarios: []*series.Scenario{
		{Title: "a load", Targets: []*series.Target{server("plain", 100, 110), server("hooked", 300, 320)}},
	}}}
	return in
}

const page = "before\n<!-- results -->\nold\n<!-- end of results -->\nbetween\n<!-- plugins -->\nas it was\n<!-- end of plugins -->\nbehind\n"

func TestUpdate(t *testing.T) {
	t.Parallel()
	in := input()
	got, err := Update([]byte(page), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"before\n<!-- results -->\n\nhere  \ntoday  \nyardstick: 82 ns here, 41 ns on the reference machine, a factor of 0.50  \n",
		"\n9 of 14 are met.", // 25 ns are too much for what is not there, and 2.5 more than before
		"| nothing loaded: the look at it | 2 ns, no allocation | 25 | 50 | 65 | 0 | **missed** |\n",
		"| nothing loaded: CONNECT, likewise | 2 ns, no allocation | 2.5 | 5 ± 0 | 10 | 0 | **missed** |\n",
		"| publish in Lua, 8 subjects in turn | 350 ns, 3 allocations | 25 |",
		"| rewrite in Lua | 25 | 50 | 60 | 2 |\n",
		"| a load | plain | 105 (100–110) | – | 2.50M | 2 |",
		"| a load | hooked | 310 (300–320) | 205 (200–210) | 2.50M | 2 |",
		"\n\n<!-- end of results -->\nbetween\n<!-- plugins -->\nas it was\n<!-- end of plugins -->\nbehind\n",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "old") {
		t.Error("the old results are there")
	}
	if strings.Contains(string(got), "noise is too large") {
		t.Error("there is no noise")
	}
	again, err := Update(got, in)
	if err != nil || string(again) != string(got) {
		t.Errorf("made again it is another: %v\n%s", err, again)
	}
}

// withPlugins adds the benchmarks of plugins, on a machine where a yardstick takes
// twice as long as on the reference.
func withPlugins(in *Input) {
	for name, values := range map[string]map[string][]float64{
		"Yardstick":      {callRate: {9000}, halfTook: {2 * pluginReference, 2 * pluginReference, 900}},
		"Do/callers=8":   {callRate: {30_000}, halfTook: {201, 300}},
		"Do/callers=64":  {callRate: {100_000, 30_000, 100_000}, mostTook: {80.25}, "allocs/op": {3}},
		"Inspect":        {callRate: {74_000, 8}},
		"Start":          {"ns/op": {1}},
		"Table/callers8": {callRate: {250_000, 270_000, 1}},
	} {
		in.Now["plugins."+name] = &Bench{Values: values}
	}
}

func TestPlugins(t *testing.T) {
	t.Parallel()
	in := input()
	withPlugins(in)
	got, err := Update([]byte(page), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"<!-- plugins -->\n\nyardstick: 92 µs here, 46 µs on the reference machine, a factor of 0.50\n\n",
		" µs | at most 100 | 100 | 201 | **missed** |\n", // it is 100.5
		" | at least 200.0k | 200.0k | 100.0k | met |\n",
		" | at least 150.0k | 148.0k | 74.0k | **missed** |\n",
		"| Do/callers=64 | 100.0k | – | – | 80 | 3 |\n| Do/callers=8 |",
		"| Table/callers8 | 250.0k | – | – | – | – |\n| Yardstick | 9000 | – | 92 | – | – |\n\n<!-- end of plugins -->\nbehind",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "as it was") || strings.Contains(string(got), "Start") {
		t.Errorf("got\n%s", got)
	}
}

// TestNoise: what differs by more than its target, but no more than by chance, is
// not counted as met.
func TestNoise(t *testing.T) {
	t.Parallel()
	in := input()
	in.Now[conn+"Connect"].Least, in.Before[conn+"Connect"].Least = []float64{50, 80}, []float64{45, 45}
	got, err := Update([]byte(page), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n9 of 14 are met. Of 1 more the noise is too large to tell. Nanoseconds", "| 2.5 | 5 ± 7.5 | 10 | 0 | met within noise |\n"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestUpdateErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, page, want string
		change           func(*Input)
	}{
		{"no page", "", "no part between <!-- results -->", func(*Input) {}},
		{"no end", "<!-- results -->", "no part between", func(*Input) {}},
		{"no place for plugins", "<!-- results --><!-- end of results -->", "<!-- plugins -->", withPlugins},
		{"no yardstick of plugins", page, pluginYardstick, func(in *Input) { withPlugins(in); delete(in.Now, pluginYardstick) }},
		{"no benchmark of plugins", page, "plugins.Inspect", func(in *Input) { withPlugins(in); delete(in.Now, "plugins.Inspect") }},
		{"no yardstick", page, yardstick, func(in *Input) { delete(in.Now, yardstick) }},
		{"no benchmark", page, "hooks/lua.Subject", func(in *Input) { delete(in.Now, "hooks/lua.Subject") }},
		{"no benchmark without a target", page, "hooks/lua.Rewrite", func(in *Input) { delete(in.Now, "hooks/lua.Rewrite") }},
		{"nothing before", page, conn + "Connect to compare", func(in *Input) { delete(in.Before, conn+"Connect") }},
	} {
		in := input()
		tt.change(in)
		if _, err := Update([]byte(tt.page), in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}
