package sdk

import (
	"math"
	"time"

	"moonwire/plugins/api"
	hookv1 "moonwire/plugins/api/v1"
)

// Decision is an answer. The zero Decision is [Pass].
type Decision struct {
	verdict  hookv1.Verdict
	reason   string
	subject  string
	identity *Identity
	failed   string // why there is no answer
	ttl      time.Duration
	noCache  bool
}

// Pass has no opinion: the next hook is asked. At inspect it is also the answer
// for a message that was changed.
func Pass() Decision { return Decision{} }

// Allow is a yes; other hooks may still deny. At connect it leaves who the client
// is to other hooks and the broker's own users.
func Allow() Decision { return Decision{verdict: hookv1.Verdict_VERDICT_ALLOW} }

// AllowAs lets a client in as somebody.
func AllowAs(id Identity) Decision {
	return Decision{verdict: hookv1.Verdict_VERDICT_ALLOW, identity: &id}
}

// Deny is a no. The reason is for the broker's log; the client does not see it.
func Deny(reason string) Decision {
	return Decision{verdict: hookv1.Verdict_VERDICT_DENY, reason: reason}
}

// Drop takes a message away at inspect, without a word to the client.
func Drop(reason string) Decision {
	return Decision{verdict: hookv1.Verdict_VERDICT_DROP, reason: reason}
}

// To gives a message another subject at rewrite, without wildcards.
func To(subject string) Decision {
	return Decision{verdict: hookv1.Verdict_VERDICT_REPLACE, subject: subject}
}

// Fail is no answer: the broker does what its operator has configured for that,
// and logs the error. So it is with nil: it does not make a yes of the answer.
func Fail(err error) Decision { return Decision{failed: reason(err)} }

// reason is an error in words that the protocol can carry; never none, as that would
// be no error.
func reason(err error) string {
	if err != nil {
		if s := api.Valid(err.Error()); s != "" {
			return s
		}
	}
	return "the plugin failed and does not say why"
}

// For shortens how long the broker keeps the answer. Without a time it is not kept.
func (d Decision) For(ttl time.Duration) Decision {
	d.ttl, d.noCache = ttl, d.noCache || ttl <= 0
	return d
}

// NoCache has the broker not keep the answer.
func (d Decision) NoCache() Decision {
	d.noCache = true
	return d
}

// Identity is who a client is. What is empty stays as other hooks or the broker
// know it.
type Identity struct {
	User, Account string
	Permissions   *Permissions // nil adds no bound
	// MaxSubscriptions and MaxPayload, in bytes, bound the connection; 0 does not.
	MaxSubscriptions, MaxPayload int
	Tags                         map[string]string
	// Expires is when the connection is closed; zero is never.
	Expires time.Time
}

// Permissions are rules as the broker's configuration has them.
type Permissions struct {
	Publish   Rules
	Subscribe Rules // "subject" or "subject queue"
	// Responses lets the client publish to the reply subjects of what it receives.
	Responses *Responses
}

// Rules allow and deny subjects. A nil Allow allows everything, and one that is there
// and empty nothing.
type Rules struct{ Allow, Deny []string }

func (r *Rules) proto() *hookv1.Rules {
	out := &hookv1.Rules{Allow: r.Allow, Deny: r.Deny}
	if r.Allow != nil && len(r.Allow) == 0 { // which the protocol does not tell from nil
		out.Deny = []string{">"}
	}
	return out
}

// Responses bound the permission to answer; 0 is the broker's default, negative no
// bound.
type Responses struct {
	Max     int
	Expires time.Duration
}

func (id *Identity) proto() *hookv1.Identity {
	if id == nil {
		return nil
	}
	out := &hookv1.Identity{User: id.User, Account: id.Account, Tags: id.Tags, Permissions: id.Permissions.proto()}
	if id.MaxSubscriptions != 0 || id.MaxPayload != 0 {
		out.Limits = &hookv1.Limits{Subscriptions: clamp(id.MaxSubscriptions), Payload: clamp(id.MaxPayload)}
	}
	if !id.Expires.IsZero() {
		out.Expires = max(id.Expires.Unix(), 1)
	}
	return out
}

func (p *Permissions) proto() *hookv1.Permissions {
	if p == nil {
		return nil
	}
	out := &hookv1.Permissions{Publish: p.Publish.proto(), Subscribe: p.Subscribe.proto()}
	if r := p.Responses; r != nil {
		out.Responses = &hookv1.Responses{Max: clamp(r.Max), ExpiresMs: int64(milliseconds(r.Expires))}
		if r.Expires < 0 {
			out.Responses.ExpiresMs = -1
		}
	}
	return out
}

// clamp is a number as the protocol has it.
func clamp(n int) int32 { return int32(min(max(n, math.MinInt32), math.MaxInt32)) }
