package server_test

import (
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"

	"moonwire/server/servertest"
)

// way is how a client reaches a broker, and what has to be configured for it.
type way struct {
	config string
	url    func(servertest.Broker) string
	with   []nats.Option
}

// ways are all those that leave the process.
func ways(p *pki) map[string]way {
	web := func(scheme string) func(servertest.Broker) string {
		return func(b servertest.Broker) string { return scheme + "://" + b.WebSocketAddr().String() }
	}
	tcp := func(b servertest.Broker) string { return b.ClientURL() }
	return map[string]way{
		"tcp":            {"", tcp, nil},
		"tls":            {p.block(), tcp, []nats.Option{p.roots()}},
		"tls first":      {p.block("handshake_first: true"), tcp, []nats.Option{p.roots(), nats.TLSHandshakeFirst()}},
		"ws":             {socket("no_tls: true"), web("ws"), nil},
		"wss":            {socket(p.block()), web("wss"), []nats.Option{p.roots()}},
		"wss compressed": {socket(p.block(), "compression: true"), web("wss"), []nats.Option{p.roots(), nats.Compression(true)}},
	}
}

// socket is a websocket block with more keys.
func socket(more ...string) string {
	s := "websocket { listen: \"127.0.0.1:-1\"\n"
	for _, m := range more {
		s += m + "\n"
	}
	return s + "}\n"
}

// key is a pair of keys with its public side, and what signs with it.
type key struct {
	nkeys.KeyPair
	pub string
}

func newKey(t testing.TB, create func() (nkeys.KeyPair, error)) key {
	t.Helper()
	k, err := create()
	must(t, err)
	pub, err := k.PublicKey()
	must(t, err)
	return key{k, pub}
}

// TestCredentials: each kind of credential, right and wrong, in each way.
func TestCredentials(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	hash, err := bcrypt.GenerateFromPassword([]byte("s3cret"), bcrypt.MinCost)
	must(t, err)
	mine, other := newKey(t, nkeys.CreateUser), newKey(t, nkeys.CreateUser)
	users := fmt.Sprintf(`accounts { A { users: [{user: ann, password: s3cret}, {user: bob, password: %q}, {nkey: %s}] } }`, hash, mine.pub)
	guest := users + "\nno_auth_user: ann"
	for name, tt := range map[string]struct {
		config string
		with   nats.Option
		ok     bool
	}{
		"token":                {`authorization { token: t0ken }`, nats.Token("t0ken"), true},
		"wrong token":          {`authorization { token: t0ken }`, nats.Token("token"), false},
		"password":             {users, nats.UserInfo("ann", "s3cret"), true},
		"wrong password":       {users, nats.UserInfo("ann", "secret"), false},
		"bcrypt":               {users, nats.UserInfo("bob", "s3cret"), true},
		"wrong bcrypt":         {users, nats.UserInfo("bob", "secret"), false},
		"nkey":                 {users, nats.Nkey(mine.pub, mine.Sign), true},
		"unknown nkey":         {users, nats.Nkey(other.pub, other.Sign), false},
		"nkey of another":      {users, nats.Nkey(mine.pub, other.Sign), false},
		"nothing":              {users, nats.Name("x"), false},
		"a guest":              {guest, nats.Name("x"), true},
		"a guest with a wrong": {guest, nats.UserInfo("ann", "wrong"), false},
	} {
		for by, w := range ways(p) {
			t.Run(name+", "+by, func(t *testing.T) {
				t.Parallel()
				b := servertest.Start(t, w.config+tt.config)
				_, err := open(t, w.url(b), append([]nats.Option{tt.with}, w.with...)...)
				if tt.ok {
					must(t, err)
				} else if !errors.Is(err, nats.ErrAuthorization) {
					t.Errorf("got %v, want %v", err, nats.ErrAuthorization)
				}
			})
		}
	}
}

// TestWays: small and large requests and answers in each way.
func TestWays(t *testing.T) {
	t.Parallel()
	for by, w := range ways(newPKI(t)) {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			b := servertest.Start(t, w.config+"debug: false")
			nc, err := open(t, w.url(b), w.with...)
			must(t, err)
			echo(t, nc, nc)
		})
	}
}

// TestWaysMeet: clients that came in by different ways reach each other.
func TestWaysMeet(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	b := servertest.Start(t, p.block()+"allow_non_tls: true\n"+socket(p.block(), "compression: true"))
	web := url.URL{Scheme: "wss", Host: b.WebSocketAddr().String()}
	plain, err := open(t, b.ClientURL())
	must(t, err)
	secure, err := open(t, b.ClientURL(), nats.Secure(p.client()))
	must(t, err)
	browser, err := open(t, web.String(), p.roots(), nats.Compression(true))
	must(t, err)
	clients := []*nats.Conn{plain, secure, browser}
	for _, asker := range clients {
		for _, answerer := range clients {
			echo(t, asker, answerer)
		}
	}
}
