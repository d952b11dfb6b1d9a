// Package hooks is the contract between the broker and the policies that its
// operators load: scripts and plugins that decide who connects, what they may
// publish and subscribe, where a subject goes and what a message may contain.
//
// An account holds a pointer to a [Table]. It is nil as long as nothing is
// loaded, and that one comparison for each batch of messages is all that the
// delivery path pays for hooks that are not there. A table is immutable:
// loading and reloading swaps the pointer.
//
// A message crosses the points in this order; at each, [Table.Do] asks a whole
// batch of one connection:
//
//	mapping → AtRewrite → permissions of the final subject → AtPublish → AtInspect → delivery
//
// One rule for all chains. Hooks run in the order of configuration. A [Deny] or
// [Drop] wins and ends the chain; [Allow] and [Pass] go on; what [Replace] puts in
// is what the next hook sees, and decides which hooks come next. At [AtConnect]
// one hook must allow, once any is loaded; their identities merge, and their
// permissions intersect. The answer of a hook that fails is that of its
// [OnError], which lets nothing through unless somebody wrote so.
//
// The parts, from the outside to the inside:
//
//	manager.go           loads, replaces and takes back hooks: Manager, Spec
//	compile.go, table.go hooks of the configuration → one Table for each account
//	chain.go             one batch through the hooks of a point
//	scope.go             which hooks a subject concerns, remembered by a Session
//	cache.go, fields.go  answers that are kept, and by what
//	failure.go           on_error, kinds of failures, what an answer may be
//	breaker.go           hooks that fail too often are left alone
//	shadow.go, event.go  what happens off the connections' way, by queue.go
//	stats.go, observer.go what is counted, and what may be logged
//	identity.go          what connect hooks say of a client, merged
//	engine.go            what runs a hook implements: Engine
//	control.go           what a hook can do to connections: Control
//
// Concurrency. A [Session] belongs to the read loop of one connection. All else
// may be used by everybody. No lock is held while an engine or a function of
// the server is called, but for the manager's turn, which orders reloads. Queues
// have a goroutine while there is work; [Manager.Close] and [Set.Close] wait for
// all of them.
//
// The package imports the standard library and server/subject only: the
// server knows hooks, hooks do not know the server. It logs nothing; what may be
// worth a line is told to an [Observer].
package hooks
