package sdktest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	hookv1 "moonwire/plugins/api/v1"
	"moonwire/plugins/sdk"
)

// Verdict is what became of a question.
type Verdict string

// The verdicts.
const (
	Pass    Verdict = "pass"    // no opinion, or not asked
	Allow   Verdict = "allow"   //
	Deny    Verdict = "deny"    //
	Drop    Verdict = "drop"    // the message, at inspect
	Replace Verdict = "replace" // the subject at rewrite, or the message at inspect
	Failed  Verdict = "failed"  // no answer that the broker can use: on_error decides
)

// Result is what the plugin said to a question.
type Result struct {
	Asked    bool // false: no registration concerns the question
	Verdict  Verdict
	Reason   string        // of a Deny or Drop
	Identity *sdk.Identity // of an Allow at connect; nil if it says nothing
	// Subject, Header and Payload are as they go on: what came, or what the plugin
	// has made of it.
	Subject         string
	Header, Payload []byte
	TTL             time.Duration // shortens how long the answer is kept; 0 does not
	NoCache         bool
	Err             error // of a Failed

	t        testing.TB
	question string
}

// Get returns the first value of a header of the message as it goes on.
func (r Result) Get(name string) string {
	m := sdk.Message{Header: r.Header}
	return m.Get(name)
}

// String is what the plugin said, for messages of tests.
func (r Result) String() string {
	switch {
	case !r.Asked:
		return "not asked"
	case r.Err != nil:
		return fmt.Sprintf("failed: %v", r.Err)
	case r.Reason != "":
		return fmt.Sprintf("%s %q", r.Verdict, r.Reason)
	case r.Identity != nil:
		return fmt.Sprintf("%s as %q of account %q", r.Verdict, r.Identity.User, r.Identity.Account)
	}
	return string(r.Verdict)
}

// WantAllow fails the test unless the plugin allows it.
func (r Result) WantAllow() Result { r.t.Helper(); return r.want(Allow) }

// WantDeny fails the test unless the plugin denies it.
func (r Result) WantDeny() Result { r.t.Helper(); return r.want(Deny) }

// WantDrop fails the test unless the plugin drops it.
func (r Result) WantDrop() Result { r.t.Helper(); return r.want(Drop) }

// WantPass fails the test unless the plugin is asked and has no opinion.
func (r Result) WantPass() Result { r.t.Helper(); return r.want(Pass) }

// WantReplace fails the test unless the plugin changes the subject or message.
func (r Result) WantReplace() Result { r.t.Helper(); return r.want(Replace) }

// WantFailed fails the test unless there is no answer that the broker can use.
func (r Result) WantFailed() Result { r.t.Helper(); return r.want(Failed) }

// WantNotAsked fails the test if the plugin is asked.
func (r Result) WantNotAsked() Result {
	r.t.Helper()
	if r.Asked {
		r.t.Errorf("%s: got %v, want not asked", r.question, r)
	}
	return r
}

func (r Result) want(v Verdict) Result {
	r.t.Helper()
	if !r.Asked || r.Verdict != v {
		r.t.Errorf("%s: got %v, want %s", r.question, r, v)
	}
	return r
}

// over reports whether no other registration is asked.
func (r *Result) over() bool { return r.Verdict == Deny || r.Verdict == Drop || r.Verdict == Failed }

func (r *Result) fail(err error) { r.Verdict, r.Err = Failed, err }

// take applies a reply, as the broker does.
func (r *Result) take(q *question, reply *hookv1.Reply) {
	if why := reply.GetError(); why != "" {
		r.fail(errors.New(why))
		return
	}
	v := map[hookv1.Verdict]Verdict{
		hookv1.Verdict_VERDICT_PASS: Pass, hookv1.Verdict_VERDICT_ALLOW: Allow, hookv1.Verdict_VERDICT_DENY: Deny,
		hookv1.Verdict_VERDICT_DROP: Drop, hookv1.Verdict_VERDICT_REPLACE: Replace,
	}[reply.GetVerdict()]
	if !takes(q.point, v) {
		r.fail(fmt.Errorf("%s is no answer at %s", v, pointName(q.point)))
		return
	}
	r.TTL, r.NoCache = time.Duration(reply.GetTtlMs())*time.Millisecond, reply.GetNoCache()
	switch v {
	case Pass:
		return // what another registration said stands
	case Deny, Drop:
		r.Reason = reply.GetReason()
	case Allow:
		if id := reply.GetIdentity(); id != nil {
			r.Identity = identity(id)
			if err := checkIdentity(r.Identity); err != nil {
				r.fail(err)
				return
			}
		}
	case Replace:
		if err := r.replace(q, reply); err != nil {
			r.fail(err)
			return
		}
	}
	r.Verdict = v
}

// checkIdentity returns why the broker would not take an identity, or nil.
func checkIdentity(id *sdk.Identity) error {
	if id.MaxPayload < 0 || id.MaxSubscriptions < 0 {
		return errors.New("the identity: a limit is negative: leave it out for none")
	}
	p := id.Permissions
	if p == nil {
		return nil
	}
	for _, s := range slices.Concat(p.Publish.Allow, p.Publish.Deny) {
		if valid(s) != nil || strings.ContainsAny(s, blanks) {
			return fmt.Errorf("the identity: permissions.publish: %q is no subject", s)
		}
	}
	for _, s := range slices.Concat(p.Subscribe.Allow, p.Subscribe.Deny) {
		to, queue, has := strings.Cut(s, " ")
		if valid(to) != nil || has && valid(queue) != nil || strings.ContainsAny(to+queue, blanks) {
			return fmt.Errorf("the identity: permissions.subscribe: %q is no subject, with or without a queue behind a blank", s)
		}
	}
	return nil
}

// blanks end a word in the protocol of clients.
const blanks = " \t\r\n"

// takes reports whether a verdict may stand at a point.
func takes(p hookv1.Point, v Verdict) bool {
	switch v {
	case Pass, Deny:
		return true
	case Allow:
		return p == hookv1.Point_POINT_CONNECT || p == hookv1.Point_POINT_PUBLISH || p == hookv1.Point_POINT_SUBSCRIBE
	case Drop:
		return p == hookv1.Point_POINT_INSPECT
	case Replace:
		return p == hookv1.Point_POINT_REWRITE || p == hookv1.Point_POINT_INSPECT
	}
	return false
}

// replace puts what the plugin says in the place of what there was.
func (r *Result) replace(q *question, reply *hookv1.Reply) error {
	if q.point == hookv1.Point_POINT_REWRITE {
		s := string(reply.GetSubject())
		if err := valid(s); err != nil {
			return fmt.Errorf("the new subject %q: %w", s, err)
		}
		if strings.ContainsAny(s, blanks+"\x00") || wild(s) {
			return fmt.Errorf("the new subject %q has a wildcard or a blank", s)
		}
		r.Subject = s
		return nil
	}
	m := reply.GetMessage()
	if m == nil {
		return errors.New("a replace has no message")
	}
	header, payload := r.Header, r.Payload
	if m.Header != nil {
		header = m.Header
	}
	if m.Payload != nil {
		payload = m.Payload
	}
	const start, end = "NATS/1.0", "\r\n\r\n"
	if len(header) > 0 && (!bytes.HasPrefix(header, []byte(start)) || bytes.Index(header, []byte(end)) != len(header)-len(end)) {
		return errors.New("the new header is not a block from NATS/1.0 to one empty line")
	}
	if n := len(header) + len(payload); q.message.MaxPayload > 0 && n > q.message.MaxPayload {
		return fmt.Errorf("the new message has %d bytes: the most is %d", n, q.message.MaxPayload)
	}
	r.Header, r.Payload = header, payload
	return nil
}
