package hooks

import (
	"fmt"
	"slices"
	"sync/atomic"
)

// Client is the connection that a call or an event is about. Its fields are
// immutable: a connection whose identity changes gets a new Client, with the
// same ID. It is shared by all calls of the connection and outlives them.
type Client struct {
	ID      uint64 // of the connection, unique for the life of the server
	User    string // empty before it is admitted
	Account string // name; empty before it is admitted
	Name    string // what the client calls itself
	Host    string // address of the peer, without the port
	Kind    string // way it came: STANDARD, WEBSOCKET, IN_PROCESS
	Lang    string // of its library
	Version string // of its library
	Tags    map[string]string

	ext atomic.Pointer[[]extension]
}

// extension is a form of the client that an engine keeps with it.
type extension struct{ key, value any }

// Extension returns what was kept under key, or nil. It takes no lock.
func (c *Client) Extension(key any) any {
	if list := c.ext.Load(); list != nil {
		for i := range *list {
			if (*list)[i].key == key {
				return (*list)[i].value
			}
		}
	}
	return nil
}

// Extend keeps value under key for as long as the client lives, in place of what
// was there; nil keeps nothing. An engine takes a key that survives its reload,
// such as the hook's name, so that the form of a new engine replaces that of the
// old one, which would otherwise be held by every connection. Keys take the
// place of a fixed number of slots, as many hooks may be of the same engine.
func (c *Client) Extend(key, value any) {
	for {
		old := c.ext.Load()
		var list []extension
		if old != nil {
			list = slices.DeleteFunc(slices.Clone(*old), func(e extension) bool { return e.key == key })
		}
		if value != nil {
			list = append(list, extension{key, value})
		}
		if c.ext.CompareAndSwap(old, &list) {
			return
		}
	}
}

// ConnectInfo is what a client presents to be let in. It holds secrets: it is
// given to the hooks at connect, is not logged, and prints as its user alone.
type ConnectInfo struct {
	User, Password, Token string
	JWT, Nkey, Signature  string // Signature is of Nonce, as it came
	Nonce                 string // that INFO had; empty if none
	TLS                   *TLSInfo
}

// TLSInfo is what a verified client certificate says.
type TLSInfo struct {
	Version     string // "1.2", "1.3"
	CommonName  string
	DNSNames    []string
	URIs        []string
	Fingerprint string // SHA-256 of the certificate in hexadecimal, lower case
}

// Format prints the user and nothing else, whatever the verb: the rest is
// secret.
func (i ConnectInfo) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "connect of %q", i.User) }
