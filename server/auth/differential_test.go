package auth_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/servertest"
	"moonwire/server/wire"
)

// patience bounds a conversation with the reference.
const patience = 10 * time.Second

// line is a connection that is read by lines.
type line struct {
	net.Conn
	r *bufio.Reader
}

// dial connects to the reference and returns its INFO.
func dial(addr string) (line, wire.Info, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return line{}, wire.Info{}, err
	}
	l := line{conn, bufio.NewReader(conn)}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return l, wire.Info{}, err
	}
	i, err := l.info()
	return l, i, err
}

func (l line) info() (i wire.Info, err error) {
	text, err := l.r.ReadString('\n')
	if err != nil {
		return i, err
	}
	j, ok := strings.CutPrefix(text, "INFO ")
	if !ok {
		return i, fmt.Errorf("got %q in place of an INFO", text)
	}
	return i, json.Unmarshal([]byte(j), &i)
}

// connect sends c and returns the account that the reference puts the
// connection into; empty if it refuses it.
func (l line) connect(c wire.Connect) (string, error) {
	c.Protocol = 1
	j, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(l, "CONNECT %s\r\nPING\r\n", j); err != nil {
		return "", err
	}
	if in, err := l.pong(); err != nil || !in {
		return "", err
	}
	i, err := l.info()
	return i.RemoteAccount, err
}

// pong reports whether a PING was answered, or else the connection closed for
// the lack of credentials.
func (l line) pong() (bool, error) {
	text, err := l.r.ReadString('\n')
	switch {
	case err != nil:
		return false, err
	case text == "PONG\r\n":
		return true, nil
	case text != "-ERR 'Authorization Violation'\r\n":
		return false, fmt.Errorf("got %q in place of a PONG", text)
	}
	if _, err := l.r.ReadByte(); !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("refused, but not closed: %w", err)
	}
	return false, nil
}

// world is a configuration, and what may be presented to it.
type world struct {
	o        config.Options
	names    []string
	signers  []signer
	stranger signer
}

var (
	accounts  = []string{"A", "B", "$SYS"}
	passwords = []string{"", "p", "q"}
	types     = [][]string{nil, nil, nil, {"STANDARD"}, {"websocket"}, {"WEBSOCKET", "standard"}, {"IN_PROCESS"}}
)

// drawWorld draws who may connect. The no_auth_user has no hashed password:
// nats-server compares the hash with itself there and lets nobody in.
func drawWorld(t *rapid.T, tb testing.TB, hashes map[string]string) world {
	w := world{stranger: newSigner(tb)}
	password := func() string {
		p := rapid.SampledFrom(passwords).Draw(t, "password")
		if p != "" && rapid.IntRange(0, 3).Draw(t, "hashed") == 0 {
			return hashes[p]
		}
		return p
	}
	var open []string // who may be the no_auth_user
	users := func() (us []config.User) {
		for range rapid.IntRange(0, 2).Draw(t, "users") {
			u := config.User{ConnectionTypes: rapid.SampledFrom(types).Draw(t, "types")}
			if rapid.IntRange(0, 3).Draw(t, "nkey") == 0 {
				s := newSigner(tb)
				w.signers = append(w.signers, s)
				u.Nkey = s.public
				open = append(open, u.Nkey)
			} else {
				u.Username, u.Password = "u"+strconv.Itoa(len(w.names)), password()
				w.names = append(w.names, u.Username)
				if !strings.HasPrefix(u.Password, "$") {
					open = append(open, u.Username)
				}
			}
			us = append(us, u)
		}
		return us
	}
	switch rapid.SampledFrom([]string{"users", "users", "users", "single", "token", "accounts"}).Draw(t, "mode") {
	case "single":
		w.names = []string{"u"}
		w.o.Username, w.o.Password = "u", password()
		return w
	case "token":
		if w.o.Token = password(); w.o.Token == "" {
			w.o.Token = "p"
		}
		return w
	case "users":
		w.o.Users = users()
	}
	for _, name := range accounts {
		if rapid.Bool().Draw(t, name) {
			w.o.Accounts = append(w.o.Accounts, config.Account{Name: name, Users: users()})
		}
	}
	w.o.AuthorizationBlock = len(w.o.Users) > 0 || rapid.IntRange(0, 3).Draw(t, "block") == 0
	if len(open) > 0 && rapid.IntRange(0, 2).Draw(t, "open") == 0 {
		w.o.NoAuthUser = rapid.SampledFrom(open).Draw(t, "no_auth_user")
	}
	return w
}

// text is the configuration in NATS syntax.
func (w world) text() string {
	var b strings.Builder
	users := func(us []config.User) {
		b.WriteString("users: [\n")
		for _, u := range us {
			if u.Nkey != "" {
				fmt.Fprintf(&b, "{nkey: %s", u.Nkey)
			} else {
				fmt.Fprintf(&b, "{user: %q, password: %q", u.Username, u.Password)
			}
			if len(u.ConnectionTypes) > 0 {
				fmt.Fprintf(&b, ", allowed_connection_types: [%s]", strings.Join(u.ConnectionTypes, ", "))
			}
			b.WriteString("}\n")
		}
		b.WriteString("]\n")
	}
	switch o := w.o; {
	case o.Username != "":
		fmt.Fprintf(&b, "authorization { user: %q, password: %q }\n", o.Username, o.Password)
	case o.Token != "":
		fmt.Fprintf(&b, "authorization { token: %q }\n", o.Token)
	case o.AuthorizationBlock:
		b.WriteString("authorization {\n")
		users(o.Users)
		b.WriteString("}\n")
	}
	if len(w.o.Accounts) > 0 {
		b.WriteString("accounts {\n")
		for _, a := range w.o.Accounts {
			fmt.Fprintf(&b, "%s {\n", a.Name)
			users(a.Users)
			b.WriteString("}\n")
		}
		b.WriteString("}\n")
	}
	if w.o.NoAuthUser != "" {
		fmt.Fprintf(&b, "no_auth_user: %q\n", w.o.NoAuthUser)
	}
	return b.String()
}

// drawConnect draws what is presented: right, wrong and left out as it comes.
func (w world) drawConnect(t *rapid.T, tb testing.TB, nonce string) (c wire.Connect) {
	odds := func(label string) bool { return rapid.IntRange(0, 3).Draw(t, label) == 0 }
	if !odds("no user") {
		c.User = rapid.SampledFrom(append([]string{"", "x"}, w.names...)).Draw(t, "user")
	}
	c.Password = rapid.SampledFrom(passwords).Draw(t, "pass")
	c.Token = rapid.SampledFrom([]string{"", "", "p", "q"}).Draw(t, "token")
	if odds("jwt") {
		c.JWT = "x"
	}
	if odds("nkey") {
		s := rapid.SampledFrom(append([]signer{w.stranger}, w.signers...)).Draw(t, "signer")
		c.Nkey = s.public
		switch rapid.SampledFrom([]string{"url", "std", "other", "none", "noise"}).Draw(t, "sig") {
		case "url":
			c.Sig = base64.RawURLEncoding.EncodeToString(s.sign(tb, nonce))
		case "std":
			c.Sig = base64.StdEncoding.EncodeToString(s.sign(tb, nonce))
		case "other":
			c.Sig = base64.RawURLEncoding.EncodeToString(s.sign(tb, nonce+"x"))
		case "noise":
			c.Sig = "?"
		}
	}
	return c
}

// TestAsReference: whatever users there are and whatever is presented, the
// reference lets in whom we let in, into the same account, and its INFO says the
// same of it before.
func TestAsReference(t *testing.T) {
	t.Parallel()
	hashes := map[string]string{"p": hash(t, "p"), "q": hash(t, "q")}
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt, t, hashes)
		text := w.text()
		a, err := auth.New(&w.o)
		if err != nil {
			rt.Fatalf("%v\n%s", err, text)
		}
		reference := servertest.StartReference(t, text)
		defer reference.Shutdown()

		// Nothing but a PING.
		l, i, err := dial(reference.Addr())
		if err != nil {
			rt.Fatal(err)
		}
		defer l.Close()
		if i.AuthRequired != a.Required() || (i.Nonce != "") != a.NeedsNonce() {
			rt.Errorf("INFO has auth_required %v and nonce %q; got %v, %v for\n%s", i.AuthRequired, i.Nonce, a.Required(), a.NeedsNonce(), text)
		}
		if _, err := io.WriteString(l, "PING\r\n"); err != nil {
			rt.Fatal(err)
		}
		in, err := l.pong()
		if err != nil {
			rt.Fatal(err)
		}
		// A no_auth_user with an nkey must send a CONNECT there, and need not here.
		if byKey := strings.HasPrefix(w.o.NoAuthUser, "U"); in != (a.Anonymous() != nil) && !byKey {
			rt.Errorf("without CONNECT: %v; got %+v for\n%s", in, a.Anonymous(), text)
		}

		for range 12 {
			l, i, err := dial(reference.Addr())
			if err != nil {
				rt.Fatal(err)
			}
			defer l.Close()
			c := w.drawConnect(rt, t, i.Nonce)
			want, err := l.connect(c)
			if err != nil {
				rt.Fatalf("%+v: %v for\n%s", c, err, text)
			}
			got := ""
			id, err := a.Authenticate(&auth.Request{Connect: &c, Nonce: []byte(i.Nonce), Type: auth.Standard})
			if err == nil {
				got = id.Account
			}
			if got != want {
				rt.Errorf("%+v: is in %q (%v), there in %q for\n%s", c, got, err, want, text)
			}
		}
	})
}

// TestNoSecretInErrors: whatever is configured and presented, no error shows a
// secret of either side.
func TestNoSecretInErrors(t *testing.T) {
	t.Parallel()
	k, other := newSigner(t), newSigner(t)
	seeds := []string{k.seed(t), other.seed(t)}
	secret := rapid.StringMatching(`[a-z0-9:/%+= é'"\\]{8,40}`)
	failed := 0
	rapid.Check(t, func(rt *rapid.T) {
		var secrets []string
		draw := func(label string) string {
			s := "§" + secret.Draw(rt, label) // no name has a § in it
			secrets = append(secrets, s)
			return s
		}
		o := config.Options{}
		switch rapid.SampledFrom([]string{"single", "token", "users"}).Draw(rt, "mode") {
		case "single":
			o.Username, o.Password = "u", draw("password")
		case "token":
			o.Token = draw("token")
		default:
			o.Users = []config.User{user("u", draw("password")), user("w", draw("password"), "WEBSOCKET"), {Nkey: k.public}}
		}
		a, err := auth.New(&o)
		if err != nil {
			rt.Fatal(err)
		}
		c := wire.Connect{User: rapid.SampledFrom([]string{"", "u", "w", "x"}).Draw(rt, "user")}
		if o.Token != "" && rapid.Bool().Draw(rt, "in the wrong place") {
			c.User = draw("token for a user") // nats://token@host, to some clients
		}
		field := func(label string, own ...string) string {
			switch rapid.IntRange(0, 2).Draw(rt, label) {
			case 0:
				return ""
			case 1:
				return draw(label)
			}
			return rapid.SampledFrom(append(own, o.Password+o.Token)).Draw(rt, label)
		}
		c.Password, c.Token, c.JWT = field("pass"), field("token"), field("jwt")
		c.Nkey = rapid.SampledFrom(append([]string{"", k.public, other.public, "noise"}, seeds...)).Draw(rt, "nkey")
		c.Sig = field("sig", base64.RawURLEncoding.EncodeToString(k.sign(t, "x")))
		secrets = append(append(secrets, seeds...), c.Sig)
		_, err = a.Authenticate(&auth.Request{Connect: &c, Nonce: []byte("n")})
		if err == nil {
			return
		}
		failed++
		for _, s := range secrets {
			quoted := strings.Trim(strconv.Quote(s), `"`)
			if s != "" && (strings.Contains(err.Error(), s) || strings.Contains(err.Error(), quoted)) {
				rt.Errorf("%q shows %q", err, s)
			}
		}
	})
	if failed == 0 {
		t.Error("nothing was refused")
	}
}
