// Package permission decides what a user may publish and subscribe to.
//
// A [Set] is compiled once from the rules of a user (config.Permissions) and
// shared by all connections of that user. It never changes: a reload compiles
// another one. The nil Set allows everything. What it decides (protocol.md
// §1.10):
//
//	publish    some allow entry, if there is a list of them, matches the subject,
//	           and no deny entry does
//	subscribe  the pattern lies within one allow entry, if there is a list of
//	           them, and within no deny entry
//	deliver    no deny entry matches the subject (Filter)
//	answer     the reply subjects of what was received may be published to for a
//	           while, whatever the publish rules say (Responses, Replies)
//
// With responses and an empty publish allow list only answers may be published.
//
// Entries of the subscribe lists are "subject" or "subject queue". Both parts
// may have wildcards, and the name of a queue is matched like a subject:
//
//	request          allowed by                         refused by deny
//	SUB foo.* 1      "foo.*", "foo.>", ">"              "foo.*", "foo.>", ">"
//	SUB foo.* q 1    the same, unless entries with a    the same, and "foo.* q",
//	                 queue cover foo.*: then by one     "foo.> *" and the like
//	                 of those whose queue matches q
//
// A deny entry that is narrower than the pattern refuses nothing: what it
// matches is left out of the deliveries.
//
// One thing differs from nats-server on purpose. It takes a requested ">" for
// one ordinary token, so that "foo.*" lets a client subscribe to "foo.>" and get
// what it must not see. Here a pattern lies within an entry when the entry
// matches all that the pattern matches.
//
// [Cache] and [Replies] belong to one connection. The package starts nothing,
// reads no clock and logs nothing; the lock of Replies is a leaf.
package permission
