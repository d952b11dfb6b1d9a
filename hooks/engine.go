package hooks

import (
	"context"
	"slices"
	"time"
)

// Engine runs one loaded hook: a script, a plugin, or Go code. Its methods are
// called by many goroutines at a time.
//
// Do and Notify name the registration that is concerned, not the point, as a
// hook may have several at one point, each with code and subjects of its own.
type Engine interface {
	// Registrations says what the hook wants to be asked. It is called once,
	// when the hook is loaded, and its result is not changed afterwards.
	Registrations() []Registration
	// Do asks the hook for each of calls, which is never empty: it sets Out, or
	// Err where there is no answer. An error that it returns is that of all
	// calls which have none of their own. Calls that there was no time for any more
	// get [ErrUnasked].
	//
	// It returns soon after ctx ends: the read loop of a connection waits for
	// it. A panic is a failure of all calls. The context, the slice and the
	// calls are the engine's until it returns and no longer; a context for
	// another goroutine is derived before that.
	Do(ctx context.Context, registration int, calls []*Call) error
	// Notify tells of events, in the order in which they happened. Never two at
	// a time for one hook.
	Notify(registration int, events []Event)
	// Close lets go of everything. No call comes afterwards, and none is
	// running, unless it took longer than the manager wants to wait: such a call
	// is to be ended with an error. It returns soon after ctx ends.
	Close(ctx context.Context) error
}

// Versioned is an Engine that says what it runs, for hook_info.
type Versioned interface {
	// Version returns what the author calls the version, and the SHA-256 of the
	// code in hexadecimal; either may be empty.
	Version() (version, sha256 string)
}

// Limiter is an Engine that may know of itself that it never allows at connect,
// where one hook must.
type Limiter interface {
	// AdmitsNobody returns what an operator can do for it to allow, as in `set "x:
	// true" in its config`; empty if it may allow as it is.
	AdmitsNobody() (remedy string)
}

// Registration is one wish of a hook to be asked.
type Registration struct {
	Point Point
	// Subjects are patterns; empty is all. At subscribe a subscription that
	// overlaps one of them is meant. Not at connect and event.
	Subjects []string
	// Accounts are names; empty is all. Not at connect, where the account is
	// still to be found.
	Accounts []string
	// Fields is what the hook is given. Empty: everything, and the engine tells
	// with Call.Saw what the hook looked at.
	Fields Fields
	// Cache lets answers be kept; nil does not. At rewrite, publish and
	// subscribe.
	Cache *CachePolicy
	// MaxPayload is the most bytes of a message, header included, that the hook
	// takes; 0 is no limit. A larger one is a failure, not a way around the
	// hook.
	MaxPayload int
	// Events are the types that are wanted at event; empty is all.
	Events []string
}

// The types of events.
const (
	EventConnect      = "connect"
	EventDisconnect   = "disconnect"
	EventSubscribe    = "subscribe"
	EventUnsubscribe  = "unsubscribe"
	EventSlowConsumer = "slow_consumer"
	EventAuthError    = "auth_error"
	EventReload       = "reload" // of the configuration, or of a hook by itself
)

var eventTypes = []string{
	EventConnect, EventDisconnect, EventSubscribe, EventUnsubscribe, EventSlowConsumer, EventAuthError, EventReload,
}

// Event is something that has happened. It holds no memory of a read buffer.
type Event struct {
	Type    string // EventConnect and so on
	Time    time.Time
	Client  *Client // nil for a reload
	Reason  string  // of a disconnect, an auth_error, a reload
	Subject string  // of a subscribe or unsubscribe
	Queue   string
}

// EventTypes returns all types of events.
func EventTypes() []string { return slices.Clone(eventTypes) }

// KnownEvent reports whether there are events of a type.
func KnownEvent(typ string) bool { return slices.Contains(eventTypes, typ) }
