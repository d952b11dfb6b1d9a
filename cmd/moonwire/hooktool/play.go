package hooktool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
	"moonwire/server/auth"
	"moonwire/server/subject"
)

func (t *trial) declare(a *sandbox.Args) error {
	name, ok := a.At(1).Text()
	if !ok || name == "" {
		return fmt.Errorf("bad argument #1 to test (a name expected, got %s)", a.At(1).Kind())
	}
	if a.At(2).Kind() != sandbox.KindFunction {
		return fmt.Errorf("bad argument #2 to test (a function expected, got %s)", a.At(2).Kind())
	}
	if !t.vm.Loading() {
		return fmt.Errorf("test %q is declared in another test: do it at the top level", name)
	}
	_, line := a.Where()
	t.tests = append(t.tests, declared{name, line, a.At(2)})
	return nil
}

func (t *trial) configure(a *sandbox.Args) error {
	if t.vm.Loading() {
		return errors.New("settings are given in a test: test(name, function)")
	}
	v, err := library.FromLua(t.vm, a.At(1))
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	config, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("bad argument #1 to settings (a table with names expected, got %s)", a.At(1).Kind())
	}
	if t.stage != nil && !reflect.DeepEqual(config, t.settings) {
		return errors.New("settings come too late: the script is loaded with others already")
	}
	t.settings = config
	return nil
}

// stranger is a client that nobody knows yet.
func stranger() *hooks.Client { return &hooks.Client{Host: "127.0.0.1", Kind: auth.Standard} }

func (t *trial) connect(a *sandbox.Args) error {
	s, err := t.play()
	if err != nil {
		return err
	}
	c, info := stranger(), hooks.ConnectInfo{}
	r := read(a.At(1), "connect", "user", "password", "token", "jwt", "nkey", "signature", "nonce",
		"name", "lang", "version", "host", "kind", "tls")
	for name, to := range map[string]*string{
		"user": &info.User, "password": &info.Password, "token": &info.Token, "jwt": &info.JWT, "nkey": &info.Nkey,
		"signature": &info.Signature, "nonce": &info.Nonce,
		"name": &c.Name, "lang": &c.Lang, "version": &c.Version, "host": &c.Host, "kind": &c.Kind,
	} {
		r.text(name, to)
	}
	if v, ok := r.get("tls"); ok {
		info.TLS = &hooks.TLSInfo{Version: "1.3"}
		of := read(v, "connect: tls", "version", "common_name", "dns_names", "uris", "fingerprint")
		of.text("version", &info.TLS.Version)
		of.text("common_name", &info.TLS.CommonName)
		of.text("fingerprint", &info.TLS.Fingerprint)
		of.list("dns_names", &info.TLS.DNSNames)
		of.list("uris", &info.TLS.URIs)
		r.err = of.err
	}
	if r.err != nil {
		return r.err
	}
	o, err := s.admit(c, &info)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return t.give(a, o)
}

func (t *trial) admitted(a *sandbox.Args) error {
	s, err := t.play()
	if err != nil {
		return err
	}
	c, id := stranger(), hooks.Identity{}
	r := read(a.At(1), "client", "user", "account", "tags", "permissions", "name", "host", "kind")
	for name, to := range map[string]*string{
		"user": &id.User, "account": &id.Account, "name": &c.Name, "host": &c.Host, "kind": &c.Kind,
	} {
		r.text(name, to)
	}
	r.texts("tags", &id.Tags)
	if v, ok := r.get("permissions"); ok {
		if p, ok := v.Table(); ok {
			id.Permissions, r.err = library.ParsePermissions(t.vm, p, "client: permissions")
		} else {
			r.wrong("permissions", "a table", v)
		}
	}
	if r.err != nil {
		return r.err
	}
	c.ID = s.nextID()
	who, err := s.newActor(c, &id, rulesOf(id.Permissions))
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	out := t.vm.NewTable(0, 8)
	if err := t.person(out, who); err != nil {
		return err
	}
	a.Return(out.Value())
	return nil
}

// person gives a table what a client of a test has.
func (t *trial) person(out sandbox.Table, who *actor) error {
	out.Set("user", sandbox.String(who.client.User))
	out.Set("account", sandbox.String(who.client.Account))
	tags, err := library.ToLua(t.vm, who.client.Tags)
	if err != nil {
		return err
	}
	out.Set("tags", tags)
	if e := who.identity.Expires; !e.IsZero() {
		out.Set("expires", sandbox.Number(float64(e.UnixMilli())/1000))
	}
	limits := t.vm.NewTable(0, 2)
	for name, n := range map[string]int{"subscriptions": who.identity.Limits.MaxSubscriptions, "payload": who.identity.Limits.MaxPayload} {
		if n != 0 {
			limits.Set(name, sandbox.Number(float64(n)))
		}
	}
	out.Set("limits", limits.Value())
	out.Set("publish", t.vm.Func(t.method("publish", t.publish)))
	out.Set("subscribe", t.vm.Func(t.method("subscribe", t.subscribe)))
	t.people[out] = who
	return nil
}

// method returns a method of a client, which is called with a colon.
func (t *trial) method(name string, do func(a *sandbox.Args, who *actor) error) sandbox.Func {
	return func(a *sandbox.Args) error {
		var who *actor
		if self, ok := a.At(1).Table(); ok {
			who = t.people[self]
		}
		if who == nil {
			return fmt.Errorf("call it with a colon: client:%s(…)", name)
		}
		return do(a, who)
	}
}

func (t *trial) publish(a *sandbox.Args, who *actor) error {
	var m message
	var ok bool
	if m.subject, ok = a.At(2).Text(); !ok || !subject.ValidLiteral(m.subject) {
		return fmt.Errorf("publish: %s is no subject to publish to", showLua(a, 2))
	}
	payload, ok := a.At(3).Text()
	if !ok && !a.At(3).IsNil() {
		return fmt.Errorf("publish: the payload is a %s, not a string", a.At(3).Kind())
	}
	m.payload = []byte(payload)
	r := read(a.At(4), "publish", "reply", "headers")
	r.text("reply", &m.reply)
	r.headers("headers", &m.header)
	if r.err != nil {
		return r.err
	}
	return t.give(a, who.publish(m))
}

func (t *trial) subscribe(a *sandbox.Args, who *actor) error {
	pattern, ok := a.At(2).Text()
	if !ok || !subject.ValidPattern(pattern) {
		return fmt.Errorf("subscribe: %s is no subject to subscribe to", showLua(a, 2))
	}
	queue, ok := a.At(3).Text()
	if !ok && !a.At(3).IsNil() {
		return fmt.Errorf("subscribe: the queue group is a %s, not a string", a.At(3).Kind())
	}
	return t.give(a, who.subscribe(pattern, queue))
}

func (t *trial) event(a *sandbox.Args) error {
	s, err := t.play()
	if err != nil {
		return err
	}
	e := hooks.Event{Time: s.now()}
	var ok bool
	if e.Type, ok = a.At(1).Text(); !ok || !hooks.KnownEvent(e.Type) {
		return fmt.Errorf("event: %s is no type of event", showLua(a, 1))
	}
	r := read(a.At(2), "event", "client", "reason", "subject", "queue")
	r.text("reason", &e.Reason)
	r.text("subject", &e.Subject)
	r.text("queue", &e.Queue)
	if v, ok := r.get("client"); ok {
		c, _ := v.Table()
		who := t.people[c]
		if who == nil {
			return errors.New("event: client: it is none that connect or client returned")
		}
		e.Client = who.client
	}
	if r.err != nil {
		return r.err
	}
	if e.Client == nil && e.Type != hooks.EventReload {
		e.Client = stranger()
	}
	return t.give(a, &outcome{what: fmt.Sprintf("the event %q", e.Type), err: s.notify(e)})
}

func (t *trial) advance(a *sandbox.Args) error {
	s, err := t.play()
	if err != nil {
		return err
	}
	f, ok := a.At(1).Number()
	if !ok || f < 0 || f > 1e9 {
		return errors.New("advance: seconds from 0 to 1e9 expected")
	}
	s.advance(time.Duration(f * float64(time.Second)))
	return nil
}

func (t *trial) answerHTTP(a *sandbox.Args) error {
	s, err := t.play()
	if err != nil {
		return err
	}
	out := answer{status: 200}
	var ok bool
	if out.url, ok = a.At(1).Text(); !ok {
		return fmt.Errorf("http_answer: a URL expected, got %s", a.At(1).Kind())
	}
	r := read(a.At(2), "http_answer", "status", "body", "headers", "error")
	r.text("body", &out.body)
	r.text("error", &out.err)
	r.whole("status", 100, 599, &out.status)
	r.texts("headers", &out.headers)
	if r.err != nil {
		return r.err
	}
	s.network.add(out)
	return nil
}

func (t *trial) requests(a *sandbox.Args) error {
	s, err := t.play()
	if err != nil {
		return err
	}
	out := t.vm.NewTable(0, 0)
	for _, r := range s.network.seen() {
		v, err := library.ToLua(t.vm, map[string]any{"method": r.method, "url": r.url, "body": r.body})
		if err != nil {
			return err
		}
		headers, err := library.ToLua(t.vm, r.headers)
		if err != nil {
			return err
		}
		one, _ := v.Table()
		one.Set("headers", headers)
		out.Append(v)
	}
	a.Return(out.Value())
	return nil
}

const (
	fixtures    = "testdata" // the folder beside tests that has what they read
	mostFixture = 16 << 20   // bytes
)

func (t *trial) fixture(a *sandbox.Args) error {
	name, ok := a.At(1).Text()
	if !ok {
		return fmt.Errorf("fixture: the name of a file in %s expected, got %s", fixtures, a.At(1).Kind())
	}
	content, err := readFixture(filepath.Join(filepath.Dir(t.suite.file), fixtures), name)
	if err != nil {
		return fmt.Errorf("fixture: %w", err)
	}
	a.Charge(len(content))
	a.Return(sandbox.Bytes(content))
	return nil
}

// readFixture reads a file below a folder, and none that a link leads to outside
// of it.
func readFixture(folder, name string) ([]byte, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // to open a pipe would wait
		return nil, fmt.Errorf("%s is not a regular file", name)
	case info.Size() > mostFixture:
		return nil, fmt.Errorf("%s has %d bytes: the most is %d", name, info.Size(), mostFixture)
	}
	return root.ReadFile(name)
}

func (t *trial) logs(a *sandbox.Args) error {
	s, err := t.play()
	if err != nil {
		return err
	}
	return t.lines(a, s.logged())
}

func (t *trial) acts(a *sandbox.Args) error {
	s, err := t.play()
	if err != nil {
		return err
	}
	return t.lines(a, s.acts)
}

func (t *trial) lines(a *sandbox.Args, lines []string) error {
	v, err := library.ToLua(t.vm, lines)
	a.Return(v)
	return err
}
