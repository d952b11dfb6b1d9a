package hooktool

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"moonwire/hooks"
	"moonwire/server/auth"
	"moonwire/server/subject"
	"moonwire/server/wire"
)

// questions says how the question of explain is written.
const questions = "connect, pub SUBJECT [PAYLOAD] or sub SUBJECT [QUEUE]"

// question is what explain is asked.
type question struct {
	verb, subject string // connect, pub or sub
	rest          string // payload or queue group
	scripts       []string

	connect       wire.Connect
	account, host string
	tags          map[string]string
	headers       [][2]string
	reply         string
}

// define declares the flags that say who asks for what.
func (q *question) define(f *flag.FlagSet) {
	f.StringVar(&q.connect.User, "user", "", "the `name` of the client")
	f.StringVar(&q.account, "account", "", "the `account` of a client that is let in already, so that nobody is asked who it is")
	f.Func("tag", "a tag of such a client, as `name=value`; may be given several times", func(s string) error {
		return pair(s, "=", func(k, v string) {
			if q.tags == nil {
				q.tags = make(map[string]string)
			}
			q.tags[k] = v
		})
	})
	f.StringVar(&q.connect.Password, "password", "", "what it presents at connect: a `password`")
	f.StringVar(&q.connect.Token, "token", "", "a `token`")
	f.StringVar(&q.connect.JWT, "jwt", "", "a `JWT`")
	f.StringVar(&q.connect.Nkey, "nkey", "", "a public `nkey`")
	f.StringVar(&q.connect.Name, "name", "", "what it calls itself")
	f.StringVar(&q.host, "host", desk, "its `address`")
	f.Func("header", "a header of the message, as `name:value`; may be given several times", func(s string) error {
		return pair(s, ":", func(k, v string) { q.headers = append(q.headers, [2]string{k, strings.TrimSpace(v)}) })
	})
	f.StringVar(&q.reply, "reply", "", "where answers to the message are to go")
}

// pair splits the argument of a flag.
func pair(s, at string, take func(k, v string)) error {
	k, v, ok := strings.Cut(s, at)
	if !ok || k == "" {
		return fmt.Errorf("want name%svalue", at)
	}
	take(k, v)
	return nil
}

// read reads the arguments: scripts, and then what is asked.
func (q *question) read(args []string) error {
	verbs := []string{"connect", "pub", "sub"}
	i := slices.IndexFunc(args, func(s string) bool { return slices.Contains(verbs, s) })
	if i < 0 {
		return usagef("say what is asked: %s", questions)
	}
	q.scripts, q.verb = args[:i], args[i]
	args = args[i+1:]
	switch {
	case q.verb == "connect" && len(args) > 0:
		return usagef("connect has no arguments; what the client presents is given by flags")
	case q.verb == "connect" && (q.account != "" || q.tags != nil):
		return usagef("connect asks who a client is: leave out -account and -tag, which say it")
	case q.verb == "connect":
		return nil
	case len(args) == 0 || len(args) > 2:
		return usagef("want %s SUBJECT and at most one argument more", q.verb)
	}
	if q.subject = args[0]; len(args) == 2 {
		q.rest = args[1]
	}
	if q.verb == "pub" && !subject.ValidLiteral(q.subject) {
		return usagef("%q is no subject to publish to", q.subject)
	}
	if q.verb == "sub" && !subject.ValidPattern(q.subject) {
		return usagef("%q is no subject to subscribe to", q.subject)
	}
	return nil
}

// explain says step by step what becomes of an action of a client.
func (t *tool) explain(args []string) error {
	f := t.flags()
	var from source
	var q question
	from.define(f)
	q.define(f)
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if err := q.read(rest); err != nil {
		return err
	}
	o, err := t.open(&from, q.scripts)
	if err != nil {
		return err
	}
	defer o.close()
	a, err := o.asker(t.ctx)
	if err != nil {
		return err
	}
	e := explainer{out: t.Stdout, asker: a}
	if o.options != nil {
		if e.users, err = newUsers(o.options); err != nil {
			return errors.Join(err, a.close())
		}
	}
	return errors.Join(e.answer(&q), a.close())
}

// explainer answers questions.
type explainer struct {
	out   io.Writer
	asker *asker
	users *users // nil without a configuration
}

func (e *explainer) answer(q *question) error {
	who, o, err := e.admit(q)
	if err != nil {
		return err
	}
	switch {
	case who == nil || q.verb == "connect":
	case q.verb == "sub":
		o = who.subscribe(q.subject, q.rest)
		e.show(o)
	default:
		m := message{subject: q.subject, reply: q.reply, payload: []byte(q.rest)}
		if m.header, err = headerBlock(q.headers); err != nil {
			return err
		}
		o = who.publish(m)
		e.show(o)
	}
	e.conclude(q, o)
	return nil
}

// admit finds out who the client is; nil if it is not let in.
func (e *explainer) admit(q *question) (*actor, *outcome, error) {
	c := &hooks.Client{ID: 1, Name: q.connect.Name, Host: q.host, Kind: auth.Standard}
	if q.account != "" || q.tags != nil {
		id := &hooks.Identity{User: q.connect.User, Account: q.account, Tags: q.tags}
		k, how := known{name: id.User, account: id.Account}, "as the question says: nobody is asked"
		if e.users != nil {
			if found, ok := e.users.find(id.User); ok && (id.Account == "" || found.account == id.Account) {
				k, how = found, how+"; it may do what the configuration says of the user"
				id.Account, id.Limits = k.account, k.identity().Limits
			}
		}
		return e.settle(c, id, &k, &outcome{what: fmt.Sprintf("a client that is let in as user %q", id.User)}, how)
	}
	info := &hooks.ConnectInfo{
		User: q.connect.User, Password: q.connect.Password, Token: q.connect.Token, JWT: q.connect.JWT, Nkey: q.connect.Nkey,
	}
	o, id := e.asker.connect(c, info)
	switch {
	case o.verdict.Refuses():
		e.show(o)
		return nil, o, nil
	case id != nil:
		k := known{name: id.User, account: id.Account, rules: rulesOf(id.Permissions)}
		return e.settle(c, id, &k, o, "as hooks say: "+describeIdentity(id))
	case e.users == nil:
		id = &hooks.Identity{User: info.User}
		return e.settle(c, id, &known{name: id.User}, o, "who it says it is: no configuration knows better")
	}
	k, how, err := e.users.authenticate(&q.connect)
	if err != nil {
		o.step("identity", "%v", err)
		o.refuse(hooks.Deny, "configuration", err.Error())
		e.show(o)
		return nil, o, nil
	}
	return e.settle(c, k.identity(), &k, o, how)
}

// settle makes a client of what was found out.
func (e *explainer) settle(c *hooks.Client, id *hooks.Identity, k *known, o *outcome, how string) (*actor, *outcome, error) {
	who, err := e.asker.newActor(c, id, k.rules)
	if err != nil {
		return nil, nil, err
	}
	o.step("identity", "%s", how)
	if e.users != nil {
		a := e.users.accounts.Get(who.client.Account)
		switch {
		case a != nil:
			who.mappings, who.unhooked = a.Mappings.Load(), a.IsSystem
		case e.users.who != nil:
			o.refuse(hooks.Deny, "configuration", fmt.Sprintf("there is no account %q", who.client.Account))
			o.step("identity", "%s", o.reason)
			who = nil
		}
	}
	e.show(o)
	return who, o, nil
}

// describeIdentity says in words what hooks say of a client.
func describeIdentity(id *hooks.Identity) string {
	parts := []string{fmt.Sprintf("user %q", id.User)}
	if id.Account != "" {
		parts = append(parts, fmt.Sprintf("account %q", id.Account))
	}
	for _, k := range slices.Sorted(maps.Keys(id.Tags)) {
		parts = append(parts, fmt.Sprintf("tag %s=%s", k, id.Tags[k]))
	}
	if !id.Expires.IsZero() {
		parts = append(parts, "until "+id.Expires.UTC().Format(time.RFC3339))
	}
	if p := id.Permissions; p != nil {
		parts = append(parts, "publish "+list(&p.Publish), "subscribe "+list(&p.Subscribe))
	}
	if n := id.Limits.MaxSubscriptions; n > 0 {
		parts = append(parts, fmt.Sprintf("at most %d subscriptions", n))
	}
	if n := id.Limits.MaxPayload; n > 0 {
		parts = append(parts, fmt.Sprintf("at most %d bytes in a message", n))
	}
	return strings.Join(parts, ", ")
}

// show prints what was decided on the way.
func (e *explainer) show(o *outcome) {
	fmt.Fprintln(e.out, o.what)
	for _, s := range o.steps {
		if s.text != "" {
			fmt.Fprintf(e.out, "  %-12s %s\n", s.name, s.text)
		} else if len(s.notes) == 0 {
			fmt.Fprintf(e.out, "  %-12s no hook is asked\n", s.name)
		}
		for _, n := range s.notes {
			fmt.Fprintf(e.out, "  %-12s %s\n", s.name, n.String())
		}
	}
}

// String says in a line what a function said.
func (n *note) String() string {
	var b strings.Builder
	if n.shadow {
		b.WriteString("in shadow mode, where nothing follows from it: ")
	}
	if n.err != nil {
		first, _, _ := strings.Cut(n.err.Error(), "\n")
		fmt.Fprintf(&b, "it failed, so that on_error decides: %v; %s", n.verdict, first)
	} else {
		b.WriteString(n.verdict.String())
		for _, more := range []string{n.changed, n.reason} {
			if more != "" {
				b.WriteString(": " + more)
			}
		}
	}
	from := []string{"hook " + n.hook}
	if n.place != "" {
		from = append(from, n.place)
	}
	if n.cached {
		from = append(from, "kept")
	}
	if n.took > 0 {
		from = append(from, n.took.Round(time.Microsecond).String())
	}
	fmt.Fprintf(&b, " (%s)", strings.Join(from, ", "))
	return b.String()
}

// conclude prints the outcome.
func (e *explainer) conclude(q *question, o *outcome) {
	switch {
	case o.verdict.Refuses():
		past := map[hooks.Verdict]string{hooks.Deny: "denied", hooks.Drop: "dropped"}[o.verdict]
		by := map[string]string{"permissions": "", "hook": fmt.Sprintf(" by hook %q", o.hook)}
		if _, ok := by[o.by]; !ok || o.by == "hook" && o.hook == "" {
			by[o.by] = " by the " + o.by // by no hook in particular, if none allowed
		}
		fmt.Fprintf(e.out, "outcome: %s%s%s\n", past, by[o.by], o.because())
	case q.verb == "pub":
		fmt.Fprintf(e.out, "outcome: allowed, and goes to %q with %d bytes of payload\n", o.subject, len(o.payload))
	default:
		fmt.Fprintln(e.out, "outcome: allowed")
	}
}
