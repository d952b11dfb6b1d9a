package hooktool

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"moonwire/hooks"
	"moonwire/server/account"
	"moonwire/server/config"
	"moonwire/server/permission"
	"moonwire/server/subject"
)

// actor is a client of a broker that is not there: what it does goes through hooks
// and permissions as it would go there.
type actor struct {
	asker    *asker
	client   *hooks.Client
	identity hooks.Identity
	rules    *config.Permissions // nil: everything
	may      *permission.Set     // of rules
	most     int                 // bytes of a message, headers included
	mappings *subject.Mappings   // of its account
	unhooked bool                // its account is that of the system, which has no hooks
	session  hooks.Session
}

// outcome is what came of an action of a client.
type outcome struct {
	what    string // in words: publish "a.b" by user "bob"
	verdict hooks.Verdict
	by      string // who decided a no: "hook", "permissions", "limits", "mapping", "configuration"
	hook    string // its name, if it was a hook
	reason  string
	err     error // why a hook had no answer
	cached  bool
	steps   []step
	// The message as it is delivered.
	subject         string
	header, payload []byte
	connects        bool   // it is a connect
	client          *actor // that is let in by it
}

// allowed reports whether the action is allowed, and no hook failed.
func (o *outcome) allowed() bool { return !o.verdict.Refuses() && o.err == nil }

// step is one thing that was decided on the way.
type step struct {
	name  string // of the point, or "permissions", "mapping", "identity"
	text  string // what came of it, where no hook was asked
	notes []note
}

func (o *outcome) step(name, format string, args ...any) {
	o.steps = append(o.steps, step{name: name, text: fmt.Sprintf(format, args...)})
}

// refuse sets why the action is refused.
func (o *outcome) refuse(v hooks.Verdict, by, reason string) {
	o.verdict, o.by, o.reason = v, by, reason
}

// heed takes over what hooks say at one point, and reports whether it goes on.
func (o *outcome) heed(p hooks.Point, q *hooks.Call, notes []note) bool {
	o.steps = append(o.steps, step{name: p.String(), notes: notes})
	for _, n := range notes {
		o.cached = o.cached || n.cached
		if n.err != nil && !n.shadow {
			o.err = n.err
		}
	}
	switch v := q.Outcome.Verdict; {
	case v.Refuses():
		o.refuse(v, "hook", q.Outcome.Reason)
		o.hook = q.Outcome.Hook
		return false
	case v == hooks.Allow:
		o.verdict = hooks.Allow
	}
	return true
}

// newActor returns a client that is let in as somebody.
func (a *asker) newActor(c *hooks.Client, id *hooks.Identity, rules *config.Permissions) (*actor, error) {
	may, err := permission.Compile(rules)
	if err != nil {
		return nil, fmt.Errorf("permissions of user %q: %w", id.User, err)
	}
	known := &hooks.Client{
		ID: c.ID, User: id.User, Account: cmp.Or(id.Account, account.Global), Tags: id.Tags,
		Name: c.Name, Host: c.Host, Kind: c.Kind, Lang: c.Lang, Version: c.Version,
	}
	who := &actor{asker: a, client: known, identity: *id, rules: rules, may: may, most: a.maxPayload}
	if n := id.Limits.MaxPayload; n > 0 {
		who.most = min(who.most, n)
	}
	return who, nil
}

// connect asks the hooks who somebody is. O is allowed without an identity if that
// is for the users of a configuration to say, or nobody asks.
func (a *asker) connect(c *hooks.Client, info *hooks.ConnectInfo) (o *outcome, id *hooks.Identity) {
	o = &outcome{what: fmt.Sprintf("connect as user %q", info.User), connects: true}
	if info.User == "" {
		o.what = "connect without a user"
	}
	if a.set.Table("").Has(hooks.AtConnect) || a.shadows != nil && a.shadows.Table("").Has(hooks.AtConnect) {
		q := hooks.NewCall()
		defer q.Done()
		q.Client, q.Connect = c, info
		o.heed(hooks.AtConnect, q, a.ask(new(hooks.Session), "", hooks.AtConnect, q))
		id = q.Outcome.Identity
	}
	return o, id
}

// as names the client for messages.
func (a *actor) as() string {
	if a.client.User == "" {
		return fmt.Sprintf("a client of account %q", a.client.Account)
	}
	return fmt.Sprintf("user %q", a.client.User)
}

// message is one that a client publishes.
type message struct {
	subject, reply  string
	header, payload []byte
}

// publish has the client publish a message.
func (a *actor) publish(m message) *outcome {
	o := &outcome{what: fmt.Sprintf("publish to %q by %s", m.subject, a.as())}
	q := hooks.NewCall()
	defer q.Done()
	q.Client, q.Subject, q.Header = a.client, []byte(m.subject), m.header
	q.Size, q.MaxPayload = len(m.header)+len(m.payload), a.most
	if m.reply != "" {
		q.Reply = []byte(m.reply)
	}
	if q.Size > a.most {
		o.step("limits", "the message has %d bytes, and the most is %d: the connection is closed", q.Size, a.most)
		o.refuse(hooks.Deny, "limits", "Maximum Payload Violation")
		return o
	}
	if !a.mapped(o, q) || !a.asked(o, hooks.AtRewrite, q) {
		return o
	}
	final := string(q.Subject)
	o.step("permissions", "%s", whyPublish(a.rules, final))
	if !a.may.Publish(q.Subject) {
		o.refuse(hooks.Deny, "permissions", fmt.Sprintf("permissions do not let it publish to %q", final))
		return o
	}
	if !a.asked(o, hooks.AtPublish, q) {
		return o
	}
	q.Payload = m.payload
	if !a.asked(o, hooks.AtInspect, q) {
		return o
	}
	o.subject, o.header, o.payload = final, bytes.Clone(q.Header), bytes.Clone(q.Payload)
	return o
}

// mapped gives a message the subject that the mappings of the account say.
func (a *actor) mapped(o *outcome, q *hooks.Call) bool {
	to, ok := a.mappings.Append(nil, q.Subject, rand.Uint32N)
	switch {
	case !ok:
		return true
	case len(to) == 0:
		o.step("mapping", "the message is lost")
		o.refuse(hooks.Drop, "mapping", "a mapping of the account leaves the message out")
		return false
	}
	o.step("mapping", "the subject becomes %q", to)
	q.OriginalSubject, q.Subject = q.Subject, to
	return true
}

// asked asks the hooks of a point, and reports whether the message goes on.
func (a *actor) asked(o *outcome, p hooks.Point, q *hooks.Call) bool {
	if a.unhooked {
		o.step(p.String(), "hooks are not asked about the system account")
		return true
	}
	return o.heed(p, q, a.asker.ask(&a.session, a.client.Account, p, q))
}

// subscribe has the client subscribe.
func (a *actor) subscribe(pattern, queue string) *outcome {
	o := &outcome{what: fmt.Sprintf("subscribe to %q by %s", pattern, a.as()), subject: pattern}
	if queue != "" {
		o.what = fmt.Sprintf("subscribe to %q in queue group %q by %s", pattern, queue, a.as())
	}
	o.step("permissions", "%s", whySubscribe(a.rules, pattern, queue))
	if !a.may.Subscribe(pattern, queue) {
		o.refuse(hooks.Deny, "permissions", fmt.Sprintf("permissions do not let it subscribe to %q", strings.TrimSpace(pattern+" "+queue)))
		return o
	}
	q := hooks.NewCall()
	defer q.Done()
	q.Client, q.Subject = a.client, []byte(pattern)
	if queue != "" {
		q.Queue = []byte(queue)
	}
	a.asked(o, hooks.AtSubscribe, q)
	return o
}

// headerBlock returns a block with some headers, in order; nil if there are none.
func headerBlock(lines [][2]string) ([]byte, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	block := []byte("NATS/1.0\r\n")
	for _, l := range lines {
		if l[0] == "" || strings.ContainsAny(l[0], ":\r\n") || strings.ContainsAny(l[1], "\r\n") {
			return nil, fmt.Errorf("header %q: the name has no colon, and all stands in one line", l[0])
		}
		block = append(block, l[0]+": "+l[1]+"\r\n"...)
	}
	return append(block, "\r\n"...), nil
}

// headersOf returns the values of a block's headers, by name in lower case.
func headersOf(block []byte) map[string]any {
	out := make(map[string]any)
	for _, line := range strings.Split(string(block), "\r\n")[min(1, len(block)):] {
		name, value, ok := strings.Cut(line, ":")
		if ok {
			name = strings.ToLower(strings.TrimSpace(name))
			list, _ := out[name].([]any)
			out[name] = append(list, strings.TrimSpace(value))
		}
	}
	return out
}

// rulesOf returns what hooks say that somebody may do as a configuration has it.
func rulesOf(p *hooks.Permissions) *config.Permissions {
	if p == nil {
		return nil
	}
	c := &config.Permissions{
		Publish:   config.Rules{Allow: slices.Clone(p.Publish.Allow), Deny: slices.Clone(p.Publish.Deny)},
		Subscribe: config.Rules{Allow: slices.Clone(p.Subscribe.Allow), Deny: slices.Clone(p.Subscribe.Deny)},
	}
	if r := p.Responses; r != nil {
		c.Responses = &config.Responses{Max: r.Max, Expires: r.Expires}
	}
	return c
}
