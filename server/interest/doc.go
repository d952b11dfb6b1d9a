// Package interest knows who wants which subjects: the subscription index of
// one account.
//
// An [Index] keeps literal subscriptions in a hash map and wildcard ones in a
// trie. [Index.Lookup] answers with an [Entry]: the immutable list of members
// that a subject's messages go to, with the bytes that stand before each
// message ready made. Entries of subjects in use lie in a lock-free table; a
// publisher that finds a valid one takes no lock.
//
// Validity. Each entry remembers two counters as they were before its match:
// that of its bucket and that of the shard of its first token. When only the
// shard's has moved, a finer sum may show that nothing in it concerns the entry,
// which is then renewed: see stamp.go. A literal
// SUB or UNSUB raises the counter of one bucket, one with a wildcard that of
// its first token's shard, and one that begins with a wildcard those of all
// shards. Counters are read before the match and raised after the change, both
// under the index lock: a result that may be stale can never look valid.
//
// Between indexes. A subscription may stand in another index too, by a shadow
// that [Sub.Shadow] makes, often under another name: entries there have the
// subscription itself as the member, with a prefix that holds its own name for
// the subject. So it costs a message nothing. Messages go the other way by a
// [Relay]: a target that publishes what it gets into another index, as part of
// the same batch. What came by a relay does not go to shadows.
//
// The package knows targets, not sockets: a [Target] is whatever takes staged
// messages, and what is done with them is its [Sink]'s affair.
//
// Lock order: Index.mu is taken with no lock of a connection held, and nothing
// is called out of under it but the argument of [Index.Change] and [Index.All].
//
//	ix := interest.New()
//	ix.Insert(&interest.Sub{Subject: "foo.*", Sid: "1", Target: t})
//	var cold interest.Entry
//	for _, m := range ix.Lookup([]byte("foo.bar"), &cold).Each {
//		…
//	}
package interest
