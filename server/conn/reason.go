package conn

import "moonwire/server/wire"

// Reason says why a connection ended, in the words of nats-server's /connz.
type Reason string

// The reasons.
const (
	ClientClosed      Reason = "Client Closed"
	ReadError         Reason = "Read Error"
	WriteError        Reason = "Write Error"
	ProtocolViolation Reason = "Protocol Violation"
	MaxControlLine    Reason = "Maximum Control Line Exceeded"
	MaxPayload        Reason = "Maximum Message Payload Exceeded"
	MaxConnections    Reason = "Maximum Connections Exceeded"

	MaxAccountConnections Reason = "Maximum Account Connections Exceeded"
	AuthFailure           Reason = "Authentication Failure"
	AuthTimeout           Reason = "Authentication Timeout"
	AuthExpired           Reason = "Authentication Expired"
	Revoked               Reason = "Credentials Revoked"
	TLSHandshake          Reason = "TLS Handshake Failure"
	MissingAccount        Reason = "Missing Account"
	BadProtocol           Reason = "Bad Client Protocol Version"
	NoRespondersNeeds     Reason = "No Responders Requires Headers"
	StaleConnection       Reason = "Stale Connection"
	SlowConsumerPending   Reason = "Slow Consumer (Pending Bytes)"
	SlowConsumerDeadline  Reason = "Slow Consumer (Write Deadline)"
	ServerShutdown        Reason = "Server Shutdown"
	Kicked                Reason = "Kicked"
	InternalError         Reason = "Internal Error"
)

// reasonOf returns why a connection that made the fault e is closed.
func reasonOf(e *wire.Error) Reason {
	switch e {
	case wire.ErrMaxControlLine:
		return MaxControlLine
	case wire.ErrMaxPayload:
		return MaxPayload
	case wire.ErrMaxConnections, wire.ErrThrottled:
		return MaxConnections
	case wire.ErrAuthorization:
		return AuthFailure
	case wire.ErrAuthTimeout:
		return AuthTimeout
	case wire.ErrClientProtocol:
		return BadProtocol
	case wire.ErrNoRespondersNeeds:
		return NoRespondersNeeds
	case wire.ErrAccountConnections:
		return MaxAccountConnections
	case wire.ErrExpired, wire.ErrAccountExpired:
		return AuthExpired
	case wire.ErrRevoked:
		return Revoked
	case wire.ErrStale:
		return StaleConnection
	}
	return ProtocolViolation
}

// abrupt reports whether output that is still queued is dropped: the peer does
// not read it, or cannot be reached.
func (r Reason) abrupt() bool {
	switch r {
	case SlowConsumerPending, SlowConsumerDeadline, WriteError, ReadError:
		return true
	}
	return false
}

// status is what the peer of a WebSocket is told, RFC 6455 §7.4.1.
func (r Reason) status() int {
	switch r {
	case ClientClosed:
		return 1000
	case WriteError, ReadError, StaleConnection, ServerShutdown:
		return 1001 // going away
	case ProtocolViolation, BadProtocol, NoRespondersNeeds:
		return 1002 // protocol error
	case MaxPayload:
		return 1009 // too big
	case InternalError, TLSHandshake:
		return 1011
	}
	return 1008 // policy violation
}

// Slow reports whether the connection was cut because it did not read.
func (r Reason) Slow() bool { return r == SlowConsumerPending || r == SlowConsumerDeadline }
