package server_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"moonwire/server/servertest"
	"moonwire/server/wire"
)

// signed stands for the right signature in a fuzzed CONNECT.
const signed = "%SIG"

// lock is a server with users, and the keys to it.
type lock struct {
	broker servertest.Broker
	open   bool // u of account N need not say who it is
	key    nkeys.KeyPair
	nkey   string // public, of account K
}

func newLock(f *testing.F, open bool) *lock {
	f.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		f.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		f.Fatal(err)
	}
	config := `
		accounts {
			A { users: [{user: a, password: pa}, {user: empty, password: ""}] }
			B { users: [{user: b, password: "$2a$04$.E8X9xrVIYi8asbOirhA7OqNsGDI.YOd2iSLryCwUQt11sUbiM3yq"}] }
			K { users: [{nkey: ` + public + `}] }
			N { users: [{user: u, password: pu}] }
		}`
	if open {
		config += "\nno_auth_user: u"
	}
	return &lock{servertest.Start(f, config), open, key, public}
}

// admits says naively into which account credentials let somebody in: "" for
// none.
func (l *lock) admits(c *wire.Connect, sig []byte) string {
	switch {
	case c.Nkey != "":
		if c.Nkey == l.nkey && bytes.Equal(sig, decoded(c.Sig)) {
			return "K"
		}
	case l.open && c.User == "" && c.Password == "" && c.Token == "",
		c.User == "u" && c.Password == "pu":
		return "N"
	case c.User == "a" && c.Password == "pa", c.User == "empty" && c.Password == "":
		return "A"
	case c.User == "b" && c.Password == "p":
		return "B"
	}
	return ""
}

// decoded returns the bytes of a signature, in either base64 that clients use.
func decoded(sig string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(sig)
	if err != nil {
		b, _ = base64.StdEncoding.DecodeString(sig)
	}
	return b
}

// FuzzConnect: no CONNECT brings a server with users down, none without the right
// credentials is let in, and each with them is, into the right account.
func FuzzConnect(f *testing.F) {
	locks := map[bool]*lock{false: newLock(f, false), true: newLock(f, true)}
	for _, said := range []string{
		`{"user":"a","pass":"pa"}`, `{"user":"a","pass":"p"}`, `{"user":"b","pass":"p","protocol":1}`, `{"user":"b","pass":"pa"}`,
		`{"user":"u","pass":"pu","protocol":1,"headers":true,"no_responders":true}`, `{"user":"u"}`, `{"pass":"pu"}`, `{}`, `{"auth_token":"pa"}`,
		`{"nkey":"` + locks[false].nkey + `","sig":"%SIG","protocol":1}`, `{"nkey":"` + locks[true].nkey + `","sig":"%SIG"}`,
		`{"nkey":"` + locks[false].nkey + `"}`, `{"nkey":"","sig":"%SIG"}`, `{"nkey":"U","user":"a","pass":"pa"}`,
		`{"user":"empty","pass":""}`, `{"user":"empty"}`, `{"user":"","pass":""}`, `{"user":"x","user":"a","USER":"a","pass":"pa"}`,
		`{"user":"a","pass":"pa","account":"B"}`, `{"user":"a","pass":"pa","new_account":true}`, `{"user":"a","pass":"pa","protocol":2}`,
		`{"user":"a","pass":"pa","no_responders":true}`, `{"user":null,"pass":["pa"]}`, `{"user":"a\u0000","pass":"pa"}`,
		`{"jwt":"eyJ.e30.","sig":"%SIG"}`, `null`, `[]`, `"a"`, `{"user":"a","pass":"pa"}x`, `{"user":"a","pass":"pa"`, "\t {}\r", `{"pass":{}}`,
	} {
		f.Add(said, false)
		f.Add(said, true)
	}
	f.Fuzz(func(t *testing.T, said string, open bool) {
		l := locks[open]
		if strings.Contains(said, "\n") || len(said) > 3000 {
			return // another operation begins, or the line is refused for its length
		}
		nc, err := l.broker.InProcessConn()
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(nc)
		hello := infoFrom(t, r)
		sig, err := l.key.Sign([]byte(hello.Nonce))
		if err != nil {
			t.Fatal(err)
		}
		said = strings.ReplaceAll(said, signed, base64.RawURLEncoding.EncodeToString(sig))
		go func() { _, _ = io.WriteString(nc, "CONNECT "+said+"\r\nPING\r\n") }() // may be closed meanwhile

		in, answers := false, ""
		for !in {
			line, err := r.ReadString('\n')
			if err != nil {
				break
			}
			answers += line
			in = line == "PONG\r\n"
		}
		c := wire.DefaultConnect()
		account := ""
		if c.Decode([]byte(said)) == nil && c.Account == "" && !c.NewAccount && (c.Protocol == 0 || c.Protocol == 1) && (c.Headers || !c.NoResponders) {
			account = l.admits(&c, sig)
		}
		if in != (account != "") {
			t.Fatalf("CONNECT %s got %q; want in account %q", said, answers, account)
		}
		if in && c.Protocol == 1 {
			if i := infoFrom(t, r); i.RemoteAccount != account {
				t.Fatalf("CONNECT %s is in account %q, want %q", said, i.RemoteAccount, account)
			}
		}
	})
}

// infoFrom reads an INFO.
func infoFrom(t *testing.T, r *bufio.Reader) (i wire.Info) {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &i); err != nil {
		t.Fatalf("got %q in place of an INFO: %v", line, err)
	}
	return i
}
