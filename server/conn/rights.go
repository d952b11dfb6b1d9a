package conn

import (
	"bytes"
	"fmt"
	"time"

	"moonwire/hooks"
	"moonwire/server/auth"
	"moonwire/server/interest"
	"moonwire/server/permission"
	"moonwire/server/wire"
)

// rights is what a connection may do. Immutable, but for what says otherwise.
type rights struct {
	id         *auth.Identity      // nil before the connection was admitted
	set        *permission.Set     // nil: everything
	replies    *permission.Replies // nil if answers need a rule of their own
	cache      *permission.Cache   // read loop only; nil without a set
	maxPayload int                 // bytes
	maxSubs    int                 // 0: no limit
}

// newRights returns what an identity may do under the limits of the server.
func newRights(l *Limits, id *auth.Identity) *rights {
	r := &rights{id: id, maxPayload: l.MaxPayload, maxSubs: l.MaxSubscriptions}
	if id == nil {
		return r
	}
	r.set = id.Permissions
	if n := id.Limits.MaxPayload; n >= 0 {
		r.maxPayload = min(r.maxPayload, n)
	}
	if n := id.Limits.MaxSubscriptions; n >= 0 && (r.maxSubs <= 0 || n < r.maxSubs) {
		r.maxSubs = n
	}
	if r.set == nil {
		return r
	}
	r.cache = new(permission.Cache)
	if answers := r.set.Responses(); answers != nil {
		r.replies = permission.NewReplies(answers)
	}
	return r
}

// Identity returns who the connection is; nil before it was admitted.
func (c *Client) Identity() *auth.Identity { return c.rights.Load().id }

// Regrant replaces what the connection may do, from any goroutine: the identity
// was becomes now. Subscriptions that it may no longer have are taken from it,
// and it is told so. Regrant reports false, and does nothing, if the connection
// is no longer what it was.
func (c *Client) Regrant(was, now *auth.Identity) bool {
	r := newRights(c.limits, now)
	c.mu.Lock()
	old, a := c.rights.Load(), c.account.Load()
	if old.id != was || a == nil {
		c.mu.Unlock()
		return false
	}
	r.inherit(old)
	c.becomeLocked(r)
	gone, kept := c.reviewLocked(r.set)
	c.mu.Unlock()
	a.Change(kept, func() {
		set := c.rights.Load().set // of several changes side by side the last counts
		for _, sub := range kept {
			sub.SetFilter(filterOf(set, sub))
		}
	})
	a.UnsubscribeAll(gone)
	c.Generation.Add(1)
	c.tellUnsubscribed(hearing(a), gone...)
	for _, sub := range gone {
		e := wire.SubscriptionRevoked(sub.Subject, sub.Queue, sub.Sid)
		c.Submit(&interest.Staged{Data: wire.AppendError(nil, e)})
	}
	return true
}

// becomeLocked makes the connection what r says.
func (c *Client) becomeLocked(r *rights) {
	c.rights.Store(r)
	c.changedLocked()
	c.mu.user = r.id.User
	c.mu.ping.expireLocked(c, r.id.Expires)
}

// inherit takes over the answers that are open, where the rule for them is as it
// was.
func (r *rights) inherit(old *rights) {
	if a, b := r.set.Responses(), old.set.Responses(); a != nil && b != nil && *a == *b {
		r.replies = old.replies
	}
}

// reviewLocked closes the subscriptions that the connection may no longer have.
func (c *Client) reviewLocked(set *permission.Set) (gone, kept []*interest.Sub) {
	for sid, sub := range c.mu.subs {
		if set.Subscribe(sub.Subject, sub.Queue) {
			kept = append(kept, sub)
		} else if sub.Close() {
			delete(c.mu.subs, sid)
			gone = append(gone, sub)
		}
	}
	return gone, kept
}

// filterOf returns what must not be delivered to a subscription that set allows.
func filterOf(set *permission.Set, sub *interest.Sub) interest.Filter {
	if f := set.Filter(sub.Subject, sub.Queue); f != nil {
		return f
	}
	return nil
}

// mayPublish reports whether a message may be published on subj, and logs it
// otherwise.
func (c *Client) mayPublish(subj []byte) bool {
	r := c.may
	if r.cache.Publish(r.set, subj) || r.replies != nil && r.replies.Use(subj, time.Now()) {
		return true
	}
	c.logViolation(violation{what: "Publish", subject: subj})
	return false
}

// maySubscribe reports whether a subscription may be made, and refuses it
// otherwise.
func (c *Client) maySubscribe(r *rights, s *wire.Sub) bool {
	if r.set == nil || r.set.Subscribe(string(s.Subject), string(s.Queue)) {
		return true
	}
	c.refuse(wire.SubscriptionViolation(s.Subject, s.Queue))
	c.logViolation(violation{what: "Subscription", subject: s.Subject, queue: s.Queue})
	return false
}

// received notes the reply subjects of what is delivered, which may be answered
// from now on.
func (r *rights) received(b *interest.Staged) {
	var m wire.Pub
	now := time.Now()
	for _, count := range b.Counts {
		data := b.Data[count.At:]
		for range count.N {
			n := wire.NextFrame(data, &m)
			if n == 0 {
				break
			}
			if len(m.Reply) > 0 && !r.set.Publish(m.Reply) {
				r.replies.Add(m.Reply, now)
			}
			data = data[n:]
		}
	}
}

// violationPause is how often refusals of one connection are logged: a client
// that goes on and on must not fill the disk.
const violationPause = time.Second

// violation is something that was refused.
type violation struct {
	what           string
	subject, queue []byte
	written        []byte         // the subject as the client wrote it; nil if it is subject
	by             *hooks.Outcome // nil if it was no hook
}

// logViolation logs that something was refused, with what was left out of the
// log since the last time.
func (c *Client) logViolation(v violation) {
	now := time.Now()
	if now.Sub(c.violation.logged) < violationPause {
		c.violation.silent++
		return
	}
	text := fmt.Sprintf("%s - %s Violation - %sSubject %q", c, v.what, c.named(), v.subject)
	if len(v.queue) > 0 {
		text += fmt.Sprintf(", Queue %q", v.queue)
	}
	if v.written != nil && !bytes.Equal(v.written, v.subject) {
		text += fmt.Sprintf(", written as %q", v.written)
	}
	if v.by != nil {
		text += fmt.Sprintf(", by hook %q: %q", v.by.Hook, v.by.Reason)
	}
	if n := c.violation.silent; n > 0 {
		text += fmt.Sprintf(" (%d more since the last one)", n)
	}
	c.violation.logged, c.violation.silent = now, 0
	c.log.Error(text)
}

// named returns the user for a log line.
func (c *Client) named() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.user == "" {
		return ""
	}
	return fmt.Sprintf("User %q, ", c.mu.user)
}
