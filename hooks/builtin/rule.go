package builtin

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"time"

	"moonwire/hooks"
	"moonwire/server/subject"
)

// RateRule is one limit. A key has its own bucket, which is full at first.
type RateRule struct {
	// At is where it is asked: connect, publish, subscribe or inspect. In settings
	// it is by default publish, and inspect for ActionDrop; in Go it is to be set.
	At hooks.Point
	// By is what has a bucket of its own: one or several of hooks.FieldUser,
	// FieldAccount, FieldClient (a connection), FieldHost and FieldSubject; in
	// settings user, account, client, host, subject. Of several each combination
	// has one.
	//
	// Users of one name in two accounts are the same user, unless the account is
	// there too, and whoever has no name is one. IPv6 addresses of one /64 network
	// are the same host. At connect there are host and user, which is there what
	// somebody claims to be: the name, or else the nkey, JWT or token. As a stranger
	// can so use up what belongs to others, it is best together with the host. The
	// subject of a subscription is its pattern.
	By hooks.Field
	// Rate is how many messages, subscriptions or connections come in each second,
	// and Burst how many a full bucket has. Rate 0 does not count them; Burst 0 is
	// what comes in within a second, and at least 1.
	Rate  float64
	Burst int
	// Bytes is how many bytes of header and payload come in each second, and
	// BytesBurst how many a full bucket has, likewise: at publish and inspect. A
	// message larger than BytesBurst passes when the bucket is full, and leaves a
	// debt.
	Bytes      float64
	BytesBurst int
	// Action is what becomes of what is over the limit.
	Action Action
	// MaxDelay is the most that ActionDelay has a connection wait. In any case it
	// is three quarters of the time that the hook has, which is also the default.
	MaxDelay time.Duration
	// Subjects are patterns of what the rule concerns; not at connect. Default all.
	// A subscription is concerned when it overlaps one of them.
	Subjects []string
}

// Action is what becomes of a call over the limit.
type Action uint8

const (
	// ActionDeny denies: a client is told of a permissions violation, or not let in.
	ActionDeny Action = iota
	// ActionDrop, at inspect only, drops the message without a word.
	ActionDrop
	// ActionDelay has the connection wait until there are tokens. What would take
	// longer than MaxDelay is denied.
	ActionDelay
	numActions = iota
)

var actionNames = [numActions]string{"deny", "drop", "delay"}

// String returns the name in settings: "deny", "drop" or "delay".
func (a Action) String() string {
	if a < numActions {
		return actionNames[a]
	}
	return fmt.Sprintf("unknown(%d)", uint8(a))
}

// keyFields is what a rule may be by, and at connect.
const (
	keyFields     = hooks.FieldUser | hooks.FieldAccount | hooks.FieldClient | hooks.FieldHost | hooks.FieldSubject
	connectFields = hooks.FieldUser | hooks.FieldHost
)

// limitedPoints returns the names of the points that have limits.
func limitedPoints() []string { return []string{"connect", "publish", "subscribe", "inspect"} }

func byNames() []string { return strings.Split(keyFields.String(), ",") }

// Bounds of rules.
const (
	mostRate  = 10_000_000    // events a second
	mostBytes = math.MaxInt32 // bytes a second
	mostBurst = math.MaxInt32
	mostFill  = 30 * 24 * time.Hour
	mostDelay = time.Minute
	mostRules = 8 // at one point: they are locked together
)

// withDefaults returns the rule with what was left out.
func (r RateRule) withDefaults() RateRule {
	r.Subjects = slices.Clone(r.Subjects)
	if r.Rate > 0 && r.Burst == 0 {
		r.Burst = int(math.Ceil(min(r.Rate, mostRate)))
	}
	if r.Bytes > 0 && r.BytesBurst == 0 {
		r.BytesBurst = int(math.Ceil(min(r.Bytes, mostBytes)))
	}
	if r.Action == ActionDelay && r.MaxDelay == 0 {
		r.MaxDelay = mostDelay
	}
	return r
}

// validate tells what is wrong with a rule that has its defaults. Path is what
// stands in front of its keys.
func (r *RateRule) validate(path string, p *problems) {
	bad := func(key, format string, args ...any) { p.add(path+key, format, args...) }
	messages := r.At == hooks.AtPublish || r.At == hooks.AtInspect
	switch {
	case !slices.Contains(limitedPoints(), r.At.String()):
		bad("at", "%v has no limits: want one of %q", r.At, limitedPoints())
	case r.Action >= numActions:
		bad("action", "%v: want one of %q", r.Action, actionNames)
	case r.Action == ActionDrop && r.At != hooks.AtInspect:
		bad("action", "drop is for messages at inspect, not at %v: deny there", r.At)
	}
	switch {
	case r.By == 0:
		bad("by", "is missing: want some of %q", byNames())
	case r.By&^keyFields != 0:
		bad("by", "%v: want some of %q", r.By&^keyFields, byNames())
	case r.At == hooks.AtConnect && r.By&^connectFields != 0:
		bad("by", "%v is not known at connect: want user, host or both", r.By&^connectFields)
	}
	if r.Rate == 0 && r.Bytes == 0 {
		bad("rate", "is missing: without it, and without bytes, there is no limit")
	}
	within(bad, "rate", "burst", r.Rate, mostRate, r.Burst)
	if messages {
		within(bad, "bytes", "bytes_burst", r.Bytes, mostBytes, r.BytesBurst)
	} else if r.Bytes != 0 || r.BytesBurst != 0 {
		bad("bytes", "is for messages, not at %v", r.At)
	}
	if r.MaxDelay != 0 && r.Action != ActionDelay {
		bad("max_delay", "is for action delay, not %v", r.Action)
	}
	if r.MaxDelay < 0 || r.MaxDelay > mostDelay {
		bad("max_delay", "%v: want more than 0, and at most %v", r.MaxDelay, mostDelay)
	}
	if len(r.Subjects) > 0 && r.At == hooks.AtConnect {
		bad("subjects", "there are none at connect")
	}
	checkSubjects(r.Subjects, path+"subjects", p)
}

// within checks a rate and a burst.
func within(bad func(key, format string, args ...any), rateKey, burstKey string, rate float64, most, burst int) {
	switch {
	case rate == 0 && burst != 0:
		bad(burstKey, "means nothing without %s", rateKey)
	case !(rate >= 0 && rate <= float64(most)):
		bad(rateKey, "%v: want more than 0, and at most %d each second", rate, most)
	case burst < 0 || burst > mostBurst:
		bad(burstKey, "%d: want at least 1, and at most %d", burst, mostBurst)
	case rate > 0 && float64(burst)/rate > mostFill.Seconds():
		bad(burstKey, "%d would take more than %v to come in: raise %s or lower it", burst, mostFill, rateKey)
	}
}

// rule is a rule at work. All but its store is immutable.
type rule struct {
	RateRule
	number        int // in the configuration
	events, bytes tokens
	verdict       hooks.Verdict // of what is over the limit
	overEvents    string        // reasons
	overBytes     string
	store         *store
}

func newRule(r RateRule, number int) *rule {
	n := &rule{
		RateRule: r, number: number, verdict: hooks.Deny,
		events: perSecond(r.Rate, r.Burst), bytes: perSecond(r.Bytes, r.BytesBurst),
	}
	if r.Action == ActionDrop {
		n.verdict = hooks.Drop
	}
	tail := fmt.Sprintf(" a second by %v", r.By)
	if r.Action == ActionDelay {
		tail += ", for longer than max_delay or the hook's timeout"
	}
	n.overEvents = fmt.Sprintf("rules[%d]: over %v%s", number, r.Rate, tail)
	n.overBytes = fmt.Sprintf("rules[%d]: over %v bytes%s", number, r.Bytes, tail)
	return n
}

// sameBuckets reports whether a rule counts the same as another, so that buckets
// of the one are good for the other.
func (r *rule) sameBuckets(o *rule) bool {
	return r.At == o.At && r.By == o.By && r.events == o.events && r.bytes == o.bytes &&
		slices.Equal(r.Subjects, o.Subjects)
}

// concerns reports whether a call is the rule's.
func (r *rule) concerns(c *hooks.Call) bool {
	if len(r.Subjects) == 0 {
		return true
	}
	for _, pattern := range r.Subjects {
		if r.At == hooks.AtSubscribe {
			if subject.Overlap(pattern, c.Subject) {
				return true
			}
		} else if subject.Match(pattern, c.Subject) {
			return true
		}
	}
	return false
}

// key returns the hash of what the rule is by. Parts are hashed one by one, as to
// put them together would take memory; the multiplication spreads the IDs of
// connections, which are not hashed, over the shards.
func (r *rule) key(c *hooks.Call) (key uint64) {
	seed := r.store.seed
	for f := r.By; f != 0; f &= f - 1 {
		var part uint64
		switch f & -f {
		case hooks.FieldUser:
			part = maphash.String(seed, r.user(c))
		case hooks.FieldAccount:
			part = maphash.String(seed, c.Client.Account)
		case hooks.FieldClient:
			part = c.Client.ID
		case hooks.FieldHost:
			part = hostHash(seed, c.Client.Host)
		case hooks.FieldSubject:
			part = maphash.Bytes(seed, c.Subject)
		}
		key = (bits.RotateLeft64(key, 29) ^ part) * 0x9E3779B97F4A7C15
	}
	return key
}

// user is who somebody is, or claims to be.
func (r *rule) user(c *hooks.Call) string {
	if r.At == hooks.AtConnect && c.Connect != nil {
		i := c.Connect
		return cmp.Or(i.User, i.Nkey, i.JWT, i.Token)
	}
	return c.Client.User
}

// hostHash takes the /64 network of an IPv6 address, all of which whoever has one
// address usually has.
func hostHash(seed maphash.Seed, host string) uint64 {
	if strings.IndexByte(host, ':') >= 0 {
		if a, err := netip.ParseAddr(host); err == nil && a.Is6() && !a.Is4In6() {
			b := a.As16()
			return maphash.Bytes(seed, b[:8])
		}
	}
	return maphash.String(seed, host)
}

// wait returns how long a call must wait for the tokens of a bucket, which is nil
// for a full one, and the reason to give if that is too long.
func (r *rule) wait(b *bucket, now int64, size int) (wait int64, reason string) {
	var full bucket
	if b == nil {
		b = &full
	}
	events, bytes := r.events.wait(b.events, now, 1), r.bytes.wait(b.bytes, now, size)
	if bytes > events {
		return bytes, r.overBytes
	}
	return events, r.overEvents
}

// patience is how long it lets a call wait, when the hook has budget nanoseconds.
func (r *rule) patience(budget int64) int64 {
	if r.Action != ActionDelay {
		return 0
	}
	return min(int64(r.MaxDelay), budget)
}

// take takes the tokens of a call.
func (r *rule) take(b *bucket, now int64, size int) {
	b.events, b.bytes = r.events.take(b.events, now, 1), r.bytes.take(b.bytes, now, size)
}
