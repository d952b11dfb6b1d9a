package library

import (
	"context"

	"moonwire/hooks/lua/sandbox"
)

// Caller is the call that a VM is in. The engine keeps one in VM.Ext.
type Caller interface {
	// Context ends when the call must. It is not nil, nor while the script is
	// being loaded.
	Context() context.Context
	// Loading reports whether the top level of the script is running.
	Loading() bool
	// MayWait reports whether the call is at a point where it may wait: connect
	// and event.
	MayWait() bool
	// Outside tells that the answer depends on what is not in the call: time,
	// stored values, the network, chance.
	Outside()
	// Hook returns the name of the hook.
	Hook() string
	// Log writes a line to the server's log. Fields are names and values in
	// turn; values are string, float64, bool, nil or of those []any and
	// map[string]any. The engine bounds how much a hook can write.
	Log(level Level, message string, fields []any)
}

// Level is how important a line of the log is.
type Level uint8

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// CallerOf returns the call that a function is part of.
func CallerOf(a *sandbox.Args) Caller { return a.VM().Ext.(Caller) }
