// Package account holds the accounts of a server: spaces of subjects that do
// not see each other.
//
// An [Account] owns one interest index, one hook table and its statistics. A
// connection is bound to one account when it authenticates, and publishes and
// subscribes only there. It does not know users or credentials: package auth
// says which account somebody belongs to.
//
//	a := account.New(account.Global)
//	a.Index.Insert(&interest.Sub{…})
package account
