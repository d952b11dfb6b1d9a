package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server"
	"moonwire/server/config"
	"moonwire/server/servertest"
)

// connecting is a spec of a hook at connect.
func connecting(say func(*hooks.Call)) hooks.Spec {
	return hooktest.Spec("door", hooktest.At(hooks.AtConnect, say))
}

func allow(id *hooks.Identity) func(*hooks.Call) {
	return func(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Allow, Identity: id} }
}

func refuse(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Deny, Reason: "not today"} }

// greeted returns the greeting of a broker.
func greeted(t testing.TB, addr string) (info struct {
	AuthRequired bool   `json:"auth_required"`
	Nonce        string `json:"nonce"`
},
) {
	t.Helper()
	c, err := dial(addr)
	must(t, err)
	defer c.close()
	must(t, json.Unmarshal([]byte(strings.TrimPrefix(c.info, "INFO ")), &info))
	return info
}

// says sends a CONNECT with fields and a PING, and returns the line that comes
// back.
func says(t testing.TB, addr, fields string) (*rawClient, string) {
	t.Helper()
	c, err := dial(addr)
	must(t, err)
	t.Cleanup(c.close)
	must(t, c.send(`CONNECT {"verbose":false`+fields+"}\r\nPING\r\n"))
	line, err := c.readLine()
	must(t, err)
	return c, line
}

// TestHookedConnect says for each answer at connect, and for the users of the
// configuration, who is let in, and what the log says of those who are not.
func TestHookedConnect(t *testing.T) {
	t.Parallel()
	users := loopback()
	users.Users = []config.User{{Username: "u", Password: "secret-1"}}
	const native = `,"user":"u","pass":"secret-1"`
	door := func(say func(*hooks.Call)) []hooks.Spec { return []hooks.Spec{connecting(say)} }
	failing := door(func(c *hooks.Call) { c.Err = errors.New("broken") })
	skipping := door(func(c *hooks.Call) { c.Err = errors.New("broken") })
	skipping[0].OnError = skipping[0].OnError.All(hooks.OnErrorSkip)
	opening := door(func(c *hooks.Call) { c.Err = errors.New("broken") })
	opening[0].OnError = opening[0].OnError.All(hooks.OnErrorAllow)
	shadow := door(refuse)
	shadow[0].Mode = hooks.Shadow
	tests := map[string]struct {
		o      server.Options
		hooks  []hooks.Spec
		fields string
		want   string
		logged string
	}{
		"deny":                  {loopback(), door(refuse), "", violation, `authentication error: hook "door": "not today"`},
		"nobody allows":         {loopback(), door(func(*hooks.Call) {}), "", violation, "authentication error: no hook allowed the connection"},
		"an error":              {loopback(), failing, "", violation, `authentication error: hook "door": "the hook failed: runtime"`},
		"an error, skipped":     {loopback(), skipping, "", violation, "authentication error: no hook allowed the connection"},
		"an error, fails open":  {loopback(), opening, "", "PONG", ""},
		"a panic":               {loopback(), door(func(*hooks.Call) { panic("!") }), "", violation, `authentication error: hook "door": "the hook failed: runtime"`},
		"allow, no users":       {loopback(), door(allow(nil)), "", "PONG", ""},
		"allow, right password": {users, door(allow(nil)), native, "PONG", ""},
		"allow, wrong password": {users, door(allow(nil)), `,"user":"u","pass":"secret-2"`, violation, `authentication error: user "u"`},
		"deny, right password":  {users, door(refuse), native, violation, `authentication error: hook "door": "not today"`},
		"identity without user": {
			users, door(allow(&hooks.Identity{Account: "$G", Tags: map[string]string{"a": "b"}})), native, violation,
			`authentication error: what hooks say of user "": it has no user`,
		},
		"identity, wrong password": {users, door(allow(&hooks.Identity{User: "x"})), `,"user":"u","pass":"secret-2"`, "PONG", ""},
		"no such account": {
			loopback(), door(allow(&hooks.Identity{User: "x", Account: "A"})), "", violation,
			`authentication error: what hooks say of user "x": there is no account "A"`,
		},
		"expired": {
			loopback(), door(allow(&hooks.Identity{User: "x", Expires: time.Unix(1, 0)})), "", violation,
			`authentication error: what hooks say of user "x": it has expired at `,
		},
		"a tag with a colon": {
			loopback(), door(allow(&hooks.Identity{User: "x", Tags: map[string]string{"a:b": "c"}})), "", violation,
			`authentication error: what hooks say of user "x": the name of tag "a:b" has a colon`,
		},
		"permissions that are not valid": {
			loopback(), door(allow(&hooks.Identity{Permissions: &hooks.Permissions{Publish: hooks.Rules{Allow: []string{"a..b"}}}})), "", violation,
			`authentication error: hook "door": "the hook failed: bad_reply"`,
		},
		"shadow": {loopback(), shadow, "", "PONG", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, logged := startLogged(t, tt.o, server.WithHooks(tt.hooks...))
			c, got := says(t, b.Addr(), tt.fields)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.want != violation {
				return
			}
			if rest, err := c.ended(); rest != "" || err != nil {
				t.Errorf("the end is %q, %v", rest, err)
			}
			if count(logged, tt.logged) != 1 {
				t.Errorf("no line has %q: %v", tt.logged, logged.All())
			}
			if count(logged, "secret") != 0 {
				t.Errorf("the log has a secret: %v", logged.All())
			}
		})
	}
}

// TestHookedGreeting: while a hook decides who connects, clients are asked for
// credentials, and have something to sign; nobody is anonymous.
func TestHookedGreeting(t *testing.T) {
	t.Parallel()
	open, shut := hooktest.Spec("door", hooktest.At(hooks.AtPublish, func(*hooks.Call) {})), connecting(allow(nil))
	shadow := connecting(allow(nil))
	shadow.Mode = hooks.Shadow
	for name, tt := range map[string]struct {
		hook hooks.Spec
		want bool
	}{"at connect": {shut, true}, "at another point": {open, false}, "shadow": {shadow, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := server.New(loopback(), server.WithHooks(tt.hook))
			must(t, err)
			must(t, s.Start())
			t.Cleanup(s.Shutdown)
			b := servertest.Broker{Server: s}
			if info := greeted(t, b.Addr()); info.AuthRequired != tt.want || (info.Nonce != "") != tt.want {
				t.Errorf("greeted with %+v", info)
			}
			c, err := dial(b.Addr())
			must(t, err)
			defer c.close()
			must(t, c.send("PING\r\n"))
			line, err := c.readLine()
			must(t, err)
			if want := map[bool]string{true: violation, false: "PONG"}[tt.want]; line != want {
				t.Errorf("without CONNECT: %q, want %q", line, want)
			}
		})
	}
}

// TestHookedCredentials: a hook sees what a client presents, the nonce and the
// certificate of the way included.
func TestHookedCredentials(t *testing.T) {
	t.Parallel()
	seen := make(chan hooks.ConnectInfo, 1)
	who := make(chan *hooks.Client, 1)
	s, err := server.New(loopback(), server.WithHooks(connecting(func(c *hooks.Call) {
		seen <- *c.Connect
		who <- c.Client
		allow(nil)(c)
	})))
	must(t, err)
	must(t, s.Start())
	t.Cleanup(s.Shutdown)
	b := servertest.Broker{Server: s}
	_, line := says(t, b.Addr(), `,"user":"u","pass":"p","auth_token":"t","jwt":"j","name":"app","lang":"go","version":"1"`)
	if line != "PONG" {
		t.Fatal(line)
	}
	got := <-seen
	if got.User != "u" || got.Password != "p" || got.Token != "t" || got.JWT != "j" || got.Nonce == "" || got.TLS != nil {
		t.Errorf("got %q %q %q %q %q %v", got.User, got.Password, got.Token, got.JWT, got.Nonce, got.TLS)
	}
	c := <-who
	if c.User != "" || c.Account != "" || c.Name != "app" || c.Lang != "go" || c.Version != "1" || c.Host != "127.0.0.1" || c.Kind != "STANDARD" || c.ID == 0 {
		t.Errorf("got %+v", c)
	}

	// nats.go signs the nonce.
	key, err := nkeys.CreateUser()
	must(t, err)
	public, err := key.PublicKey()
	must(t, err)
	nc, err := nats.Connect(b.ClientURL(), nats.Nkey(public, key.Sign))
	must(t, err)
	nc.Close()
	got = <-seen
	<-who
	if got.Nkey != public || got.Signature == "" || got.Nonce == "" {
		t.Errorf("got nkey %q, signature %q, nonce %q", got.Nkey, got.Signature, got.Nonce)
	}
}

// TestHookedIdentity: a connection is what a hook says that it is.
func TestHookedIdentity(t *testing.T) {
	t.Parallel()
	o := loopback()
	o.Accounts = []config.Account{{Name: "A", Users: []config.User{{Username: "native", Password: "p"}}}}
	var last sync.Map // *hooks.Client by subject
	note := hooktest.At(hooks.AtPublish, func(c *hooks.Call) { last.Store(string(c.Subject), c.Client) })
	b, _ := startLogged(t, o, server.WithHooks(connecting(func(c *hooks.Call) {
		if c.Connect.User == "native" {
			allow(nil)(c)
			return
		}
		allow(&hooks.Identity{
			User: "x-" + c.Connect.User, Account: "A", Tags: map[string]string{"role": "a:b", "plain": ""},
			Limits: hooks.Limits{MaxSubscriptions: 2, MaxPayload: 5},
			Permissions: &hooks.Permissions{
				Publish:   hooks.Rules{Allow: []string{"ok.>"}, Deny: []string{"ok.no"}},
				Subscribe: hooks.Rules{Allow: []string{"in.>", "q.> w"}},
				Responses: &hooks.Responses{},
			},
		})(c)
	}), hooktest.Spec("note", note)))

	native := says2(t, b.Addr(), `,"user":"native","pass":"p"`)
	must(t, native.send("SUB ok.> 1\r\nSUB reply 2\r\n"))
	must(t, native.sync(nil))
	c := says2(t, b.Addr(), `,"user":"u"`)
	must(t, c.send("PUB ok.a 1\r\n1\r\nPUB ok.no 1\r\n2\r\nPUB other 1\r\n3\r\nSUB out 1\r\nSUB q.a w 2\r\nSUB in.a 3\r\nSUB in.b 4\r\n"))
	for _, want := range []string{
		`-ERR 'Permissions Violation for Publish to "ok.no"'`, `-ERR 'Permissions Violation for Publish to "other"'`,
		`-ERR 'Permissions Violation for Subscription to "out"'`, "-ERR 'maximum subscriptions exceeded'",
	} {
		line, err := c.readLine()
		must(t, err)
		if line != want {
			t.Fatalf("got %q, want %q", line, want)
		}
	}
	f, err := native.message()
	must(t, err)
	if string(f.payload) != "1" {
		t.Errorf("the other user got %s", f)
	}
	// It may answer what it gets.
	must(t, native.send("PUB in.a reply 1\r\n?\r\n"))
	if f, err = c.message(); err != nil || f.reply != "reply" {
		t.Fatalf("got %s, %v", f, err)
	}
	must(t, c.send("PUB reply 1\r\n!\r\n"))
	if f, err = native.message(); err != nil || string(f.payload) != "!" {
		t.Fatalf("got %s, %v", f, err)
	}
	got, _ := last.Load("ok.a")
	if h := got.(*hooks.Client); h.User != "x-u" || h.Account != "A" || h.Tags["role"] != "a:b" || len(h.Tags) != 2 {
		t.Errorf("hooks see %+v", h)
	}
	must(t, c.send("PUB ok.a 6\r\n123456\r\n"))
	if rest, err := c.ended(); rest != "-ERR 'Maximum Payload Violation'\r\n" || err != nil {
		t.Errorf("the end is %q, %v", rest, err)
	}
}

// says2 connects with fields, and fails the test if that is refused.
func says2(t testing.TB, addr, fields string) *rawClient {
	t.Helper()
	c, line := says(t, addr, fields)
	if line != "PONG" {
		t.Fatalf("got %q", line)
	}
	return c
}

// TestHookedExpiry: a connection ends when its identity expires.
func TestHookedExpiry(t *testing.T) {
	t.Parallel()
	b, _ := startLogged(t, loopback(), server.WithHooks(connecting(func(c *hooks.Call) {
		allow(&hooks.Identity{User: "u", Expires: time.Now().Add(50 * time.Millisecond)})(c)
	})))
	c := says2(t, b.Addr(), "")
	if rest, err := c.ended(); rest != "-ERR 'User Authentication Expired'\r\n" || err != nil {
		t.Errorf("the end is %q, %v", rest, err)
	}
}

// TestHookedHanging: a hook that hangs holds up the one connection that it is
// asked about, until that is closed: by the timeout of authentication, or as the
// server shuts down.
func TestHookedHanging(t *testing.T) {
	t.Parallel()
	for _, shutdown := range []bool{false, true} {
		t.Run(fmt.Sprintf("shutdown %v", shutdown), func(t *testing.T) {
			t.Parallel()
			asked, ended := make(chan struct{}), make(chan error, 1)
			hang := &hooktest.Engine{Wants: []hooks.Registration{{Point: hooks.AtConnect}}}
			hang.Ask = func(ctx context.Context, _ int, calls []*hooks.Call) error {
				if calls[0].Connect.User != "hang" {
					allow(nil)(calls[0])
					return nil
				}
				close(asked)
				<-ctx.Done()
				ended <- ctx.Err()
				return ctx.Err()
			}
			door := hooktest.Spec("door", hang)
			door.Timeout = door.Timeout.All(time.Hour)
			o := loopback()
			o.AuthTimeout = 200 * time.Millisecond
			if shutdown {
				o.AuthTimeout = time.Hour
			}
			b, logged := startLogged(t, o, server.WithHooks(door))
			c, err := dial(b.Addr())
			must(t, err)
			defer c.close()
			must(t, c.send(`CONNECT {"verbose":false,"user":"hang"}`+"\r\nPING\r\n"))
			<-asked
			other := says2(t, b.Addr(), "") // nobody else waits
			must(t, other.sync(nil))
			want := "-ERR 'Authentication Timeout'\r\n"
			if shutdown {
				want = ""
				b.Shutdown()
			}
			if rest, err := c.ended(); rest != want || err != nil {
				t.Errorf("the end is %q, %v", rest, err)
			}
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the hook was told %v", err)
			}
			if count(logged, "authentication error") != 0 {
				t.Errorf("the log says %v", logged.All())
			}
		})
	}
}

// TestHookedReload: a reload of the configuration leaves alone who was let in by
// hooks, but for those whose account is gone, whatever the users are then.
func TestHookedReload(t *testing.T) {
	t.Parallel()
	o := loopback()
	o.Accounts = []config.Account{{Name: "A"}, {Name: "B"}}
	o.Users = []config.User{{Username: "u", Password: "p"}}
	b, _ := startLogged(t, o, server.WithHooks(connecting(func(c *hooks.Call) {
		if c.Connect.User == "u" {
			allow(nil)(c)
			return
		}
		allow(&hooks.Identity{User: "u", Account: c.Connect.User})(c) // of the name of another
	})))
	a, gone, native := says2(t, b.Addr(), `,"user":"A"`), says2(t, b.Addr(), `,"user":"B"`), says2(t, b.Addr(), `,"user":"u","pass":"p"`)
	must(t, a.send("SUB x 1\r\n"))
	o = loopback()
	o.Accounts = []config.Account{{Name: "A"}}
	o.Users = []config.User{{Username: "v", Password: "p"}}
	must(t, b.Reload(o))
	for who, c := range map[string]*rawClient{"of an account that is gone": gone, "of a user that is gone": native} {
		if rest, err := c.ended(); rest != "" || err != nil {
			t.Errorf("%s: the end is %q, %v", who, rest, err)
		}
	}
	must(t, a.send("PUB x 1\r\n!\r\n"))
	if f, err := a.message(); err != nil || string(f.payload) != "!" {
		t.Errorf("got %s, %v", f, err)
	}
	must(t, a.sync(nil))
}

// TestHookedStartFails: a server that cannot be started lets go of its hooks.
func TestHookedStartFails(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	o := loopback()
	o.Port = l.Addr().(*net.TCPAddr).Port
	e := new(edition)
	e.Wants = []hooks.Registration{{Point: hooks.AtConnect}}
	e.open.Store(true)
	s, err := server.New(o, server.WithHooks(hooktest.Spec("door", e)))
	must(t, err)
	if s.Start() == nil {
		t.Error("started")
	}
	if e.open.Load() {
		t.Error("the hook is still open")
	}
}

// TestHookedEvents: what the server tells of connections that come, go, and are
// refused.
func TestHookedEvents(t *testing.T) {
	t.Parallel()
	got := make(chan string, 100)
	e := hooktest.Listener(func(e hooks.Event) { got <- fmt.Sprintf("%s %q %q %q", e.Type, e.Client.User, e.Client.Name, e.Reason) })
	o := loopback()
	o.Users = []config.User{{Username: "u", Password: "p"}}
	o.AuthTimeout = 300 * time.Millisecond
	b, _ := startLogged(t, o, server.WithHooks(hooktest.Spec("e", e)))
	expect := func(want string) {
		t.Helper()
		select {
		case g := <-got:
			if !strings.HasPrefix(g, want) {
				t.Errorf("got %s, want %s", g, want)
			}
		case <-time.After(patience):
			t.Fatalf("nothing in place of %s", want)
		}
	}
	c := says2(t, b.Addr(), `,"user":"u","pass":"p","name":"n"`)
	expect(`connect "u" "n" ""`)
	says(t, b.Addr(), `,"user":"u","pass":"q","name":"m"`)
	expect(`auth_error "" "m" "user \"u\"`)
	late, err := dial(b.Addr())
	must(t, err)
	defer late.close()
	expect(`auth_error "" "" "Authentication Timeout"`)
	c.close()
	expect(`disconnect "u" "n" "Client Closed"`)
}

// TestHookedTraffic: with a client library a request is rewritten, inspected and
// answered; neither the answers' way nor the system account has hooks.
func TestHookedTraffic(t *testing.T) {
	t.Parallel()
	var asked sync.Map
	note := func(c *hooks.Call) { asked.Store(string(c.Subject), true) }
	o := loopback()
	o.Accounts = []config.Account{
		{Name: "SYS", Users: []config.User{{Username: "sys", Password: "p"}}},
		{Name: "A", Users: []config.User{{Username: "a", Password: "p"}}, Imports: []config.Import{
			{Service: true, Account: "B", Subject: "svc.there", To: "svc.here"},
		}},
		{Name: "B", Users: []config.User{{Username: "b", Password: "p"}}, Exports: []config.Export{{Service: true, Subject: "svc.there"}}},
	}
	o.SystemAccount = "SYS"
	b, _ := startLogged(t, o, server.WithHooks(
		hooktest.Spec("rewrite", hooktest.At(hooks.AtRewrite, func(c *hooks.Call) {
			note(c)
			c.Out = hooks.Result{Verdict: hooks.Replace, Subject: []byte("svc.here")}
		}, "legacy.>")),
		hooktest.Spec("stamp", hooktest.At(hooks.AtInspect, func(c *hooks.Call) {
			note(c)
			c.Out = hooks.Result{Verdict: hooks.Replace, Header: []byte("NATS/1.0\r\nBy: " + c.Client.User + "\r\n\r\n")}
		})),
		hooktest.Spec("no", hooktest.At(hooks.AtPublish, refuse, "no"))))
	client := func(user string) *nats.Conn {
		nc, err := nats.Connect(b.ClientURL(), nats.UserInfo(user, "p"), nats.Timeout(patience))
		must(t, err)
		t.Cleanup(nc.Close)
		return nc
	}
	service, asks, sys := client("b"), client("a"), client("sys")
	_, err := service.Subscribe("svc.there", func(m *nats.Msg) { _ = m.Respond([]byte("by " + m.Header.Get("By"))) })
	must(t, err)
	must(t, service.Flush())
	m, err := asks.Request("legacy.x", []byte("?"), patience)
	must(t, err)
	if string(m.Data) != "by a" || m.Header.Get("By") != "b" {
		t.Errorf("got %q with %v", m.Data, m.Header)
	}
	errs := make(chan error, 1)
	asks.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { errs <- err })
	must(t, asks.Publish("no", nil))
	if err := <-errs; !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("got %v", err)
	}
	sub, err := sys.SubscribeSync("no")
	must(t, err)
	must(t, sys.Publish("no", nil))
	if m, err := sub.NextMsg(patience); err != nil || len(m.Header) != 0 {
		t.Errorf("the system account got %v, %v", m, err)
	}
	if _, there := asked.Load("svc.there"); there {
		t.Error("hooks were asked about the relayed request")
	}
}

// TestHookedCertificate: a hook sees what a certificate of the client says, if it
// was verified.
func TestHookedCertificate(t *testing.T) {
	t.Parallel()
	for _, verify := range []bool{true, false} {
		t.Run(fmt.Sprintf("verify %v", verify), func(t *testing.T) {
			t.Parallel()
			p := newPKI(t)
			cert := p.issue("ann")
			b := servertest.Start(t, p.block(fmt.Sprintf("verify: %t", verify)))
			seen := make(chan *hooks.TLSInfo, 1)
			must(t, server.Manager(b.Server).Load(context.Background(), []hooks.Spec{connecting(func(c *hooks.Call) {
				seen <- c.Connect.TLS
				allow(nil)(c)
			})}))
			nc, err := nats.Connect(b.ClientURL(), p.roots(), p.as("ann"))
			must(t, err)
			nc.Close()
			got := <-seen
			want := &hooks.TLSInfo{Version: "1.3"}
			if verify {
				sum := sha256.Sum256(cert.Raw)
				want.CommonName, want.DNSNames, want.Fingerprint = "ann", []string{"ann"}, hex.EncodeToString(sum[:])
			}
			equal(t, "TLS", want, got)
		})
	}
}
