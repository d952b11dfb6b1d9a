// Package reuse keeps objects that are expensive to make for those who need
// one for a moment: read buffers, parsers, delivery contexts.
//
// A [List] is a sync.Pool with a floor. A pool forgets what it holds at every
// second garbage collection; where small garbage makes collections frequent,
// as connections that come and go do, large buffers would be made anew all the
// time, which brings the next collection. A few of them are therefore held for
// good.
package reuse
