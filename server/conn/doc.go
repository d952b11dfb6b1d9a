// Package conn serves client connections: it reads and runs their commands,
// and writes what is delivered to them.
//
// A [Client] has one goroutine, its read loop, started by whoever accepted the
// socket (see [Client.Serve]); while it sleeps in the [Dormitory] it has none.
// The loop waits for input without a buffer, takes one from a pool when there is
// some, runs all commands in it, and lets go what they delivered when the socket
// is drained. There is no writer goroutine: whoever submits output to a client
// that nobody is writing to makes one non-blocking write itself. What the socket
// does not take is queued, and a drainer goroutine exists for as long as there
// is a backlog.
//
// Files: client.go the type and its life, entrance.go how connections come in,
// secure.go the beginning of TLS, read.go, raw_unix.go and tls_unix.go input,
// syscall_*.go the calls that they make, dormitory.go where a silent connection
// goes, to live on without a goroutine, poll_*.go what wakes it there,
// command.go what the commands do, publish.go messages, rights.go who may do
// what, hooked.go messages that hooks decide, unhooked.go how the others pass by
// them, ask.go what else hooks are asked and told, output.go the queue,
// timer.go pings and deadlines, reason.go why connections end.
//
// Ownership: only the read loop closes the socket, but for the beginning of TLS,
// when nothing else ends its wait. Others call [Client.Close], which marks the
// connection and wakes the loop.
//
// Locks: Client.mu is a leaf. It guards the queue, the subscription map and
// their counters; nothing is called out of under it but deadlines of the
// socket and the end of a context, and it is taken within Dormitory.mu. No lock is
// held while hooks are asked: the read loop alone waits. The right to write to the socket is
// the flag queue.writing, not a lock: no lock is held during a write that waits.
//
//	c := conn.New(env, entrance, nc, conn.Presented{}, id)
//	go c.Serve(nil)
package conn
