package server

import (
	"context"
	"time"

	"go.uber.org/zap"

	"moonwire/hooks"
	"moonwire/server/config"
)

// The kinds of engines that options name.
const (
	EngineLua     = "lua"     // runs Hook.Lua
	EnginePlugin  = "plugin"  // runs Hook.Plugin
	EngineBuiltin = "builtin" // runs Hook.Builtin
)

// EngineOptions say which engine is to be opened. What they lead to is read
// only.
type EngineOptions struct {
	Name string      // of the hook
	Hook config.Hook // paths in it are seen from the working directory
	// Hooks is what all hooks have in common; Load is left out.
	Hooks config.Hooks
	// Timeout is how long the hook may take at each point; zero is the default.
	Timeout hooks.PerPoint[time.Duration]
	Log     *zap.Logger   // names the hook in each line
	Control hooks.Control // nil if there are no connections to act on
	// ServerName is the name of the server.
	ServerName string
	// Flush forgets the answers of the hook that are kept.
	Flush func()
	// NoteReads has functions tell by hooks.Call.Saw what they look at, where an
	// engine does so for those with a cache only: a tool wants to know.
	NoteReads bool
	// Old is the engine that the new one is to replace, for state to be handed
	// over; nil if there is none.
	Old hooks.Engine
}

// Opener opens the engine of a hook, and has it ready to be asked. An error names
// file and line where it can. It returns soon after ctx ends.
//
// An engine may have more methods than [hooks.Engine]: those of
// [hooks.Versioned], and
//
//	Files() []string               what it has read, besides Hook.Lua or Hook.Plugin: it is opened anew when they change
//	Instructions() hooks.Histogram what calls took of Limits.Instructions
//	Up() bool                      whether the process of the plugin is there
//	Restarts() uint64              how often it was started again
//
// All of these may be called at any time, also after Close.
type Opener func(ctx context.Context, o EngineOptions) (hooks.Engine, error)

// Tester runs the tests that belong to a hook, and returns what fails; nil if
// there are none.
type Tester func(ctx context.Context, o EngineOptions) error

// WithEngine has hooks of a kind opened by open. A server refuses hooks of other
// kinds.
func WithEngine(kind string, open Opener) Option {
	return func(s *Server) { s.loader.openers[kind] = open }
}

// WithTests has the tests of hooks of a kind run by test before they go to work,
// where hooks.reload.require_tests asks for it.
func WithTests(kind string, test Tester) Option {
	return func(s *Server) { s.loader.testers[kind] = test }
}
