// Package auth decides who may connect.
//
// An [Authenticator] compares the credentials of a CONNECT with those of the
// configuration and answers with an [Identity]. It reads no socket and logs
// nothing; it never hands out a secret. Comparisons take the same time for
// wrong credentials as for right ones.
//
//	a := auth.New(auth.Credentials{User: "u", Password: "p"})
//	id, ok := a.Authenticate(&connect)
package auth
