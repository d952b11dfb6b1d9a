package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// userSeed is a seed of a user that was made for this test.
const userSeed = "SUAACAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAE"

// TestSecretsInErrors gives a secret in every wrong way and looks for it in
// what comes back.
func TestSecretsInErrors(t *testing.T) {
	t.Parallel()
	const secret = "hunter2secret"
	tests := []struct {
		name   string
		file   string // name of the file
		text   string
		secret string // what must not appear
	}{
		{"variable without quotes", "a.conf", "authorization { password: $hunter2secret }", secret},
		{"variable in a list", "a.conf", "authorization { token: [ $hunter2secret ] }", secret},
		{"list", "a.conf", "authorization { token: [ hunter2secret ] }", secret},
		{"block", "a.conf", "authorization { password: { user: hunter2secret } }", secret},
		{"number", "a.conf", "authorization { user: u, password: 8812345 }", "8812345"},
		{"float", "a.conf", "authorization { user: u, password: 88.12345 }", "88.12345"},
		{"long number", "a.conf", "authorization { token: 99988877766655544433 }", "99988877766655544433"},
		{"bad suffix", "a.conf", "authorization { token: 8812345kbb }", "8812345"},
		{"date", "a.conf", "authorization { token: 2024-99-88T77:66:55Z }", "2024-99-88"},
		{"good date", "a.conf", "authorization { token: 2024-01-02T03:04:05Z }", "2024"},
		{"other digits", "a.conf", "authorization { token: ٣٣٣٣ }", "٣٣٣"},
		{"syntax", "a.conf", "authorization { password: hunter2secret, token: \"hunter2secret\" hunter2secret }", secret},
		{"escape", "a.conf", `authorization { password: "hunter2secret\q" }`, secret},
		{"without a user", "a.conf", "authorization { password: hunter2secret }", secret},
		{"with a token", "a.conf", "authorization { user: u, password: hunter2secret, token: hunter2secret }", secret},
		{"contradiction", "a.conf", "authorization { user: u, password: hunter2secret, pass: x }", secret},
		{"password of a user", "a.conf", "authorization { users: [ { user: u, password: [ hunter2secret ] } ] }", secret},
		{"password of a user as a number", "a.conf", "authorization { users: [ { user: u, password: 8812345 } ] }", "8812345"},
		{"password of an nkey", "a.conf", "authorization { users: [ { nkey: " + userKey + ", password: hunter2secret } ] }", secret},
		{"password twice", "a.conf", "authorization { users: [ { user: u, password: hunter2secret, pass: x } ] }", secret},
		{"password without a user", "a.conf", "authorization { users: [ { password: hunter2secret } ] }", secret},
		{"password in an account", "a.conf", "accounts { A { users: [ { user: u, pass: { a: hunter2secret } } ] } }", secret},
		{"user twice", "a.conf", "accounts { A { users: [ { user: u, pass: hunter2secret }, { user: u, pass: hunter2secret } ] } }", secret},
		{"seed of a user", "a.conf", "authorization { users: [ { nkey: " + userSeed + " } ] }", userSeed},
		{"seed of an operator", "a.conf", "trusted_keys: [ " + userSeed + " ]", userSeed},
		{"seed as no_auth_user", "a.conf", "no_auth_user: " + userSeed, userSeed},
		{"seed as a name", "a.conf", "authorization { users: [ { user: " + userSeed + " }, { user: " + userSeed + " } ] }", userSeed},
		{"websocket", "a.conf", "websocket { authorization { password: hunter2secret, token: [ hunter2secret ] } }", secret},
		{"JWT", "a.conf", "resolver_preload { " + accountKey + ": hunter2secret }", secret},
		{"operator", "a.conf", "operator: { a: hunter2secret }", secret},
		{"operators", "a.conf", "operators: [ [ hunter2secret ] ]", secret},
		{"sentinel", "a.conf", "default_sentinel: hunter2secret", secret},
		{"resolver", "a.conf", `resolver: URL("ftp://u:hunter2secret@h")`, secret},
		{"unsupported", "a.conf", "cluster { authorization { password: hunter2secret } }\nprot: 1", secret},
		{"YAML user", "a.yaml", "authorization:\n  users: [{user: u, password: [hunter2secret]}]\n", secret},
		{"YAML number", "a.yaml", "authorization:\n  token: 8812345\n", "8812345"},
		{"YAML list", "a.yaml", "authorization:\n  token: [hunter2secret]\n", secret},
		{"YAML alias", "a.yaml", "authorization:\n  token: *hunter2secret\n", secret},
		{"YAML syntax", "a.yaml", "authorization:\n  token: hunter2secret: x\n", secret},
		{"YAML tag", "a.yaml", "authorization:\n  token: !hunter2secret!x y\n", secret},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, warnings, err := LoadFile(writeFile(t, tt.file, tt.text), nil)
			if err == nil {
				t.Fatal("no error")
			}
			if all := fmt.Sprint(err, warnings); strings.Contains(all, tt.secret) {
				t.Errorf("the secret is in %q", all)
			}
		})
	}
}

func TestSecretOfEnvironmentInErrors(t *testing.T) {
	t.Setenv("CONFIG_TEST_SECRET", "$hunter2secret")
	t.Setenv("CONFIG_TEST_SECRET_TOO", "hunter2 hunter2secret")
	t.Setenv("CONFIG_TEST_SECRET_NUMBER", "8812345")
	for _, variable := range []string{"CONFIG_TEST_SECRET", "CONFIG_TEST_SECRET_TOO", "CONFIG_TEST_SECRET_NUMBER"} {
		_, _, err := LoadFile(writeFile(t, "a.conf", "authorization { password: $"+variable+" }"), nil)
		if err == nil {
			t.Fatalf("%s: no error", variable)
		}
		if s := err.Error(); strings.Contains(s, "hunter2") || strings.Contains(s, "8812345") {
			t.Errorf("%s: the secret is in %q", variable, s)
		}
	}
}

func TestSecretsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--pass", "hunter2secret"},
		{"--user", "u", "--pass", "hunter2secret", "--auth", "hunter2secret"},
		{"--user", "u", "--pass", "my", "hunter2secret"},
		{"---pass=hunter2secret"},
		{"--passs=hunter2secret"},
		{"-=hunter2secret"},
	} {
		_, err := Parse(args, []string{"MOONWIRE_AUTHORIZATION_TOKEN=hunter2secret"})
		if err == nil {
			t.Errorf("%v: no error", args)
			continue
		}
		if s := err.Error(); strings.Contains(s, "hunter2") {
			t.Errorf("%v: the secret is in %q", args, s)
		}
	}
}

func TestOptionsShowNoSecrets(t *testing.T) {
	t.Parallel()
	o := Options{
		Port: -1, Username: "bob", Password: "hunter2", HTTPHost: "h", NoLogtime: true, MaxPending: 5,
		Users:    []User{{Username: "u", Password: "hunter2"}},
		Accounts: []Account{{Name: "A", Users: []User{{Username: "u", Password: "hunter2"}}}, {}},
		TLS:      &TLS{CertFile: "c", HandshakeFirst: true, HandshakeFallback: time.Second, Certs: []CertPair{{}}},
		WebSocket: WebSocket{
			Port: 1, Username: "w", Password: "hunter2", Token: "hunter2",
			Headers: map[string]string{"X": "y"},
		},
		Operators: []string{"hunter2"}, DefaultSentinel: "hunter2", ResolverPreload: []AccountJWT{{"A", "hunter2"}},
		Resolver: Resolver{Type: "url", URL: "http://u:hunter2@h"},
	}
	cmd := &Command{Options: o}
	asJSON, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	zap.New(core).Info("x", zap.Any("options", o))
	logged := fmt.Sprint(logs.All()[0].ContextMap())
	for _, s := range []string{
		o.String(), fmt.Sprintf("%v %+v %#v %s", o, o, o, o), fmt.Sprintf("%v %+v %#v", cmd, cmd, cmd), string(asJSON), logged,
	} {
		if strings.Contains(s, "hunter2") {
			t.Errorf("the secret is in %q", s)
		}
		if !strings.Contains(s, "bob") {
			t.Errorf("the rest is not in %q", s)
		}
	}
	const want = "port=-1 max_pending=5 tls.cert_file=c tls.certs=1 tls.handshake_first=true tls.handshake_first_fallback=1s " +
		"websocket.port=1 websocket.headers=map[X:y] websocket.authorization.user=w websocket.authorization.password=[redacted] " +
		"websocket.authorization.token=[redacted] authorization.user=bob authorization.password=[redacted] authorization.users=1 " +
		"accounts=2 operator=[redacted] resolver.type=url resolver.url=[redacted] resolver_preload=1 default_sentinel=[redacted] " +
		"no_logtime=true http_host=h"
	if got := o.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
