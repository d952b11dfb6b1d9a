package auth

import (
	"crypto/tls"
	"net/netip"
	"time"

	"moonwire/server/permission"
	"moonwire/server/wire"
)

// The ways in which a connection may come, as connection_types names them.
const (
	Standard   = "STANDARD"
	WebSocket  = "WEBSOCKET"
	InProcess  = "IN_PROCESS"
	Leafnode   = "LEAFNODE"
	LeafnodeWS = "LEAFNODE_WS"
	MQTT       = "MQTT"
	MQTTWS     = "MQTT_WS"
)

// Request is what a connection presents to be let in.
type Request struct {
	Connect *wire.Connect
	Nonce   []byte               // as in the INFO that greeted the connection; nil if it had none
	TLS     *tls.ConnectionState // nil without TLS
	Type    string               // the way of the connection: Standard (also for ""), WebSocket, InProcess …
	Addr    netip.Addr           // of the peer; the zero Addr for one in the process
	Time    time.Time
}

// Identity is who a connection is, and what it may do. It may be shared by
// connections and is not to be changed.
type Identity struct {
	User    string // name, public nkey or the subject of a JWT; empty for a token, and where nothing is asked for
	Account string // name of the account
	// Permissions are nil when everything is allowed.
	Permissions *permission.Set
	// Expires is when the connection is to be closed; zero for never.
	Expires time.Time
	Limits  Limits
	// Tags of a user JWT.
	Tags []string
	// Name is what a user JWT calls the user; empty without one.
	Name string
	// Issuer is the public key that signed a user JWT: of the account, or a
	// signing key of it. Issued is when.
	Issuer string
	Issued time.Time
	// Bearer says that the JWT alone is enough: whoever sees it can be the user.
	Bearer bool
	// Proof is for the authenticator that made the identity, which may look at it
	// to decide again; nobody else does.
	Proof any
}

// Limits bound a connection further than the server's options do. -1 is
// unlimited: the server's own limits hold.
type Limits struct {
	MaxSubscriptions int
	MaxPayload       int // bytes
}

// Unlimited is the Limits that add nothing.
var Unlimited = Limits{MaxSubscriptions: -1, MaxPayload: -1}
