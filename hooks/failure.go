package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"moonwire/server/subject"
)

// OnError is what becomes of a call that a hook has no answer for. It is never
// an allow unless somebody wrote so.
type OnError uint8

const (
	// OnErrorDefault is OnErrorDrop at inspect and OnErrorDeny elsewhere.
	OnErrorDefault OnError = iota
	// OnErrorDeny denies, and ends the chain.
	OnErrorDeny
	// OnErrorAllow lets the call go on: as if the hook had allowed it at
	// connect, publish and subscribe, though it does not end the chain of a
	// final hook; with its subject or message as it was at rewrite and inspect.
	OnErrorAllow
	// OnErrorSkip goes on as if there were no such hook. At connect another one
	// must then allow, or the client is denied.
	OnErrorSkip
	// OnErrorDrop, at inspect only, drops the message, and ends the chain.
	OnErrorDrop
	numOnErrors = iota
)

var onErrorNames = [numOnErrors]string{"default", "deny", "allow", "skip", "drop"}

// String returns the name in configuration: "deny" and so on.
func (o OnError) String() string { return nameOf(onErrorNames[:], o) }

// ParseOnError returns the setting with a name.
func ParseOnError(name string) (OnError, error) {
	o, err := parse[OnError]("on_error", name, onErrorNames[1:])
	return o + 1, err
}

// verdict is the setting as an answer at a point.
func (o OnError) verdict(p Point) Verdict {
	switch o {
	case OnErrorDeny:
		return Deny
	case OnErrorSkip:
		return Pass
	case OnErrorAllow:
		if p == AtRewrite || p == AtInspect {
			return Pass
		}
		return Allow
	}
	if p == AtInspect {
		return Drop
	}
	return Deny
}

// Kind is what a failure is counted as.
type Kind uint8

const (
	KindRuntime   Kind = iota // the hook's code failed, or panicked
	KindTimeout               // no answer in time
	KindBudget                // too many instructions
	KindMemory                // too much memory
	KindTransport             // the plugin cannot be reached
	KindBadReply              // an answer that the point does not take
	KindOversize              // the message is larger than the hook takes; the breaker does not mind
	KindBreaker               // not asked, as it had failed too often
	KindCanceled              // the connection ended while the hook was at work; the breaker does not mind
	numKinds      = iota
)

// Kinds is how many kinds of failures there are: they are 0 to Kinds-1.
const Kinds = numKinds

var kindNames = [numKinds]string{
	"runtime", "timeout", "budget", "memory", "transport", "bad_reply", "oversize", "breaker", "canceled",
}

// String returns the name in metrics: "runtime" and so on.
func (k Kind) String() string { return nameOf(kindNames[:], k) }

// Error is why a hook has no answer. An engine sets it to say which kind; any
// other error is a timeout if it is one, and a runtime failure otherwise. Its
// text goes to the log, never to a client.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Kind.String() + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// kindOf returns what err is counted as.
func kindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok && e.Kind < numKinds {
		return e.Kind
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return KindTimeout
	}
	return KindRuntime
}

// ErrUnasked is the error that an engine sets for a call that it has not begun, as
// the time was over that those before it in the batch took. The engine gets such
// calls again, with time of their own, for as long as it gets on with them: how many
// a client sends at one time must not decide what becomes of them.
var ErrUnasked error = &Error{KindTimeout, errors.New("the calls before it took all the time")}

var errBreaker = &Error{KindBreaker, errors.New("the hook failed too often and is left alone for a while")}

// takes reports whether a call is not too large for the hook.
func (b *bound) takes(c *Call) bool { return b.MaxPayload == 0 || c.Size <= b.MaxPayload }

func (b *bound) oversize(c *Call) error {
	return &Error{KindOversize, fmt.Errorf("the message has %d bytes: the hook takes %d", c.Size, b.MaxPayload)}
}

// lateError is a [context.DeadlineExceeded] that says how much time there was.
type lateError struct{ within time.Duration }

func (e lateError) Error() string { return fmt.Sprintf("no answer within %v", e.within) }

func (lateError) Unwrap() error { return context.DeadlineExceeded }

// failed returns what on_error says of a call that b has no answer for, and what
// that is counted as.
func (o *Options) failed(b *bound, c *Call) (Verdict, Kind) {
	k := kindOf(c.Err)
	if c.Err == context.DeadlineExceeded { // itself: the engine has nothing to say about it
		c.Err = &Error{KindTimeout, lateError{b.hook.timeout(b.Point)}}
	}
	o.failure(b, k, c.Err)
	c.Out = Result{Reason: "the hook failed: " + k.String()}
	return b.on, k
}

// answer returns what is wrong with the answer of c at a point, or nil.
func (c *Call) answer(p Point) error {
	r := &c.Out
	if r.Verdict >= numVerdicts || !may[p][r.Verdict] {
		return fmt.Errorf("%v is no answer at %v", r.Verdict, p)
	}
	switch {
	case r.Verdict == Allow && p == AtConnect && r.Identity != nil:
		return r.Identity.validate()
	case r.Verdict != Replace:
		return nil
	case p == AtRewrite:
		return checkSubject(r.Subject)
	}
	return c.checkMessage()
}

// mostSubject is how long a subject may become: as long as the server's default
// control line.
const mostSubject = 4096

func checkSubject(s []byte) error {
	switch {
	case len(s) > mostSubject:
		return fmt.Errorf("the new subject has %d bytes: the most is %d", len(s), mostSubject)
	case !subject.WellFormed(s) || bytes.ContainsAny(s, " \t\r\n\x00"):
		return fmt.Errorf("the new subject %q is not valid", s)
	case subject.HasWildcard(s):
		return fmt.Errorf("the new subject %q has a wildcard", s)
	}
	return nil
}

var (
	headerStart = []byte("NATS/1.0")
	headerEnd   = []byte("\r\n\r\n")
)

// checkMessage looks at what an inspection puts in the place of the message.
func (c *Call) checkMessage() error {
	r := &c.Out
	if r.Subject != nil {
		return errors.New("an inspection cannot change the subject, whose permissions were checked before")
	}
	header, payload := c.message()
	if len(r.Header) > 0 && (!bytes.HasPrefix(r.Header, headerStart) || !bytes.HasSuffix(r.Header, headerEnd) ||
		bytes.Index(r.Header, headerEnd) != len(r.Header)-len(headerEnd)) {
		return errors.New("the new header is not a block from NATS/1.0 to one empty line")
	}
	if size := len(header) + len(payload); c.MaxPayload > 0 && size > c.MaxPayload {
		return fmt.Errorf("the new message has %d bytes: the most is %d", size, c.MaxPayload)
	}
	return nil
}

// message returns header and payload as the answer wants them.
func (c *Call) message() (header, payload []byte) {
	header, payload = c.Header, c.Payload
	if c.Out.Header != nil {
		header = c.Out.Header
	}
	if c.Out.Payload != nil {
		payload = c.Out.Payload
	}
	if len(header) == 0 {
		header = nil
	}
	return header, payload
}
