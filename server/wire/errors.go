package wire

import "strconv"

// Error is what a client is told about its own fault, and whether the
// connection survives it. An empty Text closes the connection without a word,
// as nats-server does for malformed arguments (protocol.md §1.6).
type Error struct {
	Text  string // goes between the quotes of -ERR '…'; empty: nothing is sent
	Close bool   // the connection is closed after the error was sent
}

// Error implements error with the text of the wire.
func (e *Error) Error() string {
	if e.Text == "" {
		return "malformed operation"
	}
	return e.Text
}

// The errors that a client can be sent, byte for byte (protocol.md §1.6).
var (
	// ErrMalformed is the fault of arguments and JSON: closed, nothing said.
	ErrMalformed      = &Error{"", true}
	ErrUnknownOp      = &Error{"Unknown Protocol Operation", true}
	ErrAuthorization  = &Error{"Authorization Violation", true}
	ErrAuthTimeout    = &Error{"Authentication Timeout", true}
	ErrMaxConnections = &Error{"maximum connections exceeded", true}
	ErrClientProtocol = &Error{"invalid client protocol", true}
	// ErrAccountConnections: the account has as many connections as it may.
	ErrAccountConnections = &Error{"maximum account active connections exceeded", true}
	ErrExpired            = &Error{"User Authentication Expired", true}
	ErrRevoked            = &Error{"User Authentication Revoked", true}
	ErrAccountExpired     = &Error{"Account Authentication Expired", true}
	// ErrThrottled: TLS handshakes begin too often.
	ErrThrottled          = &Error{"Connection throttling is active. Please try again later.", true}
	ErrNoRespondersNeeds  = &Error{"no responders requires headers support", true}
	ErrMaxPayload         = &Error{"Maximum Payload Violation", true}
	ErrMaxControlLine     = &Error{"maximum control line exceeded", true}
	ErrStale              = &Error{"Stale Connection", true}
	ErrMaxSubscriptions   = &Error{"maximum subscriptions exceeded", false}
	ErrInvalidSubject     = &Error{"Invalid Subject", false}
	ErrInvalidPubSubject  = &Error{"Invalid Publish Subject", false}
	ErrServerInternal     = &Error{"Internal Server Error", true}
	errPermissionsPrefix  = "Permissions Violation for "
	errPermissionsPublish = errPermissionsPrefix + "Publish to "
	errPermissionsReply   = errPermissionsPrefix + "Publish with Reply of "
	errPermissionsSub     = errPermissionsPrefix + "Subscription to "
)

// PublishViolation is the refusal of a publish to subject.
func PublishViolation(subject []byte) *Error {
	return &Error{Text: errPermissionsPublish + strconv.Quote(string(subject))}
}

// ReplyViolation is the refusal of a publish because of its reply subject.
func ReplyViolation(reply []byte) *Error {
	return &Error{Text: errPermissionsReply + strconv.Quote(string(reply))}
}

// SubscriptionViolation is the refusal of a SUB; queue is empty for a plain
// subscription.
func SubscriptionViolation(subject, queue []byte) *Error {
	text := errPermissionsSub + strconv.Quote(string(subject))
	if len(queue) > 0 {
		text += " using queue " + strconv.Quote(string(queue))
	}
	return &Error{Text: text}
}

// SubscriptionRevoked tells of a subscription that was taken away.
func SubscriptionRevoked(subject, queue, sid string) *Error {
	e := SubscriptionViolation([]byte(subject), []byte(queue))
	e.Text += " (sid " + strconv.Quote(sid) + ")"
	return e
}

// TooManyTokens is the refusal of a SUB whose subject has more tokens than
// max_sub_tokens.
func TooManyTokens(subject []byte) *Error {
	return &Error{Text: errPermissionsSub + strconv.Quote(string(subject)) + ", too many tokens"}
}
