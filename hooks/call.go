package hooks

import (
	"slices"
	"sync"
	"time"
)

// Call is one question to the hooks of a point. The server takes one with
// [NewCall], fills in what the point has, hands it to [Table.Do], reads Outcome
// and the fields that hooks may have changed, and gives it back with Done.
//
// The slices may alias the read buffer of the connection. Nobody changes their
// bytes; engines keep them by copying only. All is valid until Done.
type Call struct {
	// Client is never nil. At connect it has no user and account yet.
	Client *Client
	// Subject of the message, or pattern of the subscription. A rewrite
	// replaces it.
	Subject []byte
	// OriginalSubject is what the client wrote where that differs from Subject;
	// nil otherwise. The server sets it when a mapping gave the message another
	// subject, and a rewrite when it is the first to do so.
	OriginalSubject []byte
	Reply           []byte // nil for none
	Queue           []byte // of a subscription; nil for none
	// Header is the block as it is on the wire, from "NATS/1.0" to the empty
	// line; nil for none. Payload excludes it. They are set at inspect, and
	// Header at rewrite and publish too. An inspection replaces them.
	Header, Payload []byte
	// Size is the bytes of header and payload of the message, whether the call
	// holds them or not.
	Size int
	// MaxPayload is the most that header and payload may have after an
	// inspection; 0 is no limit.
	MaxPayload int
	// Connect is set at connect and nil elsewhere.
	Connect *ConnectInfo

	// Out is the answer of the hook that is being asked; it is the zero Result,
	// which passes, when the engine gets the call.
	Out Result
	// Err is why the hook has no answer, set by the engine in place of Out; see
	// [Error]. Nil when the engine gets the call.
	Err error

	// Outcome is what the chain as a whole decided.
	Outcome Outcome

	todo    []*bound // of the chain, still to be asked
	shadows []*bound // to be asked afterwards
	by      *CachePolicy
	read    Field  // fields that the hook looked at and by does not cover
	key     []byte // of the decision cache; nil when the answer is not to be kept
	allowed bool
	changed bool
	decided bool
	cached  bool
	buf     []byte
}

// Result is the answer of one hook. What its slices hold belongs to the call
// from then on: the engine leaves it alone until the call is done. Call.Copy
// gives memory for that.
type Result struct {
	Verdict Verdict
	// Reason of a Deny or Drop, for the log; the client does not see it.
	Reason string
	// Identity of an Allow at connect; nil adds nothing to what is known.
	Identity *Identity
	// Subject of a Replace at rewrite: literal and valid.
	Subject []byte
	// Header and Payload of a Replace at inspect. Nil leaves what there is, and
	// what is empty but not nil takes it away.
	Header, Payload []byte
	// TTL, if positive, shortens for how long the answer is cached.
	TTL time.Duration
	// NoCache keeps the answer out of the cache.
	NoCache bool
}

// Outcome is what a chain decided.
type Outcome struct {
	// Verdict is Deny or Drop when a hook said so; at connect also Deny when
	// none allowed; Replace when the call has changed; Allow when a hook allowed;
	// Pass otherwise.
	Verdict Verdict
	Reason  string // of a Deny or Drop
	Hook    string // name of the hook that refused; empty when none did
	// Identity at connect: what the hooks say of the client, merged; nil when
	// they allowed without saying more.
	Identity *Identity
}

var callPool = sync.Pool{New: func() any { return new(Call) }}

// NewCall returns an empty call.
func NewCall() *Call { return callPool.Get().(*Call) }

// mostKept is how large a buffer a call keeps when it is given back.
const mostKept = 64 << 10

// Done gives the call back. Neither it nor what it held may be used afterwards.
func (c *Call) Done() {
	c.reset()
	callPool.Put(c)
}

// reset empties the call, but for memory that is used again.
func (c *Call) reset() {
	buf, key := c.buf, c.key
	*c = Call{}
	if cap(buf) <= mostKept {
		c.buf = buf[:0]
	}
	c.key = key[:0]
}

// Copy returns a copy of b that is valid until the call is done. It is never
// nil.
func (c *Call) Copy(b []byte) []byte {
	at := len(c.buf)
	c.buf = append(c.buf, b...)
	if c.buf == nil {
		return []byte{}
	}
	return c.buf[at:len(c.buf):len(c.buf)]
}

// Saw tells that the hook looked at fields of the call, which may make its answer
// unfit for the cache. An engine that declares no Registration.Fields calls it,
// SawTag and SawHeader for all that it shows to the hook, and with FieldOther
// when the answer depends on what is not in the call.
func (c *Call) Saw(f Field) {
	if c.by != nil {
		c.read |= f &^ c.by.By.Set
	}
}

// SawTag tells that the hook looked at one tag of the client.
func (c *Call) SawTag(name string) {
	if c.by != nil && !slices.Contains(c.by.By.Tags, name) {
		c.read |= FieldTags
	}
}

// SawHeader tells that the hook looked at the values of one header. Case counts
// for nothing.
func (c *Call) SawHeader(name string) {
	if c.by != nil && !containsFold(c.by.By.Headers, name) {
		c.read |= FieldHeaders
	}
}

// Beyond returns what the hook was seen to look at that is not in the By of its
// cache policy; nothing if it has none. It is for tools that look over the shoulder
// of an engine, right after Do.
func (c *Call) Beyond() Field { return c.read }

// begin makes c ready for a chain.
func (c *Call) begin() {
	c.Outcome = Outcome{}
	c.allowed, c.changed, c.decided = false, false, false
}

// ready makes c ready for one hook.
func (c *Call) ready(b *bound) {
	c.Out, c.Err = Result{}, nil
	c.by, c.read = b.Cache, 0
	c.cached = false
}

// clone returns a copy of c that shares no memory with the read buffer.
func (c *Call) clone() *Call {
	n := NewCall()
	*n = Call{
		Client: c.Client, Connect: c.Connect, Size: c.Size, MaxPayload: c.MaxPayload,
		buf: slices.Grow(n.buf, c.bytes()), key: n.key[:0],
	}
	for _, f := range []struct {
		to   *[]byte
		from []byte
	}{
		{&n.Subject, c.Subject},
		{&n.OriginalSubject, c.OriginalSubject},
		{&n.Reply, c.Reply},
		{&n.Queue, c.Queue},
		{&n.Header, c.Header},
		{&n.Payload, c.Payload},
	} {
		if f.from != nil {
			*f.to = n.Copy(f.from)
		}
	}
	return n
}

// bytes is how many bytes the slices of c hold.
func (c *Call) bytes() int {
	return len(c.Subject) + len(c.OriginalSubject) + len(c.Reply) + len(c.Queue) + len(c.Header) + len(c.Payload)
}
