package config

import "time"

// Permissions say what a user may publish and subscribe to.
type Permissions struct {
	// Publish rules have subjects, Subscribe rules subjects, each with or
	// without a queue behind a blank: "orders.> workers". Both parts may have
	// wildcards.
	Publish, Subscribe Rules
	// Responses lets the user publish to the reply subjects of what it
	// receives, whatever Publish says of them. Default nil: it needs a Publish
	// rule for them. If it is set and Publish allows nothing by name, Publish
	// denies everything: WithDefaults puts ">" into Publish.Deny.
	Responses *Responses
}

// Rules allow and deny subjects; a subject that is denied is not allowed.
type Rules struct {
	// Allow is what is allowed. Default empty: everything.
	Allow []string
	// Deny is what is not. Default empty: nothing.
	Deny []string
}

// Responses bound the permission to answer.
type Responses struct {
	// Max is how many messages may be sent to one reply subject. Default 1;
	// negative is unlimited.
	Max int
	// Expires is for how long after the request. Default 2m; negative is for
	// ever.
	Expires time.Duration
}

// User is somebody who may connect: by name and password, by nkey, or, with
// tls.verify_and_map, by a certificate that has the name in it.
type User struct {
	// Username and Password; the password is plain text or a bcrypt hash.
	// Secret.
	Username, Password string
	// Nkey is the public key of a user who signs the nonce, in place of a name.
	Nkey string
	// Account is the account of the user. Default "": $G, or the account whose
	// list the user stands in.
	Account string
	// Permissions of the user. Default nil: the default permissions, or else
	// everything.
	Permissions *Permissions
	// ConnectionTypes are the ways in which the user may connect: STANDARD,
	// WEBSOCKET, LEAFNODE, LEAFNODE_WS, MQTT, MQTT_WS, IN_PROCESS. Default
	// empty: all.
	ConnectionTypes []string
}

// Account is an isolated space of subjects.
type Account struct {
	Name string
	// Nkey is the public key of the account, for monitoring. Default "".
	Nkey  string
	Users []User
	// DefaultPermissions are of those Users that have none of their own. Default
	// nil: everything, as Options.DefaultPermissions are of Options.Users only.
	DefaultPermissions *Permissions
	Exports            []Export
	Imports            []Import
	Mappings           []Mapping
	Limits             AccountLimits
}

// AccountLimits bound what the connections of an account do. Zero and -1 are
// unlimited; a file cannot say 0, which nats-server takes for nothing at all.
type AccountLimits struct {
	MaxConnections   int // at one time
	MaxLeafnodes     int // at one time
	MaxSubscriptions int // of one connection
	MaxPayload       int // bytes of one message
}

// Export offers a part of an account to others.
type Export struct {
	// Service: requests are answered there. Otherwise a stream of messages is
	// listened to.
	Service bool
	// Subject is what is offered; it may have wildcards.
	Subject string
	// Accounts are those that may import it. Default nil: all.
	Accounts []string
	// TokenPosition is the token of Subject, counted from 1, that must be the
	// name of the importing account. Default 0: none.
	TokenPosition int
	// ResponseType of a service is "singleton" (default), "stream" or
	// "chunked".
	ResponseType string
	// ResponseThreshold is how long a service may take. Default 2m.
	ResponseThreshold time.Duration
	// Latency, if not nil, says where the time that requests took is published.
	// It has no effect yet.
	Latency *Latency
	// AllowTrace lets message traces pass. Default false. It has no effect yet.
	AllowTrace bool
}

// Latency is how often and where the time that requests took is published.
type Latency struct {
	// Sampling is the percentage of requests; 0 is those with a header that
	// asks for it.
	Sampling int
	Subject  string
}

// Import takes in a part of another account.
type Import struct {
	// Service: requests go there. Otherwise messages come from there.
	Service bool
	// Account and Subject are what is imported.
	Account, Subject string
	// To is the subject it has here, with wildcards or $1, $2 in the place of
	// Subject's wildcards. Default "": the same.
	To string
	// Prefix stands before the subject of a stream here. It excludes To.
	Prefix string
	// Share tells the service who asks. Default false.
	Share bool
	// AllowTrace lets message traces pass. Default false. It has no effect yet.
	AllowTrace bool
}

// Mapping gives messages another subject when they are published.
type Mapping struct {
	// Source is which subjects; it may have wildcards.
	Source string
	// Destinations are chosen from at random, by weight. What is left to 100
	// keeps its subject.
	Destinations []Destination
}

// Destination is a subject that messages get, with wildcards of the source as
// $1 or {{wildcard(1)}} and the other functions in it.
type Destination struct {
	Subject string
	// Weight is the percentage of messages, from 0 to 100.
	Weight int
	// Cluster is the cluster in which it counts. Default "": everywhere.
	Cluster string
}

// TLS is how a listener speaks TLS.
type TLS struct {
	// CertFile and KeyFile hold the certificate and its key in PEM; Certs holds
	// more pairs of the like, from which the client's wish chooses.
	CertFile, KeyFile string
	Certs             []CertPair
	// CAFile holds what client certificates are verified with. Default "": what
	// the system trusts.
	CAFile string
	// Verify asks for a client certificate and verifies it; VerifyAndMap takes
	// the user from it besides: with it, WithDefaults sets Verify.
	Verify, VerifyAndMap bool
	// CipherSuites and CurvePreferences by their names in Go. Default: Go's.
	CipherSuites, CurvePreferences []string
	// AllowInsecureCipherSuites lets CipherSuites name those that Go calls
	// insecure. Default false.
	AllowInsecureCipherSuites bool
	// MinVersion is "1.2" (default) or "1.3".
	MinVersion string
	// Timeout is how long a handshake may take. Default 2s.
	Timeout time.Duration
	// HandshakeFirst begins with the handshake, before INFO. If
	// HandshakeFallback is set, a client that sends nothing for as long gets its
	// INFO in clear; a file says "auto" for 50ms.
	HandshakeFirst    bool
	HandshakeFallback time.Duration
	// ConnectionRateLimit is how many handshakes a second begin at most.
	// Default 0: unlimited.
	ConnectionRateLimit int64
	// PinnedCerts are SHA-256 sums in hexadecimal, lower case, of the public
	// keys (SPKI in DER) of the client certificates that are let in. Default
	// empty: all.
	PinnedCerts []string
	// Insecure leaves the certificate of a peer that we connect to unverified.
	Insecure bool
}

// CertPair is a certificate and its key, in PEM files.
type CertPair struct{ CertFile, KeyFile string }

// WebSocket is the listener for clients that speak WebSocket.
type WebSocket struct {
	// Host is the address to bind to. Default "0.0.0.0", whatever Options.Host
	// is.
	Host string
	// Port. Default 0: no WebSocket; -1 takes a random free port.
	Port int
	// Advertise is the host or host:port that the other servers of a cluster tell
	// their clients. There are none yet: it is shown in /varz, and that is all.
	// Default "".
	Advertise string
	// NoTLS lets the listener do without TLS, which is asked for otherwise.
	NoTLS bool
	TLS   *TLS
	// SameOrigin takes only browsers whose page came from this host and port;
	// AllowedOrigins only those from there. Default: all.
	SameOrigin     bool
	AllowedOrigins []string
	// Compression offers permessage-deflate. Default false.
	Compression bool
	// HandshakeTimeout is how long the upgrade may take. Default 2s.
	HandshakeTimeout time.Duration
	// Headers are added to the answer to the upgrade.
	Headers map[string]string
	// The cookies whose values stand for what a CONNECT does not name.
	JWTCookie, UsernameCookie, PasswordCookie, TokenCookie string
	// NoAuthUser is as Options.NoAuthUser, for WebSocket.
	NoAuthUser string
	// Username, Password, Token and AuthTimeout, if set, replace those of the
	// client listener. Secret.
	Username, Password, Token string
	AuthTimeout               time.Duration
	// PingInterval replaces Options.PingInterval. Default 0: the same.
	PingInterval time.Duration
}

// Resolver is where the JWTs of accounts come from, in operator mode.
type Resolver struct {
	// Type is "memory", "url", "full" or "cache". Default "": none, or the
	// address that the operator's JWT names.
	Type string
	// URL is where "url" asks, with the account's key behind it. Secret.
	URL string
	// Dir is the folder of "full" and "cache".
	Dir string
	// AllowDelete lets an operator delete accounts from "full". Their files get
	// ".deleted" behind their names; HardDelete removes them.
	AllowDelete, HardDelete bool
	// Interval is how often "full" compares what it has with other servers.
	// Default 1m.
	Interval time.Duration
	// TTL is how long "cache" keeps an account. Default 0: until its JWT
	// expires.
	TTL time.Duration
	// Limit is how many accounts the folder holds. Default 0, unlimited, for
	// "full", which takes no more than that; 1000 for "cache", which drops the
	// one that was asked for longest ago.
	Limit int64
	// Timeout of a request to "url" or to other servers. Default 1.9s.
	Timeout time.Duration
	// TLS is how "url" is asked (key resolver_tls).
	TLS *TLS
}

// AccountJWT is the JWT of the account with a public key. Secret.
type AccountJWT struct{ Account, JWT string }
