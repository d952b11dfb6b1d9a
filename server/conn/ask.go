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

// changedLocked forgets how hooks know the connection, as it is another now. Most
// connections no hook knows, and to look is cheaper than to store.
func (c *Client) changedLocked() {
	if c.hooked.Load() != nil {
		c.hooked.Store(nil)
	}
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

// asksSubscribe reports whether hooks let a subscription be made, and refuses it
// otherwise.
func (c *Client) asksSubscribe(t *hooks.Table, s *wire.Sub) bool {
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

// hearing returns the hooks that are told what happens to the connections of an
// account, which may be nil; nil if there are none.
func hearing(a *account.Account) *hooks.Table {
	if a == nil {
		return nil
	}
	if t := a.Hooks.Load(); t.Has(hooks.AtEvent) {
		return t
	}
	return nil
}

// tell tells hooks of something that has happened to the connection. It does not
// wait, and is safe from any goroutine, without a lock.
func (c *Client) tell(t *hooks.Table, e hooks.Event) {
	if e.Time = time.Now(); e.Client == nil {
		e.Client = c.Hooked()
	}
	t.Notify(e)
}

// tellUnsubscribed tells hooks, if there are any, of subscriptions that were given
// up or taken away while the connection goes on.
func (c *Client) tellUnsubscribed(t *hooks.Table, subs ...*interest.Sub) {
	if t == nil {
		return
	}
	for _, sub := range subs {
		c.tell(t, hooks.Event{Type: hooks.EventUnsubscribe, Subject: sub.Subject, Queue: sub.Queue})
	}
}

// again is the reason of a disconnect that is none: the connection goes on, as who
// its new CONNECT says. To hooks one is gone and another is there, so that there is an
// end to each beginning, in each account.
const again = "Authenticated Again"

// known returns the connection as hooks were told of it; nil if they were not, or
// there are none.
func (c *Client) known() *hooks.Client {
	if c.connect == nil || hearing(c.account.Load()) == nil {
		return nil
	}
	return c.Hooked()
}

// tellEnd tells that the connection has ended. Only those that sent CONNECT are
// told of: so are their beginnings.
func (c *Client) tellEnd(r Reason) {
	t := hearing(c.account.Load())
	if t == nil {
		return
	}
	if r.Slow() {
		c.tell(t, hooks.Event{Type: hooks.EventSlowConsumer, Reason: string(r)})
	}
	if c.connect != nil {
		c.tell(t, hooks.Event{Type: hooks.EventDisconnect, Reason: string(r)})
	}
}

// forgetHooksLocked gives up what the connection has for hooks, before it sleeps.
func (c *Client) forgetHooksLocked() {
	c.life, c.mu.endLife = nil, nil
	c.changedLocked()
}
