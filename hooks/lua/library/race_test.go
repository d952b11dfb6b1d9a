//go:build race

package library

// raced: the race detector looks on, which takes ten times as long, and lets pools
// forget what they keep.
const raced = true
