// Package hooks is the contract between the broker and the policies that its
// operators load: scripts and plugins that decide who connects, what they may
// publish and subscribe, where a subject goes and what a message may contain.
//
// An account holds a pointer to a [Table]. It is nil as long as nothing is
// loaded, and that one comparison for each batch of messages is all that the
// delivery path pays for hooks that are not there. A table is immutable:
// loading and reloading swaps the pointer.
//
// The package imports the standard library and server/subject only: the
// server knows hooks, hooks do not know the server.
package hooks

// Table is all that is loaded for one account. It is immutable.
type Table struct{}
