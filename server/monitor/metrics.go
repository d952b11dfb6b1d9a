package monitor

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"moonwire/hooks"
)

// collector shows a Monitor to Prometheus.
type collector struct{ m *Monitor }

// newRegistry returns what /metrics shows.
func newRegistry(m *Monitor) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{m}, collectors.NewGoCollector())
	return r
}

// desc describes a metric.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// The metrics of the server.
var (
	infoDesc          = desc("moonwire_info", "The server: 1.", "server_id", "server_name", "version", "nats_version")
	startDesc         = desc("moonwire_start_time_seconds", "When the server started, in seconds since 1970.")
	configDesc        = desc("moonwire_config_load_time_seconds", "When its configuration was loaded, in seconds since 1970.")
	memDesc           = desc("moonwire_memory_bytes", "Resident memory of the process.")
	cpuDesc           = desc("moonwire_cpu_ratio", "Processor time of the process by time, lately: 1 is one core.")
	connectionsDesc   = desc("moonwire_connections", "Clients that are connected.")
	everDesc          = desc("moonwire_connections_total", "Clients that were ever connected.")
	subscriptionsDesc = desc("moonwire_subscriptions", "Subscriptions that there are.")
	messagesDesc      = desc("moonwire_messages_total", "Messages from clients (in) and to them (out).", "direction")
	bytesDesc         = desc("moonwire_message_bytes_total", "Bytes of messages from clients (in) and to them (out).", "direction")
	slowDesc          = desc("moonwire_slow_consumers_total", "Clients that were closed as they did not read fast enough.")
	staleDesc         = desc("moonwire_stale_connections_total", "Clients that were closed as they did not answer.")
	requestsDesc      = desc("moonwire_monitoring_requests_total", "Requests for monitoring.", "path")
)

// The metrics of hooks.
var (
	hookInfoDesc          = desc("hook_info", "A hook, with what its author calls the version, and the sum of its code: 1.", "hook", "version", "sha256")
	hookCallsDesc         = desc("hook_calls_total", "Calls that a hook decided, also by on_error.", "hook", "point", "verdict")
	hookErrorsDesc        = desc("hook_errors_total", "Calls that a hook had no answer for.", "hook", "point", "kind")
	hookLateDesc          = desc("hook_late_total", "Batches that were answered after the timeout.", "hook", "point")
	hookDurationDesc      = desc("hook_duration_seconds", "Time for one batch of calls; only some of those below 10 us are timed.", "hook", "point")
	hookShadowDesc        = desc("hook_shadow_total", "Calls in shadow mode, by what the hook would have decided.", "hook", "point", "would")
	hookShadowDroppedDesc = desc("hook_shadow_dropped_total", "Calls in shadow mode that there was no time for.", "hook")
	hookCacheDesc         = desc("hook_cache_total", "Decisions that were cached (hit), were not (miss), or could not be (refused).", "hook", "result")
	hookRefusedDesc       = desc("hook_cache_refused_total", "Decisions that were not cached, by the field that was looked at besides those of the policy.", "hook", "field")
	hookBatchDesc         = desc("hook_batch_size", "Calls that a hook got at one time.", "hook")
	hookInFlightDesc      = desc("hook_inflight", "Calls that a hook has now.", "hook")
	hookBreakerDesc       = desc("hook_breaker_state", "Whether a hook is asked: 0 it is, 1 it is left alone, 2 it is asked once.", "hook")
	hookRestartsDesc      = desc("hook_plugin_restarts_total", "How often a plugin was started again.", "hook")
	hookUpDesc            = desc("hook_plugin_up", "Whether the process of a plugin is there.", "hook")
	hookReloadDesc        = desc("hook_reload_total", "Engines of a hook that were loaded, rejected or rolled back.", "hook", "result")
	hookInstructionsDesc  = desc("hook_lua_instructions", "Instructions of a script for one call.", "hook")
	hookEventsDesc        = desc("hook_events_total", "Events that a hook was told of.", "hook")
	hookEventsDroppedDesc = desc("hook_events_dropped_total", "Events that there was no time for.", "hook")
)

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		infoDesc, startDesc, configDesc, memDesc, cpuDesc, connectionsDesc, everDesc, subscriptionsDesc, messagesDesc, bytesDesc,
		slowDesc, staleDesc, requestsDesc,
		hookInfoDesc, hookCallsDesc, hookErrorsDesc, hookLateDesc, hookDurationDesc, hookShadowDesc, hookShadowDroppedDesc,
		hookCacheDesc, hookRefusedDesc, hookBatchDesc, hookInFlightDesc, hookBreakerDesc, hookRestartsDesc, hookUpDesc,
		hookReloadDesc, hookInstructionsDesc, hookEventsDesc, hookEventsDroppedDesc,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	s := sink(to)
	v := c.m.Varz()
	s.gauge(infoDesc, 1, v.ID, v.Name, v.Moonwire, v.Version)
	s.gauge(startDesc, seconds(v.Start))
	s.gauge(configDesc, seconds(v.ConfigLoadTime))
	s.gauge(memDesc, float64(v.Mem))
	s.gauge(cpuDesc, v.CPU/100)
	s.gauge(connectionsDesc, float64(v.Connections))
	s.count(everDesc, v.TotalConnections)
	s.gauge(subscriptionsDesc, float64(v.Subscriptions))
	s.count(messagesDesc, uint64(v.InMsgs), "in")
	s.count(messagesDesc, uint64(v.OutMsgs), "out")
	s.count(bytesDesc, uint64(v.InBytes), "in")
	s.count(bytesDesc, uint64(v.OutBytes), "out")
	s.count(slowDesc, uint64(v.SlowConsumers))
	s.count(staleDesc, uint64(v.StaleConnections))
	for path, n := range v.HTTPReqStats {
		s.count(requestsDesc, n, path)
	}
	for _, i := range c.m.source.Hooks() {
		s.hook(&i)
	}
}

// sink takes metrics.
type sink chan<- prometheus.Metric

func (s sink) hook(i *HookInfo) {
	s.gauge(hookInfoDesc, 1, i.Name, i.Version, i.SHA256)
	for p := range i.Points {
		if at := &i.Points[p]; !quiet(at) {
			s.point(i, hooks.Point(p).String(), at)
		}
	}
	var refused uint64
	for field, n := range i.CacheRefused {
		s.count(hookRefusedDesc, n, i.Name, field)
		refused += n
	}
	s.count(hookCacheDesc, i.CacheHits, i.Name, "hit")
	s.count(hookCacheDesc, i.CacheMisses, i.Name, "miss")
	s.count(hookCacheDesc, refused, i.Name, "refused")
	s.histogram(hookBatchDesc, &i.BatchSize, 1, 1, i.Name)
	s.gauge(hookInFlightDesc, float64(i.InFlight), i.Name)
	s.gauge(hookBreakerDesc, float64(i.Breaker), i.Name)
	s.count(hookEventsDesc, i.Events, i.Name)
	s.count(hookEventsDroppedDesc, i.EventsDropped, i.Name)
	s.count(hookShadowDroppedDesc, i.ShadowDropped, i.Name)
	for r, n := range i.Reloads {
		s.count(hookReloadDesc, n, i.Name, hooks.ReloadResult(r).String())
	}
	if i.Instructions != nil {
		s.histogram(hookInstructionsDesc, i.Instructions, 1, 1, i.Name)
	}
	if p := i.Plugin; p != nil {
		up := 0.0
		if p.Up {
			up = 1
		}
		s.gauge(hookUpDesc, up, i.Name)
		s.count(hookRestartsDesc, p.Restarts, i.Name)
	}
}

func (s sink) point(i *HookInfo, point string, at *hooks.PointStats) {
	for v, n := range at.Calls {
		s.count(hookCallsDesc, n, i.Name, point, hooks.Verdict(v).String())
	}
	for k, n := range at.Errors {
		s.count(hookErrorsDesc, n, i.Name, point, hooks.Kind(k).String())
	}
	s.count(hookLateDesc, at.Late, i.Name, point)
	if i.Mode == hooks.Shadow {
		for v, n := range at.Shadow {
			s.count(hookShadowDesc, n, i.Name, point, hooks.Verdict(v).String())
		}
	}
	s.histogram(hookDurationDesc, &at.Duration, float64(time.Second/time.Microsecond), float64(time.Second), i.Name, point)
}

func (s sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, valid(labels)...)
}

func (s sink) count(d *prometheus.Desc, n uint64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), valid(labels)...)
}

// histogram passes h on with its bounds, and its sum, divided.
func (s sink) histogram(d *prometheus.Desc, h *hooks.Histogram, bounds, sum float64, labels ...string) {
	buckets := make(map[float64]uint64, len(hooks.HistogramBounds))
	var below uint64
	for i, b := range hooks.HistogramBounds {
		below += h.Counts[i]
		buckets[float64(b)/bounds] = below
	}
	s <- prometheus.MustNewConstHistogram(d, h.Count, float64(h.Sum)/sum, buckets, valid(labels)...)
}

// valid replaces what is no UTF-8 in the values of labels: a version may be
// anything.
func valid(labels []string) []string {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "\uFFFD")
	}
	return labels
}

// seconds is a time as Prometheus has it; 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}

// serveMetrics answers in the text format of Prometheus, whatever is asked for.
func (m *Monitor) serveMetrics(w http.ResponseWriter, q *query) {
	if q.refused(w) {
		return
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	var text bytes.Buffer
	families, err := m.registry.Gather()
	enc := expfmt.NewEncoder(&text, format)
	for _, f := range families {
		if err == nil {
			err = enc.Encode(f)
		}
	}
	if err != nil {
		http.Error(w, "collecting metrics: "+err.Error(), http.StatusInternalServerError)
		return
	}
	write(w, http.StatusOK, string(format), text.Bytes())
}
