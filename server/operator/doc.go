// Package operator decides who a connection is in operator mode, where users
// present a JWT that their account signed, and accounts have one that an
// operator signed.
//
// An [Authenticator] trusts the keys of the operators of the configuration and
// nothing else. What it knows of accounts comes from a resolver: from memory
// (the preload), from a URL, or from a directory of <key>.jwt files, flat or in
// folders named for the last two characters of the key, as nats-server and
// nats-account-server lay them out. A directory of type "full" is watched, and
// read again every interval; one of type "cache" forgets what nobody used for its
// time to live, if it has one. Update, Delete, List, Claims and Pack are the
// requests by which those who keep accounts, and other servers, push them, delete
// them and ask for them; how they come is the business of others. So is OnMiss,
// which asks for an account that a directory does not have.
//
// What it takes for a user to be let in: its JWT is signed by the account or by
// one of its signing keys; the JWT of the account is signed by a trusted key;
// neither is expired, not yet valid or revoked; the nonce is signed with the
// user's key, unless the JWT is a bearer token and the account allows these; and
// the way, the address and the time of the connection are allowed. A scoped
// signing key brings the permissions and limits, with its templates filled in.
// The limit Data of JWTs has no effect, nor has it in nats-server. A user that
// is to come through a proxy, or whose account leaves the decision to an outside
// service, is refused.
//
// Accounts are compiled once, users are kept by the hash of their JWT: who comes
// back costs a look-up and the signature of the nonce. A change of the account
// is seen at the next use. Who is connected already is judged again by Recheck,
// after OnUpdate has said that there is a reason.
//
// An Authenticator has one goroutine that calls the functions of OnUpdate, one
// at a time, one for each look-up under way, and one for a directory; Close ends
// them and waits. Its mutex is a leaf: no resolver, no log and no function of
// OnUpdate is called under it.
//
// Errors and logs name public keys, files and subjects, never a JWT or a seed.
//
//	a, err := operator.New(&options, logger)
//	a.OnUpdate(func(account string) { … a.Recheck(id) … })
//	id, err := a.Authenticate(&request)
//	exporters, err := a.Look(ctx, id.Account)
//	account, err := a.Account(id.Account)
package operator
