package conn

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"moonwire/server/account"
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
	// Authenticate says which account the sender of a CONNECT belongs to and
	// under which name; nil when its credentials are wrong.
	Authenticate(c *Client, connect *wire.Connect) (a *account.Account, user string)
	// Anonymous is the account of a connection that sent no CONNECT; nil
	// where credentials are asked for.
	Anonymous() *account.Account
	// Closed is told of each connection that has ended, with the socket
	// already closed, and how it was at the end. It is the last that is heard
	// of the connection.
	Closed(c *Client, final Snapshot)
}

// Env is what the connections of a server share.
type Env struct {
	Host     Host
	Limits   atomic.Pointer[Limits]
	Log      *zap.Logger
	Contexts *delivery.Pool
	Ordinals *interest.Ordinals
	Traffic  *account.Traffic // of the whole server
	Tracing  bool             // log each operation at trace level; immutable
	// Dormitory is where silent connections sleep; nil if they do not.
	Dormitory *Dormitory

	// What the server says of itself: Greeting to a connection that was made,
	// Answer when it sent CONNECT and its first PING, Notice at any other
	// time. The server sets them before the first connection, and again when
	// something in them has changed.
	Greeting, Answer, Notice atomic.Pointer[wire.Template]

	workers reuse.List[worker]
}
