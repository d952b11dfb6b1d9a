// Package scenario is the table of what moonbench measures. A Scenario is data:
// who connects, who subscribes to what, what is published at which pace, and
// what the cost is divided by. It holds no code that runs a load; package load
// does that for all of them.
//
// Table returns the scenarios in the order in which they are shown, Select
// picks by name, by group or by pattern:
//
//	chosen, err := scenario.Select([]string{"1to1-16", "fanout", "growth-*"})
package scenario
