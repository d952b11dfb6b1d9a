package conn

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"strings"
	"time"

	"moonwire/hooks"
	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/interest"
	"moonwire/server/wire"
)

// Hooked returns the connection as hooks know it, and remembers it until it is
// another. It is safe from any goroutine.
func (c *Client) Hooked() *hooks.Client {
	if h := c.hooked.Load(); h != nil {
		return h
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.describe(c.rights.Load().id, c.mu.said)
	c.hooked.Store(h)
	return h
}

// Describe is Hooked for those who look at many connections, and want nothing
// remembered.
func (c *Client) Describe() *hooks.Client {
	if h := c.hooked.Load(); h != nil {
		return h
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.describe(c.rights.Load().id, c.mu.said)
}

// Stranger returns the sender of a CONNECT, who is nobody yet, as hooks know it.
func (c *Client) Stranger(said *wire.Connect) *hooks.Client { return c.describe(nil, said) }

// describe returns the connection as hooks know it when it is id, or nobody yet,
// and has said something, or nothing.
func (c *Client) describe(id *auth.Identity, said *wire.Connect) *hooks.Client {
	h := &hooks.Client{ID: c.ID, Host: c.IP(), Kind: c.by.Type}
	if said != nil {
		h.Name, h.Lang, h.Version = said.Name, said.Lang, said.Version
	}
	if id != nil {
		h.User, h.Account, h.Tags = id.User, id.Account, tagsOf(id.Tags)
	}
	return h
}

// tagsOf returns tags by name. A tag is name:value; one without a colon has no
// value.
func tagsOf(list []string) map[string]string {
	if len(list) == 0 {
		return nil
	}
	tags := make(map[string]string, len(list))
	for _, tag := range list {
		name, value, _ := strings.Cut(tag, ":")
		tags[name] = value
	}
	return tags
}

// AskConnect asks hooks about a CONNECT, in the read loop, which waits for them.
// When the connection is closed they are told to end.
func (c *Client) AskConnect(t *hooks.Table, said *wire.Connect) hooks.Outcome {
	call := hooks.NewCall()
	defer call.Done()
	call.Client = c.Stranger(said)
	call.Connect = &hooks.ConnectInfo{
		User: said.User, Password: said.Password, Token: said.Token,
		JWT: said.JWT, Nkey: said.Nkey, Signature: said.Sig, Nonce: c.nonce,
		TLS: tlsInfo(c.presented.TLS),
	}
	t.Do(c.alive(), new(hooks.Session), hooks.AtConnect, []*hooks.Call{call})
	return call.Outcome
}

// tlsInfo returns what hooks are told of TLS. What a certificate says counts when
// it was verified only.
func tlsInfo(t *tls.ConnectionState) *hooks.TLSInfo {
	if t == nil {
		return nil
	}
	i := &hooks.TLSInfo{Version: strings.TrimPrefix(tls.VersionName(t.Version), "TLS ")}
	if len(t.VerifiedChains) == 0 || len(t.VerifiedChains[0]) == 0 {
		return i
	}
	cert := t.VerifiedChains[0][0]
	sum := sha256.Sum256(cert.Raw)
	i.CommonName, i.DNSNames, i.Fingerprint = cert.Subject.CommonName, cert.DNSNames, hex.EncodeToString(sum[:])
	for _, u := range cert.URIs {
		i.URIs = append(i.URIs, u.String())
	}
	return i
}

// asksSubscribe reports whether the hooks let a subscription be made, and refuses
// it otherwise.
func (c *Client) asksSubscribe(s *wire.Sub) bool {
	t := c.account.Load().Hooks.Load()
	if !t.Has(hooks.AtSubscribe) {
		return true
	}
	session := &c.asks().session
	if !t.Wanted(session, hooks.AtSubscribe, s.Subject) {
		return true
	}
	call := hooks.NewCall()
	defer call.Done()
	call.Client, call.Subject, call.Queue = c.Hooked(), s.Subject, s.Queue
	t.Do(c.alive(), session, hooks.AtSubscribe, []*hooks.Call{call})
	o := &call.Outcome
	if o.Verdict != hooks.Deny {
		return true
	}
	c.refuse(wire.SubscriptionViolation(s.Subject, s.Queue))
	c.logViolation(violation{what: "Subscription", subject: s.Subject, queue: s.Queue, by: o})
	return false
}

// tell tells the hooks of an account, which is the connection's and may be nil, of
// something that has happened to the connection. It does not wait, and is safe
// from any goroutine, without a lock.
func (c *Client) tell(a *account.Account, e hooks.Event) {
	if a == nil {
		return
	}
	t := a.Hooks.Load()
	if !t.Has(hooks.AtEvent) {
		return
	}
	e.Time, e.Client = time.Now(), c.Hooked()
	t.Notify(e)
}

// tellUnsubscribed is tell for subscriptions that were given up or taken away
// while the connection goes on.
func (c *Client) tellUnsubscribed(a *account.Account, subs ...*interest.Sub) {
	if len(subs) == 0 || !a.Hooks.Load().Has(hooks.AtEvent) {
		return
	}
	for _, sub := range subs {
		c.tell(a, hooks.Event{Type: hooks.EventUnsubscribe, Subject: sub.Subject, Queue: sub.Queue})
	}
}

// tellEnd tells that the connection has ended. Only those that sent CONNECT are
// told of: so are their beginnings.
func (c *Client) tellEnd(r Reason) {
	a := c.account.Load()
	if r.Slow() {
		c.tell(a, hooks.Event{Type: hooks.EventSlowConsumer, Reason: string(r)})
	}
	if c.connect != nil {
		c.tell(a, hooks.Event{Type: hooks.EventDisconnect, Reason: string(r)})
	}
}

// forgetHooksLocked gives up what the connection has for hooks, before it sleeps.
func (c *Client) forgetHooksLocked() {
	c.life, c.mu.endLife = nil, nil
	c.hooked.Store(nil)
}
