package builtin

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"moonwire/hooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a hook whose settings are right.
func open(t testing.TB, name string, settings map[string]any, old hooks.Engine) hooks.Engine {
	t.Helper()
	e, err := Open(t.Context(), name, settings, old)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// load compiles one hook, and closes it with the test.
func load(t testing.TB, e hooks.Engine) *hooks.Set {
	t.Helper()
	return loadHook(t, hooks.Hook{Name: "h", Engine: e})
}

func loadHook(t testing.TB, h hooks.Hook) *hooks.Set {
	t.Helper()
	set, err := hooks.Compile([]hooks.Hook{h}, hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return set
}

// ask asks a set about a batch of one connection.
func ask(set *hooks.Set, p hooks.Point, calls ...*hooks.Call) {
	account := calls[0].Client.Account
	if p == hooks.AtConnect {
		account = ""
	}
	set.Table(account).Do(context.Background(), new(hooks.Session), p, calls)
}

// alice is a client; each test has its own, as engines keep things with it.
func alice() *hooks.Client {
	return &hooks.Client{ID: 7, User: "alice", Account: "A", Name: "app", Host: "10.0.0.1", Kind: "STANDARD"}
}

// message is a call about a message of some bytes.
func message(c *hooks.Client, subject string, size int) *hooks.Call {
	return &hooks.Call{Client: c, Subject: []byte(subject), Size: size}
}

// noon is when tests of stamps are.
var noon = time.Date(2026, 7, 1, 14, 0, 0, 5000, time.FixedZone("", 2*3600))
