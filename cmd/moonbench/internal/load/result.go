//go:build linux

package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what a run has measured.
type Result struct {
	Version   string        // the server's, as it says in INFO
	Units     int64         // deliveries, requests … in the window; see scenario.Unit
	Window    time.Duration // length of the measured window
	CPU       time.Duration // server CPU time within it
	LoaderCPU time.Duration // CPU time of moonbench within it
	RSS       int64         // bytes resident in the server at the end of the window
	BaseRSS   int64         // the same before the scenario's connections were made
	Held      int           // idle connections or subscriptions, in an Idle scenario
	Cut       int           // how often the server cut a subscriber that does not read, or slowly

	// Stall is the longest time in the window in which nothing arrived. In a
	// run at full speed a long one says that something other than the server's
	// CPU was the limit: a retransmission in the kernel, a paused machine.
	Stall time.Duration

	// Latency is nil unless the scenario has latencies, in ns. Paced messages
	// count from the time at which they were due, not from that at which they
	// were sent: what a stalled server delays is not omitted.
	Latency *hdrhistogram.Histogram

	// Late is how long after it was due each write of a paced publisher began,
	// in ns, by its oldest message; nil in other runs. It is within Latency
	// and is what the loader adds to it: late wake-ups, and what a loop does
	// before it comes to the write. It need not be the same for two servers:
	// where CPUs are few, one that uses more of them makes the loader later,
	// and one that takes nothing until the window is full does so everywhere.
	Late *hdrhistogram.Histogram
}

// CostNs is the server's CPU time for one unit in ns; 0 without units.
func (r *Result) CostNs() float64 {
	if r.Units == 0 {
		return 0
	}
	return float64(r.CPU.Nanoseconds()) / float64(r.Units)
}

// PerSecond is units in a second of the window.
func (r *Result) PerSecond() float64 {
	if r.Window == 0 {
		return 0
	}
	return float64(r.Units) / r.Window.Seconds()
}

// BytesEach is the memory that each idle connection or subscription has added;
// 0 if none was held.
func (r *Result) BytesEach() float64 {
	if r.Held == 0 {
		return 0
	}
	return float64(r.RSS-r.BaseRSS) / float64(r.Held)
}
