//go:build !race

package builtin

const race = false
