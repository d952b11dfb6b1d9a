// Package hookbench measures what short pieces of code cost on a machine that
// does other things too. It is for benchmarks:
//
//	func BenchmarkPublish(b *testing.B) {
//		hookbench.Run(b, 1, func() { table.Do(ctx, session, hooks.AtPublish, calls) })
//	}
//
// What a benchmark tells by itself is the time that passes. While others have
// the processor that is several times too much, and never twice the same. So Run
// reads the CPU time of the process, garbage collection included, and does so
// for many short slices of the loop: the cheapest slices are those in which nobody
// was in the way, by the clock on the wall too, and the middle one tells how far
// off the others are.
//
// Slices are short, so that most have no garbage collection: what allocates costs
// a little more in the long run than its cheapest slices tell.
package hookbench
