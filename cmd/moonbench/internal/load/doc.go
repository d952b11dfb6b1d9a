// Package load drives one server with one scenario and measures what it costs.
//
// A Session opens all connections of a scenario, subscribes, and runs the
// load: a warm-up, a measured window, and a drain in which everything that was
// published must arrive. Each loop is one goroutine with one epoll, one read
// buffer and a share of the connections. The roles (publisher, subscriber,
// queue member, requester, responder, churner, connector) are small types that
// a scenario's data puts together; there is no code for a single scenario.
//
// Back-pressure: a publisher's stream is cut into chunks, and it may be a
// fixed number of chunks ahead of its slowest receiver. Receivers count each
// chunk that they have passed, so that the price is one atomic add for a
// chunk, not for a message. Nobody becomes a slow consumer, and the server
// always has a full window to work on.
//
// Checks: each payload begins with the message's number (8 bytes, little
// endian) and its publisher (4 bytes). Package sequence keeps the books.
// Whatever is lost, duplicated, out of order or changed fails the run.
//
// TLS is a layer between a connection and its socket (see secure): a plain
// connection pays one nil check for it.
//
// It is not a client library: no authentication, no reconnect.
//
// Ownership: a connection and its role belong to their loop. What crosses
// loops is atomic: the chunk counters of a stream, the phase, the counts that
// the session samples. There are no locks.
//
//	s, err := load.Open(ctx, load.Config{Addr: addr, Scenario: sc, Meter: meter, …})
//	defer s.Close()
//	result, err := s.Run(ctx)
package load
