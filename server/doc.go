// Package server is a message broker that speaks the NATS protocol, to run in
// a process of its own or to embed.
//
// A [Server] is made with [New], started with [Server.Start] and stopped with
// [Server.Shutdown]. It wires the rooms below: listeners yield connections
// (server/listen), connections run commands (server/conn) that package
// server/wire cuts out of the stream, publishes go through the interest index
// of an account (server/interest, server/account) to their receivers
// (server/delivery); server/auth says who is who, or in operator mode
// server/operator; server/monitor shows it all.
//
// Lock order: Server.mu or Dormitory.mu before Client.mu; an index lock is taken with neither
// held. No lock is held over I/O or a call out.
package server
