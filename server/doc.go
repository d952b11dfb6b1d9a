// Package server is a message broker that speaks the NATS protocol, to run in
// a process of its own or to embed.
//
// A [Server] is made with [New], started with [Server.Start] and stopped with
// [Server.Shutdown]. It wires the rooms below: listeners yield connections
// (server/listen), connections run commands (server/conn) that package
// server/wire cuts out of the stream, publishes go through the interest index
// of an account (server/interest, server/account) to their receivers
// (server/delivery); server/auth says who is who, or in operator mode
// server/operator; server/monitor shows it all. What the server itself says in the
// system account goes through its own place there, in system.go.
//
// Hooks are loaded by hookLoader: hooks.go has it, hooks_engine.go what opens
// them, hooks_spec.go how options become hooks, hooks_files.go and hooks_watch.go
// see their files change, hooks_log.go and hooks_stats.go tell of them;
// hooks_desk.go opens them for tools. What they say of connections, and do to them,
// is in hooked.go. Operator mode is in operators.go, and requests about its accounts
// in claims.go.
//
// Lock order: Server.changing before hookLoader.mu before Server.mu; Server.mu or
// Dormitory.mu before Client.mu; an index lock is taken with neither held. But for
// the first two, which order changes of the options and of hooks, no lock is held
// over I/O or a call out.
package server
