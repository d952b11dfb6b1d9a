package auth

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/bcrypt"

	"moonwire/server/config"
	"moonwire/server/wire"
)

// hash returns the cheapest bcrypt hash of a secret.
func hash(t testing.TB, secret string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func TestSecret(t *testing.T) {
	t.Parallel()
	h := hash(t, "s")
	for _, tt := range []struct {
		name, want, give string
		ok               bool
	}{
		{"clear text", "s", "s", true},
		{"other text", "s", "S", false},
		{"a part of it", "secret", "secre", false},
		{"more than it", "secret", "secrets", false},
		{"none given", "s", "", false},
		{"none asked for", "", "", true},
		{"given though none is asked for", "", "s", false},
		{"2a", h, "s", true},
		{"2b", "$2b" + h[3:], "s", true},
		{"2x", "$2x" + h[3:], "s", true},
		{"2y", "$2y" + h[3:], "s", true},
		{"another kind of hash is text", "$2c" + h[3:], "s", false},
		{"and compared as such", "$2c" + h[3:], "$2c" + h[3:], true},
		{"hash of another", h, "x", false},
		{"hash with nothing given", h, "", false},
		{"the hash is no password", h, h, false},
		{"a broken hash fits nothing", "$2a$04$x", "x", false},
		{"nor itself", "$2a$04$x", "$2a$04$x", false},
		{"what only looks a little like a hash is text", "$2a$x", "$2a$x", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := newComparer().equal(newSecret(tt.want), tt.give); got != tt.ok {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestMayWait: whoever is not asked for a secret with a hash waits for nobody.
func TestMayWait(t *testing.T) {
	t.Parallel()
	h := hash(t, "p")
	for name, tt := range map[string]struct {
		o    config.Options
		want bool
	}{
		"nothing asked for":       {config.Options{}, false},
		"users":                   {config.Options{Users: []config.User{{Username: "u", Password: "p"}}}, false},
		"one of them with a hash": {config.Options{Users: []config.User{{Username: "u", Password: "p"}, {Username: "v", Password: h}}}, true},
		"a hash in an account":    {config.Options{Accounts: []config.Account{{Name: "A", Users: []config.User{{Username: "u", Password: h}}}}}, true},
		"a single user":           {config.Options{Username: "u", Password: "p"}, false},
		"a single hash":           {config.Options{Username: "u", Password: h}, true},
		"a token":                 {config.Options{Token: "t"}, false},
		"a hash of a token":       {config.Options{Token: h}, true},
		"a hash for WebSockets":   {config.Options{WebSocket: config.WebSocket{Username: "u", Password: h}}, true},
	} {
		a, err := New(&tt.o)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.MayWait(); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// TestHashesAtOneTime: so many hashes are compared at one time and no more, and
// all who wait get their turn.
func TestHashesAtOneTime(t *testing.T) {
	t.Parallel()
	h := hash(t, "p")
	synctest.Test(t, func(t *testing.T) {
		a, err := New(&config.Options{Users: []config.User{{Username: "u", Password: h}, {Username: "v", Password: h}}})
		if err != nil {
			t.Fatal(err)
		}
		limit := max(1, runtime.GOMAXPROCS(0)/2)
		var running, done atomic.Int64
		turn := make(chan struct{})
		compare := a.compare.hash
		a.compare.hash = func(hash, given []byte) error {
			running.Add(1)
			defer running.Add(-1)
			<-turn
			return compare(hash, given)
		}
		var logins sync.WaitGroup
		n := 3*limit + 1
		for i := range n {
			logins.Go(func() {
				name := []string{"u", "v", "unknown"}[i%3] // an unknown name is no way past it
				_, err := a.Authenticate(&Request{Connect: &wire.Connect{User: name, Password: "p"}})
				if (err == nil) != (name != "unknown") {
					t.Errorf("%s: got %v", name, err)
				}
				done.Add(1)
			})
		}
		for left := n; left > 0; left-- {
			synctest.Wait()
			if got, want := running.Load(), int64(min(limit, left)); got != want {
				t.Fatalf("%d comparisons with %d logins left; want %d", got, left, want)
			}
			turn <- struct{}{}
		}
		logins.Wait()
		if got := done.Load(); got != int64(n) {
			t.Errorf("%d of %d logins were answered", got, n)
		}
	})
}

// TestStandIn: an unknown name costs what a known one does, always the same for
// one name.
func TestStandIn(t *testing.T) {
	t.Parallel()
	a, err := New(&config.Options{Users: []config.User{
		{Username: "u", Password: hash(t, "u")},
		{Username: "v", Password: hash(t, "v")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var compared []string
	a.compare.hash = func(hash, given []byte) error {
		compared = append(compared, string(hash))
		return nil // right, and still nobody
	}
	seen := make(map[string]bool)
	for i := range 64 {
		r := &Request{Connect: &wire.Connect{User: "x" + string(rune('0'+i)), Password: "p"}}
		compared = nil
		for range 2 {
			if id, err := a.Authenticate(r); err == nil {
				t.Fatalf("an unknown name is %+v", id)
			}
		}
		if len(compared) != 2 || compared[0] != compared[1] {
			t.Fatalf("compared with %q; want twice the same", compared)
		}
		seen[compared[0]] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d of 2 users stand in", len(seen))
	}
}
