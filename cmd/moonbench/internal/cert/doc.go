// Package cert makes the certificates that servers under test get for loads
// over TLS: self-signed, for this machine's loopback addresses, good for a day.
//
// It is not a certificate authority: each Pair stands for itself, and a client
// trusts that one and no other.
//
//	p, err := cert.New()
//	certFile, keyFile, err := p.Write(dir) // for the server
//	cfg := p.Trust()                         // for its clients
package cert
