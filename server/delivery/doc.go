// Package delivery carries published messages from a publisher's batch to the
// targets that the interest index names.
//
// A [Context] belongs to one publisher while it works through what it read,
// and goes back to a pool when the publisher's socket is drained: there are
// about as many as processors, not one for each connection. It has a slot for
// each target of the batch. Publish copies a message's tail behind the ready
// prefix of each receiver into the receiver's slot; Flush submits each slot
// once. So a receiver is locked once for a batch and not once for a message.
//
// Messages on one subject to three receivers or more form a run, which is
// encoded once for each distinct prefix and handed on target by target.
//
// Order: the frames of one publisher for one target are in publish order. The
// publisher's own output, which the connection writes into the slot Own, is
// submitted last: when its PONG is on the way, so is all that it published.
//
// A member that is an [interest.Relay] gets a message while it is published, and
// publishes it into another index by Into: the frames lie beside the others of
// the batch, and whether anybody took the message is known at once.
//
// Nothing here knows sockets: a target's [interest.Sink] takes the frames. A
// frame for a member of a queue group that is refused, because the member is
// closed or gone by then, is given to another member.
//
// Tails alias the caller's read buffer: EndRun is called before it is reused.
// A Context is not safe for concurrent use.
//
//	c := pool.Get(own, index)
//	c.Publish(&parser.Pub)
//	c.Flush()
//	pool.Put(c)
package delivery
