// Package series measures one or more servers over a list of scenarios, each
// run with a fresh process, in alternating order: A B B A A B … so that what
// changes on the machine meets all of them alike.
//
// The first server is the subject: ratios say how many times it is better than
// each of the others. The second is the yardstick that a scenario's goals are
// about. A server that cannot run a scenario is left out of it.
//
// It owns the servers' lives: whatever way a run ends, by success, failure or
// a cancelled context, the server is stopped before the next step. A run that
// fails ends the series; the rounds measured so far are returned with the
// error.
//
//	report, err := series.Run(ctx, series.Config{Targets: …, Scenarios: …, Pairs: 5})
package series
