package auth

import (
	"testing"

	"golang.org/x/crypto/bcrypt"

	"moonwire/server/wire"
)

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	hash := func(secret string) string {
		h, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		return string(h)
	}
	tests := []struct {
		name string
		want Credentials
		give wire.Connect
		ok   bool
		user string
	}{
		{"nothing asked, nothing given", Credentials{}, wire.Connect{}, true, ""},
		{"nothing asked, something given", Credentials{}, wire.Connect{User: "u", Password: "p"}, true, ""},
		{"right password", Credentials{User: "u", Password: "p"}, wire.Connect{User: "u", Password: "p"}, true, "u"},
		{"wrong password", Credentials{User: "u", Password: "p"}, wire.Connect{User: "u", Password: "x"}, false, ""},
		{"wrong user", Credentials{User: "u", Password: "p"}, wire.Connect{User: "x", Password: "p"}, false, ""},
		{"no password", Credentials{User: "u", Password: "p"}, wire.Connect{User: "u"}, false, ""},
		{"nothing given", Credentials{User: "u", Password: "p"}, wire.Connect{}, false, ""},
		{"token where a password is asked", Credentials{User: "u", Password: "p"}, wire.Connect{Token: "p"}, false, ""},
		{"right password, hashed", Credentials{User: "u", Password: hash("p")}, wire.Connect{User: "u", Password: "p"}, true, "u"},
		{"wrong password, hashed", Credentials{User: "u", Password: hash("p")}, wire.Connect{User: "u", Password: "x"}, false, ""},
		{"the hash is no password", Credentials{User: "u", Password: "$2a$x"}, wire.Connect{User: "u", Password: "$2a$x"}, false, ""},
		{"right token", Credentials{Token: "t"}, wire.Connect{Token: "t"}, true, ""},
		{"wrong token", Credentials{Token: "t"}, wire.Connect{Token: "x"}, false, ""},
		{"no token", Credentials{Token: "t"}, wire.Connect{}, false, ""},
		{"right token, hashed", Credentials{Token: hash("t")}, wire.Connect{Token: "t"}, true, ""},
		{"wrong token, hashed", Credentials{Token: hash("t")}, wire.Connect{Token: "x"}, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			id, ok := New(tt.want).Authenticate(&tt.give)
			if ok != tt.ok || ok && id.User != tt.user {
				t.Errorf("got %+v, %v; want %q, %v", id, ok, tt.user, tt.ok)
			}
		})
	}
}

func TestRequired(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c    Credentials
		want bool
	}{
		{Credentials{}, false},
		{Credentials{User: "u"}, true},
		{Credentials{Password: "p"}, true},
		{Credentials{Token: "t"}, true},
	} {
		if got := New(tt.c).Required(); got != tt.want {
			t.Errorf("%+v: got %v", tt.c, got)
		}
	}
}
