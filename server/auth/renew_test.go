package auth_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/wire"
)

// TestRenew lets a connection in by one configuration and asks another who it
// is.
func TestRenew(t *testing.T) {
	t.Parallel()
	key := newSigner(t)
	bcrypted := hash(t, "p")
	users := func(name, password string, types ...string) config.Options {
		return config.Options{Users: []config.User{user(name, password, types...)}}
	}
	in := func(account string) config.Options {
		return config.Options{Accounts: []config.Account{{Name: account, Users: []config.User{user("u", "p")}}}}
	}
	withKey := config.Options{Users: []config.User{{Nkey: key.public}}}
	single := config.Options{Username: "u", Password: "p"}
	none := config.Options{}
	free := func(o config.Options, name string) config.Options { o.NoAuthUser = name; return o }
	limited := users("u", "p")
	limited.Users[0].Permissions = &config.Permissions{Publish: config.Rules{Allow: []string{"a"}}}

	u, token := &wire.Connect{User: "u", Password: "p"}, &wire.Connect{Token: "t"}
	nobody := &wire.Connect{}
	tests := []struct {
		name          string
		before, after config.Options
		connect       *wire.Connect
		want          string // account and user; or the error
	}{
		{"the same", users("u", "p"), users("u", "p"), u, "$G u"},
		{"the same, with bcrypt", users("u", bcrypted), users("u", bcrypted), u, "$G u"},
		{"other permissions", users("u", "p"), limited, u, "$G u"},
		{"gone", users("u", "p"), users("v", "p"), u, `user "u": the user is gone`},
		{"password changed", users("u", "p"), users("u", "q"), u, `user "u": the user has other credentials`},
		{"now with bcrypt", users("u", "p"), users("u", bcrypted), u, `user "u": the user has other credentials`},
		{"other account", in("A"), in("B"), u, "B u"},
		{"way taken away", users("u", "p"), users("u", "p", "WEBSOCKET"), u, `user "u" may not connect as STANDARD, only as WEBSOCKET`},
		{"way given", users("u", "p"), users("u", "p", "WEBSOCKET", "STANDARD"), u, "$G u"},

		{"nkey", withKey, withKey, nil, "$G " + key.public},
		{"nkey gone", withKey, users("u", "p"), nil, `user "` + key.public + `": the user is gone`},
		{"a name like the nkey", withKey, users(key.public, "p"), nil, `user "` + key.public + `": the user has other credentials`},

		{"token", config.Options{Token: "t"}, config.Options{Token: "t"}, token, "$G "},
		{"token changed", config.Options{Token: "t"}, config.Options{Token: "s"}, token, "token: the user has other credentials"},
		{"token to users", config.Options{Token: "t"}, users("u", "p"), token, "token: the user has other credentials"},
		{"token, asked for no more", config.Options{Token: "t"}, none, token, "$G "},

		{"single", single, single, u, "$G u"},
		{"single, other password", single, config.Options{Username: "u", Password: "q"}, u, `user "u": the user has other credentials`},
		{"single, other name", single, config.Options{Username: "v", Password: "p"}, u, `user "u": the user is gone`},
		{"single to users", single, users("u", "p"), u, "$G u"},
		{"users to single", users("u", "p"), single, u, "$G u"},
		{"single to token", single, config.Options{Token: "p"}, u, `user "u": the user is gone`},

		{"nobody is asked", none, none, nobody, "$G "},
		{"users from now on", none, users("u", "p"), nobody, "credentials are needed"},
		{"users from now on, of which one needs no credentials", none, free(users("u", "p"), "u"), nobody, "$G u"},
		{"users no more", in("A"), none, u, "$G "},

		{"no_auth_user", free(users("u", "p"), "u"), free(users("u", "p"), "u"), nobody, "$G u"},
		{"no_auth_user, other password", free(users("u", "p"), "u"), free(users("u", "q"), "u"), nobody, "$G u"},
		{"no_auth_user is another", free(users("u", "p"), "u"), free(users("v", "p"), "v"), nobody, "$G v"},
		{"no_auth_user no more", free(users("u", "p"), "u"), users("u", "p"), nobody, "credentials are needed"},
		{"no_auth_user no more, but credentials were shown", free(users("u", "p"), "u"), users("u", "p"), u, "$G u"},
		{"nkey without a signature", free(withKey, key.public), withKey, &wire.Connect{Nkey: key.public}, "credentials are needed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &auth.Request{Connect: tt.connect}
			if tt.connect == nil {
				r.Nonce = []byte("nonce")
				r.Connect = &wire.Connect{Nkey: key.public, Sig: base64.RawURLEncoding.EncodeToString(key.sign(t, "nonce"))}
			}
			id, err := must(t, tt.before).Authenticate(r)
			if err != nil {
				t.Fatal(err)
			}
			now, err := must(t, tt.after).Renew(id, auth.Standard)
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = now.Account + " " + now.User
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if errors.Is(err, auth.ErrGone) != strings.HasSuffix(tt.want, "is gone") {
				t.Errorf("%v: wraps ErrGone or not, wrongly", err)
			}
		})
	}
}

// TestRenewedRights: who is renewed has the permissions of the new
// configuration.
func TestRenewedRights(t *testing.T) {
	t.Parallel()
	o := config.Options{Users: []config.User{{Username: "u", Password: "p"}}}
	id, err := must(t, o).Authenticate(&auth.Request{Connect: &wire.Connect{User: "u", Password: "p"}})
	if err != nil {
		t.Fatal(err)
	}
	o.Users = []config.User{{Username: "u", Password: "p", Permissions: &config.Permissions{Publish: config.Rules{Deny: []string{"a"}}}}}
	now, err := must(t, o).Renew(id, auth.Standard)
	if err != nil {
		t.Fatal(err)
	}
	if now.Permissions.Publish([]byte("a")) || !now.Permissions.Publish([]byte("b")) {
		t.Error("the permissions are not the new ones")
	}
	if again, err := must(t, o).Renew(now, auth.Standard); err != nil || again.User != "u" {
		t.Errorf("renewed again: %v, %v", again, err)
	}
}
