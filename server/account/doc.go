// Package account holds the accounts of a server: spaces of subjects that do
// not see each other, but for what one exports and another imports.
//
// An [Account] owns one interest index, one hook table and its statistics. A
// connection is bound to one account when it authenticates, and publishes and
// subscribes only there. The package does not know users or credentials: package
// auth says which account somebody belongs to. A [Set] is all accounts of a
// server, as its options have them.
//
// A stream import gives each subscription of the importing account that overlaps
// with it a shadow in the index of the exporting one ([interest.Sub.Shadow]):
// who publishes there finds the subscriber, with the frames that are right for
// it. So subscriptions go through [Account.Subscribe] and its like, not to the
// index. An imported stream is not exported again.
//
// A service import is a subscription of the importing account whose target
// relays ([interest.Relay]): it publishes requests into the exporting account,
// with who asks in a header, and a reply subject of its own there, below
// _R_.xxxxxx, which it subscribes to once. What is published to that goes back
// the same way. A reply subject holds for one answer, or where a service has more
// for as long as they come; unused ones expire.
//
// Lock order: Account.mu, then the locks of indexes. Several indexes are locked
// in the order of their accounts. Set.mu is before all, and replies.mu is before
// the locks of indexes. None is held while messages are published.
//
//	set, err := account.NewSet(&options)
//	…
//	a := set.Get(account.Global)
//	a.Subscribe(&interest.Sub{…})
package account
