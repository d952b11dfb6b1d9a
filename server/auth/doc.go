// Package auth decides who may connect, by the users of a configuration.
//
// An [Authenticator] compares what a connection presents (a [Request]: its
// CONNECT, the nonce it was given, its certificate) with the users it knows and
// answers with an [Identity]: name, account, permissions, limits. Everything
// that can be worked out beforehand is: permissions are compiled once, and an
// identity is made once and shared. It reads no socket and logs nothing.
//
// What is asked for, in this order (protocol.md §1.4):
//
//	nkey          users with an nkey exist, and CONNECT names one: it signs the nonce
//	certificate   tls.verify_and_map: the user is the first name in it that is known
//	no_auth_user  CONNECT names neither user nor password nor token
//	user          by name, with a password in clear text or as a bcrypt hash
//	token, or a single user with a password
//
// WebSocket may ask for something else than the client listener does. JWTs are
// not known here: see package operator.
//
// Secrets. Errors are for the log; they say who failed and why, and hold no
// password, token or signature, neither configured nor presented. Secrets are
// compared in a time that does not depend on their content. An unknown name
// costs what a known one does: its password is compared with that of some user,
// always the same for one name, and the result is dropped.
//
// Bcrypt is slow: a hash of cost 11 takes a core for about a tenth of a second.
// An Authenticator compares hashes on half of the cores (GOMAXPROCS) at one
// time, at least on one, so that a storm of logins leaves cores for traffic.
// Further ones wait in [Authenticator.Authenticate], and may exceed the auth
// timeout: many clients that connect at once are better served by nkeys.
//
//	a, err := auth.New(&config.Options{Users: []config.User{{Username: "u", Password: "p"}}})
//	…
//	id, err := a.Authenticate(&auth.Request{Connect: &connect, Type: auth.Standard})
package auth
