//go:build race

package hooks

// race: pools forget on purpose, so that allocations cannot be counted.
const race = true
