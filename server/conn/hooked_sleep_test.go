//go:build linux

package conn_test

import (
	"testing"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server/conn"
)

// TestHookedSleep: a connection that sleeps holds nothing for hooks, asks them when
// it wakes, and is told of when it ends asleep.
func TestHookedSleep(t *testing.T) {
	t.Parallel()
	h := drowsy(t, nil)
	ended := make(chan string, 10)
	e := hooktest.Listener(func(e hooks.Event) { ended <- e.Client.Name + ": " + e.Reason }, hooks.EventDisconnect)
	h.load(t, hooktest.Hook("e", e), rules(on(hooks.AtPublish, deny, "b")))
	p := h.dialTCP(t)
	defer p.close()
	p.send("CONNECT {\"verbose\":false,\"name\":\"n\"}\r\nPING\r\n")
	p.expect("PONG")
	for range 3 {
		p.send("PUB b 1\r\n1\r\n")
		p.expect(`-ERR 'Permissions Violation for Publish to "b"'`)
		h.awaitAsleep(t, 1)
		if p.c.Hooks() {
			t.Error("it holds something for hooks")
		}
	}
	p.c.Close(conn.ServerShutdown)
	if got := <-ended; got != "n: Server Shutdown" {
		t.Errorf("told of %q", got)
	}
}
