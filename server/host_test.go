package server_test

import (
	"context"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server"
	"moonwire/server/config"
	"moonwire/server/servertest"
)

// TestMayWait: connections know whether somebody may have to be waited for when they
// send CONNECT: as the server is now, after changes of hooks and of the configuration.
func TestMayWait(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("p"), bcrypt.MinCost)
	must(t, err)
	plain, hashed := loopback(), loopback()
	plain.Users = []config.User{{Username: "u", Password: "p"}}
	hashed.Users = []config.User{{Username: "u", Password: string(hash)}}
	operator := newRealm(t).folder(t.TempDir())
	publish := hooktest.Spec("publish", hooktest.At(hooks.AtPublish, refuse))
	door := connecting(allow(nil))
	watching := door
	watching.Mode = hooks.Shadow
	check := func(when string, b servertest.Broker, want bool) {
		t.Helper()
		if got := server.MayWait(b.Server); got != want {
			t.Errorf("%s: got %v", when, got)
		}
	}
	check("operator mode", servertest.Start(t, operator), true)
	b, _ := startLogged(t, loopback())
	check("nothing", b, false)
	must(t, b.Reload(plain))
	check("users", b, false)
	must(t, b.Reload(hashed))
	check("a hash", b, true)
	must(t, b.Reload(plain))
	check("users again", b, false)
	for _, tt := range []struct {
		name  string
		hooks []hooks.Spec
		want  bool
	}{
		{"a hook at publish", []hooks.Spec{publish}, false},
		{"a hook at connect", []hooks.Spec{publish, door}, true},
		{"that is there no more", []hooks.Spec{publish}, false},
		{"a hook that only watches", []hooks.Spec{watching}, true},
		{"no hooks", nil, false},
	} {
		must(t, server.Manager(b.Server).Load(context.Background(), tt.hooks))
		check(tt.name, b, tt.want)
	}
}
