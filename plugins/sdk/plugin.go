package sdk

import (
	"context"
	"time"
)

// Connecter decides who a client is, at CONNECT: [AllowAs], [Allow] to leave that
// to the broker's own users, [Deny], or [Pass] to leave it to other hooks.
type Connecter interface {
	Connect(ctx context.Context, r *Connect) Decision
}

// Rewriter gives a message another subject, by [To], or leaves it, by [Pass]; it
// may also [Deny] it.
type Rewriter interface {
	Rewrite(ctx context.Context, m *Message) Decision
}

// Publisher decides whether a message may be published that the permissions
// allow: [Allow], [Deny] or [Pass].
type Publisher interface {
	Publish(ctx context.Context, m *Message) Decision
}

// Subscriber decides whether a subscription may be made that the permissions
// allow: [Allow], [Deny] or [Pass].
type Subscriber interface {
	Subscribe(ctx context.Context, s *Subscription) Decision
}

// Inspector looks into messages before they are delivered. It changes one by
// [Message.SetPayload] and [Message.SetHeader] and answers [Pass], or answers
// [Drop], of which the client is not told, or [Deny].
type Inspector interface {
	Inspect(ctx context.Context, m *Message) Decision
}

// Notified is told of events, in their order.
type Notified interface {
	Event(ctx context.Context, e *Event)
}

// Configurer gets the settings before anything is asked. An error keeps the plugin
// from being loaded, and the operator reads it.
type Configurer interface {
	Configure(ctx context.Context, c *Config) error
}

// Stateful has something to hand to the process that takes its place on a reload:
// the successor finds it in [Config.State]. Questions may still come meanwhile.
type Stateful interface {
	State(ctx context.Context) ([]byte, error)
}

// Versioned says which version the plugin is, for logs and metrics.
type Versioned interface{ Version() string }

// Point is a place in the broker where plugins are asked.
type Point uint8

// The points.
const (
	AtConnect Point = iota + 1
	AtRewrite
	AtPublish
	AtSubscribe
	AtInspect
	AtEvent
)

// Field is a part of a question.
type Field uint8

// The fields, with the numbers that they have in hook.proto.
const (
	User Field = iota + 1
	Account
	ClientID
	Name
	Host
	Kind
	Subject
	Reply
	Queue
	OriginalSubject
	Size
	Tags
	Headers
	Payload
	ConnectInfo // what a CONNECT says, but for secrets
	Secrets     // password, token, JWT and signature of a CONNECT
)

// Registration says about what a method wants to be asked. Empty lists are
// everything, but for Fields at connect: there it is all with, elsewhere all
// without Secrets.
type Registration struct {
	Point    Point
	Subjects []string // patterns; not at connect and event
	Accounts []string // names; not at connect
	// Fields is what the questions shall contain: less is faster, and what is not
	// sent cannot leak.
	Fields []Field
	// Tags and Headers are single ones, in place of all.
	Tags, Headers []string
	// Cache lets the broker keep answers; nil does not.
	Cache *Cache
	// MaxPayload is the most bytes of a message; a larger one counts as failed. 0
	// is no limit.
	MaxPayload int
	// Events are types of events: connect, disconnect, subscribe, unsubscribe,
	// slow_consumer, auth_error, reload.
	Events []string
}

// Cache lets the broker keep answers at rewrite, publish and subscribe. What the
// questions contain has to be among By, Tags and Headers.
type Cache struct {
	By            []Field
	Tags, Headers []string
	// TTL is how long an answer is kept, and NegativeTTL a denial; 0 is not at
	// all.
	TTL, NegativeTTL time.Duration
}
