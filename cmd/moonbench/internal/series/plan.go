//go:build linux

package series

import (
	"time"

	"moonwire/cmd/moonbench/internal/profile"
	"moonwire/cmd/moonbench/internal/scenario"
)

// runOverhead is about what a run takes beside warm-up and window: to start a
// server, to connect and subscribe, and to let everything arrive.
const runOverhead = 1300 * time.Millisecond

// surveyTime is about what it takes to see whether a server can run a scenario.
const surveyTime = 300 * time.Millisecond

// Plan returns how many runs the series has, and about how long it takes. It
// counts runs of servers that will turn out to be unable.
func (c *Config) Plan() (runs int, d time.Duration) {
	for i := range c.Scenarios {
		sc := &c.Scenarios[i]
		for t := range c.Targets {
			if c.leavesOut(t, sc.Name) {
				continue
			}
			n := c.Pairs
			if sc.Beside != "" && t < comparedBeside {
				n *= 2 // without the trouble too
			}
			if sc.RatePercent > 0 {
				n++ // at full speed, to find the pace
			}
			runs += n
			d += surveyTime + time.Duration(n)*(max(c.Warmup, sc.Settle)+c.Measure+runOverhead)
			if c.Profiles != "" && sc.Kind != scenario.Idle && isProfiled(c.Targets[t]) {
				runs++
				d += c.Warmup + profile.Seconds(c.ProfileTime) + profileSlack + runOverhead
			}
		}
	}
	return runs, d
}
