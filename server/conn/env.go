package conn

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/delivery"
	"moonwire/server/interest"
	"moonwire/server/reuse"
	"moonwire/server/wire"
)

// Limits is what a connection may do. The server replaces the whole of it when
// it reloads.
type Limits struct {
	MaxPayload       int           // bytes of headers and payload
	MaxControlLine   int           // bytes
	MaxPending       int64         // bytes queued for one connection
	MaxSubscriptions int           // for one connection; 0: no limit
	MaxSubTokens     int           // in one subject; 0: no limit
	PingInterval     time.Duration //
	PingMax          int           // unanswered PINGs before a connection is stale
	WriteDeadline    time.Duration // for the kernel to take a part of a backlog
	AuthTimeout      time.Duration // for CONNECT, where credentials are asked for
	AuthRequired     bool
	Headers          bool // clients may use headers
	NoStall          bool // publishers are not slowed down by slow receivers
}

// Host is what a connection asks of its server.
type Host interface {
	// Authenticate says who the sender of a CONNECT is; nil when its
	// credentials are wrong, which the host has logged.
	Authenticate(c *Client, connect *wire.Connect) *Admission
	// MayWait reports whether Authenticate may have to wait for somebody now. Where it
	// says no, a connection keeps what it has for its input meanwhile: should
	// Authenticate wait nevertheless, that costs memory.
	MayWait() bool
	// Anonymous is what a connection is that sends no CONNECT; nil where it
	// needs credentials.
	Anonymous(c *Client) *Admission
	// Admitted is told when an admission has taken effect, in the read loop: from
	// now on Identity returns it. Where the rules have changed since the host
	// made it, the host regrants what it allows, or ends the connection.
	Admitted(c *Client, a *Admission)
	// Closed is told of each connection that has ended, with the socket
	// already closed, and how it was at the end. It is the last that is heard
	// of the connection.
	Closed(c *Client, final Snapshot)
}

// Admission is who a connection is, and where it belongs.
type Admission struct {
	Identity *auth.Identity
	Account  *account.Account
	// Late: an anonymous connection is asked who it is, and gets this as soon as
	// it does anything but answer.
	Late bool
	// Rules is the host's mark of the rules by which it decided.
	Rules uint64
}

// Env is what the connections of a server share.
type Env struct {
	Host   Host
	Limits atomic.Pointer[Limits]
	Log    *zap.Logger
	// ServerName is what services are told in requests of other accounts.
	ServerName string
	Contexts   *delivery.Pool
	Ordinals   *interest.Ordinals
	Traffic    *account.Traffic // of the whole server
	// Tracing has each operation logged at trace level, by connections that are
	// there already from their next input on.
	Tracing atomic.Bool
	// NotifyDenied has requests that a hook denies answered with a status.
	NotifyDenied atomic.Bool
	// Failures is where the failures are logged that anybody can cause, of
	// handshakes for instance.
	Failures *zap.Logger
	// Dormitory is where silent connections sleep; nil if they do not.
	Dormitory *Dormitory

	workers reuse.List[worker]
}
