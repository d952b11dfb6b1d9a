package server_test

import (
	"context"
	"testing"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server"
	"moonwire/server/config"
)

// TestControlInShadow: what a hook in shadow mode would do to connections is counted and
// logged, and done when the same engine is enforced.
func TestControlInShadow(t *testing.T) {
	t.Parallel()
	o := loopback()
	load := func(mode string) {
		o.Hooks.Load = []config.Hook{{Name: "h", Builtin: "stamp", Mode: mode}}
	}
	load("shadow")
	var acts []hooks.Control // one for each engine that was opened
	opening := 0             // connections that it would have ended meanwhile
	b, logged := startLogged(t, o, server.WithEngine(server.EngineBuiltin, func(_ context.Context, eo server.EngineOptions) (hooks.Engine, error) {
		n, err := eo.Control.Disconnect(hooks.Selector{Account: "$G"}, "at once")
		opening += n
		acts = append(acts, eo.Control)
		return hooktest.At(hooks.AtPublish, func(*hooks.Call) {}, "never"), err
	}))
	c := says2(t, b.Addr(), "")
	must(t, c.send("SUB in.a 1\r\n"))
	must(t, c.sync(nil))
	all := hooks.Selector{Account: "$G"}
	narrow := &hooks.Permissions{Publish: hooks.Rules{Deny: []string{"out"}}, Subscribe: hooks.Rules{Deny: []string{"in.a"}}}
	shared := b.Control().(hooks.Controls).By("h") // as scripts have it
	for name, by := range map[string]hooks.Control{"of the engine": acts[0], "shared": shared} {
		if n, err := by.Disconnect(all, "why"); n != 1 || err != nil {
			t.Errorf("%s: %d would be ended, %v; want 1", name, n, err)
		}
		if n, err := by.SetPermissions(all, narrow); n != 1 || err != nil {
			t.Errorf("%s: %d would be given permissions, %v; want 1", name, n, err)
		}
	}
	must(t, c.send("PUB out 0\r\n\r\n"))
	must(t, c.sync(nil)) // not a word of any of it
	for _, line := range []string{
		`Hooks: 1 connections of account "$G" would, without the shadow mode of hook "h", have been ended: "why"`,
		`Hooks: 1 connections of account "$G" would, without the shadow mode of hook "h", have been given other permissions`,
	} {
		if n := count(logged, line); n != 2 {
			t.Errorf("%d lines of %q, want 2", n, line)
		}
	}
	load("enforce")
	must(t, b.Reload(o))
	if len(acts) != 1 {
		t.Fatalf("%d engines were opened, want 1", len(acts))
	}
	if n, err := acts[0].Disconnect(all, "why"); n != 1 || err != nil {
		t.Errorf("%d were ended, %v; want 1", n, err)
	}
	if rest, err := c.ended(); rest != "-ERR 'User Authentication Revoked'\r\n" || err != nil {
		t.Errorf("the end is %q, %v", rest, err)
	}
	load("off")
	must(t, b.Reload(o))
	load("shadow")
	c = says2(t, b.Addr(), "")
	must(t, b.Reload(o)) // which opens another
	must(t, c.sync(nil))
	if opening != 1 {
		t.Errorf("%d connections would have been ended while engines were opened, want 1", opening)
	}
}
