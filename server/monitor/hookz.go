package monitor

import (
	"net/http"
	"time"

	"moonwire/hooks"
)

// HookInfo is a hook as a Source shows it.
type HookInfo struct {
	hooks.HookStats
	Kind string // "lua", "plugin", "builtin", or "go" for those of an embedder
	Path string // of the script or program; "" if there is none
	// What the configuration says of it, but for its own settings, which may be
	// secret.
	Accounts, Subjects []string
	Final              bool
	OnError            map[string]string        // by point, "default" for the others
	Timeout            map[string]time.Duration // likewise

	// Instructions that calls of a script took; nil if it does not count them.
	Instructions *hooks.Histogram
	Plugin       *PluginInfo // nil if it is none
}

// PluginInfo is the process of a plugin.
type PluginInfo struct {
	Up       bool   `json:"up"`
	Restarts uint64 `json:"restarts"`
}

// Hookz is the answer of /hookz.
type Hookz struct {
	ID    string      `json:"server_id"`
	Now   time.Time   `json:"now"`
	Hooks []HookzHook `json:"hooks"` // in the order in which they are asked
}

// HookzHook is a hook in /hookz. Maps hold what is not zero.
type HookzHook struct {
	Name          string                `json:"name"`
	Kind          string                `json:"kind"`
	Path          string                `json:"path,omitempty"`
	Mode          string                `json:"mode"`
	Version       string                `json:"version,omitempty"`
	SHA256        string                `json:"sha256,omitempty"`
	Accounts      []string              `json:"accounts,omitempty"`
	Subjects      []string              `json:"subjects,omitempty"`
	Final         bool                  `json:"final,omitempty"`
	OnError       map[string]string     `json:"on_error,omitempty"`
	Timeout       map[string]string     `json:"timeout,omitempty"`
	Breaker       string                `json:"breaker"`
	InFlight      int64                 `json:"in_flight"`
	Points        map[string]HookzPoint `json:"points,omitempty"`
	Cache         HookzCache            `json:"cache"`
	Batch         *HookzSizes           `json:"batch,omitempty"`        // calls that the engine got at a time
	Instructions  *HookzSizes           `json:"instructions,omitempty"` // of a script
	Plugin        *PluginInfo           `json:"plugin,omitempty"`
	Events        uint64                `json:"events"`
	EventsDropped uint64                `json:"events_dropped"`
	ShadowDropped uint64                `json:"shadow_dropped"`
	Reloads       map[string]uint64     `json:"reloads,omitempty"` // by result
}

// HookzPoint is what a hook did at one point.
type HookzPoint struct {
	Calls    map[string]uint64 `json:"calls,omitempty"`  // by verdict
	Errors   map[string]uint64 `json:"errors,omitempty"` // by kind
	Late     uint64            `json:"late,omitempty"`   // batches
	Shadow   map[string]uint64 `json:"shadow,omitempty"` // by what the verdict would have been
	Duration *HookzDuration    `json:"duration,omitempty"`
}

// HookzCache is what became of a hook's cached decisions.
type HookzCache struct {
	Hits    uint64            `json:"hits"`
	Misses  uint64            `json:"misses"`
	Refused map[string]uint64 `json:"refused,omitempty"` // by field
}

// HookzDuration is how long calls took, in microseconds. Quantiles are estimates.
type HookzDuration struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean_us"`
	P50   float64 `json:"p50_us"`
	P90   float64 `json:"p90_us"`
	P99   float64 `json:"p99_us"`
}

// HookzSizes is how large something was. Quantiles are estimates.
type HookzSizes struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
}

// Hookz returns what is known of the hooks.
func (m *Monitor) Hookz() Hookz {
	z := Hookz{ID: m.source.ServerID(), Now: time.Now().UTC(), Hooks: []HookzHook{}}
	for _, i := range m.source.Hooks() {
		z.Hooks = append(z.Hooks, hookz(&i))
	}
	return z
}

func hookz(i *HookInfo) HookzHook {
	h := HookzHook{
		Name: i.Name, Kind: i.Kind, Path: i.Path, Mode: i.Mode.String(), Version: i.Version, SHA256: i.SHA256,
		Accounts: i.Accounts, Subjects: i.Subjects, Final: i.Final, OnError: i.OnError,
		Breaker: i.Breaker.String(), InFlight: i.InFlight, Points: make(map[string]HookzPoint),
		Cache: HookzCache{i.CacheHits, i.CacheMisses, i.CacheRefused},
		Batch: sizes(&i.BatchSize), Instructions: sizes(i.Instructions), Plugin: i.Plugin,
		Events: i.Events, EventsDropped: i.EventsDropped, ShadowDropped: i.ShadowDropped,
		Reloads: named[hooks.ReloadResult](i.Reloads[:]),
	}
	if len(i.Timeout) > 0 {
		h.Timeout = make(map[string]string)
		for p, d := range i.Timeout {
			h.Timeout[p] = d.String()
		}
	}
	for p := range i.Points {
		at := &i.Points[p]
		if quiet(at) {
			continue
		}
		h.Points[hooks.Point(p).String()] = HookzPoint{
			Calls: named[hooks.Verdict](at.Calls[:]), Errors: named[hooks.Kind](at.Errors[:]), Late: at.Late,
			Shadow: named[hooks.Verdict](at.Shadow[:]), Duration: durations(&at.Duration),
		}
	}
	return h
}

// quiet reports whether a hook has done nothing at a point.
func quiet(at *hooks.PointStats) bool { return *at == hooks.PointStats{} }

// name is a small number that has one.
type name interface {
	~uint8
	String() string
}

// named returns those of counts that are not zero, by their names.
func named[T name](counts []uint64) map[string]uint64 {
	m := make(map[string]uint64)
	for i, n := range counts {
		if n > 0 {
			m[T(i).String()] = n
		}
	}
	return m
}

func durations(h *hooks.Histogram) *HookzDuration {
	if h.Count == 0 {
		return nil
	}
	mean := float64(h.Sum) / float64(h.Count) / float64(time.Microsecond)
	return &HookzDuration{h.Count, mean, quantile(h, 0.5), quantile(h, 0.9), quantile(h, 0.99)}
}

func sizes(h *hooks.Histogram) *HookzSizes {
	if h == nil || h.Count == 0 {
		return nil
	}
	return &HookzSizes{h.Count, float64(h.Sum) / float64(h.Count), quantile(h, 0.5), quantile(h, 0.99)}
}

// quantile estimates below which value a part of all lies, as if those of a
// bucket were evenly spread. What is above the last bound counts as that bound.
func quantile(h *hooks.Histogram, part float64) float64 {
	rank, below, low := part*float64(h.Count), 0.0, 0.0
	for i, bound := range hooks.HistogramBounds {
		n := float64(h.Counts[i])
		if n > 0 && below+n >= rank {
			return low + (float64(bound)-low)*(rank-below)/n
		}
		below, low = below+n, float64(bound)
	}
	return low
}

func (m *Monitor) serveHookz(w http.ResponseWriter, q *query) {
	callback := q.callback()
	if q.refused(w) {
		return
	}
	respondIndented(w, callback, m.Hookz())
}
