package monitor_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"moonwire/hooks"
	"moonwire/server/monitor"
)

var update = flag.Bool("update", false, "write the golden files")

// histogram returns one with values of a bucket each, by its bound.
func histogram(sum uint64, counts map[uint64]uint64) (h hooks.Histogram) {
	h.Sum = sum
	for i := range h.Counts {
		n := counts[0] // above all
		if i < len(hooks.HistogramBounds) {
			n = counts[hooks.HistogramBounds[i]]
		}
		h.Counts[i] = n
		h.Count += n
	}
	return h
}

// someHooks are hooks of each kind.
func someHooks() []monitor.HookInfo {
	auth := monitor.HookInfo{
		Kind: "lua", Path: "hooks/auth.lua", Accounts: []string{"A"}, Subjects: []string{"orders.>"}, Final: true,
		OnError: map[string]string{"publish": "skip"}, Timeout: map[string]time.Duration{"default": 60 * time.Millisecond},
	}
	auth.Name, auth.Version, auth.SHA256 = "auth", "1.2 \xff", "9f86"
	auth.CacheHits, auth.CacheMisses, auth.CacheRefused = 7, 3, map[string]uint64{"payload": 2, "other": 1}
	auth.BatchSize = histogram(45, map[uint64]uint64{1: 5, 5: 5, 20: 1})
	auth.InFlight, auth.Breaker = 2, hooks.BreakerOpen
	auth.Events, auth.EventsDropped = 4, 1
	auth.Reloads = [hooks.ReloadResults]uint64{3, 1, 0}
	connect, publish := &auth.Points[hooks.AtConnect], &auth.Points[hooks.AtPublish]
	connect.Calls[hooks.Allow], connect.Calls[hooks.Deny] = 10, 2
	connect.Errors[hooks.KindTimeout] = 1
	connect.Late = 1
	connect.Duration = histogram(uint64(30*time.Millisecond), map[uint64]uint64{100: 8, 1000: 2, 0: 1})
	publish.Calls[hooks.Pass] = 5
	n := histogram(500, map[uint64]uint64{50: 10})
	auth.Instructions = &n

	orders := monitor.HookInfo{Kind: "plugin", Path: "bin/orders", Plugin: &monitor.PluginInfo{Up: true, Restarts: 3}}
	orders.Name, orders.Mode, orders.ShadowDropped = "orders", hooks.Shadow, 6
	orders.Points[hooks.AtInspect].Shadow[hooks.Drop] = 9

	return []monitor.HookInfo{auth, orders, {Kind: "go", HookStats: hooks.HookStats{Name: "own", Mode: hooks.Off}}}
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestHookz(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := get(t, monitor.New(&fakeSource{hooks: someHooks()}, monitor.Options{}), "/hookz")
		golden(t, "hookz.json", body(t, r))
		if got := r.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("content type %q", got)
		}
	})
}

// TestHookzWithoutHooks is what most servers answer.
func TestHookzWithoutHooks(t *testing.T) {
	t.Parallel()
	var got map[string]any
	decode(t, get(t, monitor.New(&fakeSource{}, monitor.Options{}), "/hookz"), &got)
	if list, ok := got["hooks"].([]any); !ok || len(list) != 0 {
		t.Errorf("got %v, want an empty list", got["hooks"])
	}
}

// metrics returns the lines of /metrics that are ours.
func metrics(t *testing.T, s *fakeSource) string {
	t.Helper()
	m := monitor.New(s, monitor.Options{})
	get(t, m, "/varz")
	r := get(t, m, "/metrics")
	text := body(t, r)
	if r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("got %s, %q: %s", r.Status, r.Header, text)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	ours := regexp.MustCompile(`(?m)^(# HELP |# TYPE )?(hook|moonwire)_.*\n`)
	return strings.Join(ours.FindAllString(text, -1), "")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_700_000_000, 0)
	text := metrics(t, &fakeSource{hooks: someHooks(), varz: monitor.Varz{
		ID: "NID", Name: "n", Version: "2.15", Moonwire: "0.1", Start: start, Connections: 3, TotalConnections: 5,
		Subscriptions: 7, InMsgs: 11, OutMsgs: 13, InBytes: 17, OutBytes: 19, SlowConsumers: 1, StaleConnections: 2,
	}})
	text = regexp.MustCompile(`(?m)^(moonwire_(?:memory_bytes|cpu_ratio)) .*$`).ReplaceAllString(text, "$1 some")
	golden(t, "metrics.txt", text)
}

// TestMetricNames: each name of the documentation is there.
func TestMetricNames(t *testing.T) {
	t.Parallel()
	text := metrics(t, &fakeSource{hooks: someHooks()})
	for _, series := range []string{
		`hook_calls_total{hook="auth",point="connect",verdict="deny"} 2`,
		`hook_errors_total{hook="auth",kind="timeout",point="connect"} 1`,
		`hook_duration_seconds_bucket{hook="auth",point="connect",le="1e-06"} 0`,
		`hook_duration_seconds_bucket{hook="auth",point="connect",le="1"} 10`,
		`hook_duration_seconds_bucket{hook="auth",point="connect",le="+Inf"} 11`,
		`hook_duration_seconds_sum{hook="auth",point="connect"} 0.03`,
		`hook_shadow_total{hook="orders",point="inspect",would="drop"} 9`,
		`hook_cache_total{hook="auth",result="hit"} 7`,
		`hook_cache_total{hook="auth",result="miss"} 3`,
		`hook_cache_total{hook="auth",result="refused"} 3`,
		`hook_cache_refused_total{field="payload",hook="auth"} 2`,
		`hook_batch_size_sum{hook="auth"} 45`,
		`hook_inflight{hook="auth"} 2`,
		`hook_breaker_state{hook="auth"} 1`,
		`hook_plugin_restarts_total{hook="orders"} 3`,
		`hook_plugin_up{hook="orders"} 1`,
		`hook_reload_total{hook="auth",result="rejected"} 1`,
		`hook_lua_instructions_count{hook="auth"} 10`,
		`hook_events_dropped_total{hook="auth"} 1`,
		`hook_info{hook="auth",sha256="9f86",version="1.2 ` + "\uFFFD" + `"} 1`,
	} {
		if !strings.Contains(text, series+"\n") {
			t.Errorf("there is no %s in\n%s", series, text)
		}
	}
	for _, absent := range []string{`hook_plugin_up{hook="auth"}`, `hook_lua_instructions_count{hook="orders"}`, `hook_shadow_total{hook="auth"`} {
		if strings.Contains(text, absent) {
			t.Errorf("there is %s", absent)
		}
	}
}

// TestMetricsBesideEachOther: scrapes do not disturb each other.
func TestMetricsBesideEachOther(t *testing.T) {
	t.Parallel()
	m := monitor.New(&fakeSource{hooks: someHooks()}, monitor.Options{})
	done := make(chan int)
	for range 4 {
		go func() { done <- get(t, m, "/metrics").StatusCode }()
	}
	for range 4 {
		if code := <-done; code != 200 {
			t.Errorf("got %d", code)
		}
	}
}
