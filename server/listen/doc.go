// Package listen yields connections: from TCP sockets, and from inside the
// process.
//
// [Accept] runs the accept loop of a listener and survives what passes: a
// process that is out of descriptors for a moment waits and tries again. It
// does not know what is done with a connection.
//
//	l, err := listen.TCP("0.0.0.0", 4222)
//	go listen.Accept(l, log, func(nc net.Conn) { go serve(nc) })
package listen
