//go:build race

package builtin

// race: pools forget on purpose, so that allocations cannot be counted.
const race = true
