// Package sequence proves that nothing is lost, duplicated or out of order.
//
// Each message carries its number. An Ordered expects a fixed arithmetic
// series, as a subscriber sees that receives all of a publisher's messages, or
// every n-th one. A Unique expects each number once, at whichever of many
// receivers: a queue group.
//
// Both accept the expected number in a few nanoseconds and keep books on the
// first other one: what was skipped, what came late, what came twice. Loss can
// only be told from disorder when the stream has ended, so a verdict is
// Report's, not Accept's.
//
// An Ordered belongs to one goroutine. A Unique is shared by the receivers of
// a group; their Members belong to one goroutine each.
//
//	o := sequence.NewOrdered(0, 1)
//	if !o.Accept(seq) {
//		// something is wrong: stop publishing, read on, then
//	}
//	report := o.Report(published)
package sequence
