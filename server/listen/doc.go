// Package listen yields connections: from TCP and Unix domain sockets, with TLS
// or without, from WebSocket clients, and from inside the process.
//
// [Accept] runs the accept loop of a listener and survives what passes: a
// process that is out of descriptors for a moment waits and tries again. It
// does not know what is done with a connection.
//
//	l, err := listen.TCP("0.0.0.0", 4222)
//	go listen.Accept(l, log, func(nc net.Conn) { go serve(nc) })
//
// [Certs] keeps certificates up to date with their files, and [Handshake] is
// how TLS begins on a connection, in its own goroutine:
//
//	certs, err := listen.NewCerts(o.TLS, log)
//	h := listen.NewHandshake(o.TLS, certs, o.AllowNonTLS)
//
// [WebSocket] is a listener of its own, as its clients begin with HTTP. What it
// yields is read and written as any connection is; the framing is ours, since a
// deadline of ours ends a wait, and must not end the connection before what is
// queued for it has left.
package listen
