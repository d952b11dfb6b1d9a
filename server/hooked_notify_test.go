package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server"
)

// briefly is for requests that are not answered.
const briefly = 100 * time.Millisecond

// TestNotifyRequester: a request of nats.go that a hook denies waits for its time to
// be over, unless the options have it answered. A reload changes that for
// connections that are open.
func TestNotifyRequester(t *testing.T) {
	t.Parallel()
	off, on := loopback(), loopback()
	on.Hooks.Notify = true
	b, _ := startLogged(t, off, server.WithHooks(hooktest.Spec("p", hooktest.At(hooks.AtPublish, refuse, "cmd.*")), hooktest.Spec("q", hooktest.At(hooks.AtRewrite, refuse, "old.*")),
		hooktest.Spec("r", hooktest.At(hooks.AtInspect, refuse, "odd.*")), hooktest.Spec("s", hooktest.At(hooks.AtInspect, func(c *hooks.Call) { c.Out.Verdict = hooks.Drop }, "lost.*"))))
	responder, err := nats.Connect(b.ClientURL())
	must(t, err)
	t.Cleanup(responder.Close)
	for _, subject := range []string{"cmd.*", "old.*", "odd.*", "lost.*", "echo"} {
		_, err = responder.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(m.Data) })
		must(t, err)
	}
	must(t, responder.Flush())

	requesters := make(map[string]*nats.Conn)
	for name, option := range map[string]nats.Option{
		"as usual": nats.Name("new"), "old style": nats.UseOldRequestStyle(), "without echo": nats.NoEcho(),
	} {
		// Violations are looked for in LastError.
		nc, err := nats.Connect(b.ClientURL(), option, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		must(t, err)
		t.Cleanup(nc.Close)
		requesters[name] = nc
	}
	for i, o := range []server.Options{off, on, off, on} {
		must(t, b.Reload(o))
		want, wait := nats.ErrTimeout, briefly
		if o.Hooks.Notify {
			want, wait = nats.ErrNoResponders, patience
		}
		for name, nc := range requesters {
			for _, subject := range []string{"cmd.stop", "old.cmd", "odd.cmd"} {
				if _, err := nc.Request(subject, []byte("now"), wait); !errors.Is(err, want) {
					t.Errorf("load %d, %s, %s: got %v, want %v", i, name, subject, err, want)
				}
				if heard := fmt.Sprint(nc.LastError()); o.Hooks.Notify && !strings.Contains(heard, subject) {
					t.Errorf("%s, %s: with the status it has heard of %s", name, subject, heard)
				}
			}
			if _, err := nc.Request("lost.cmd", nil, briefly); !errors.Is(err, nats.ErrTimeout) {
				t.Errorf("%s: of what is dropped it hears %v", name, err)
			}
			if m, err := nc.Request("echo", []byte("hi"), patience); err != nil || string(m.Data) != "hi" {
				t.Errorf("%s: another request is answered with %+v, %v", name, m, err)
			}
		}
	}
}

// TestNotifyDescription: nats.go shows what the status says, and more than that it
// has not.
func TestNotifyDescription(t *testing.T) {
	t.Parallel()
	o := loopback()
	o.Hooks.Notify = true
	b, _ := startLogged(t, o, server.WithHooks(hooktest.Spec("p", hooktest.At(hooks.AtPublish, refuse))))
	nc, err := nats.Connect(b.ClientURL(), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	must(t, err)
	t.Cleanup(nc.Close)
	got := make(chan *nats.Msg, 1)
	inbox := nc.NewInbox()
	_, err = nc.ChanSubscribe(inbox, got)
	must(t, err)
	must(t, nc.PublishRequest("cmd.stop", inbox, []byte("now")))
	select {
	case m := <-got:
		equal(t, "headers", nats.Header{"Status": {"503"}, "Description": {"Permissions Violation"}, "Nats-Subject": {"cmd.stop"}}, m.Header)
		equal(t, "the rest", inbox, m.Subject+m.Reply+string(m.Data))
	case <-time.After(patience):
		t.Fatal("there is no status")
	}
}

// TestNotifyReload: it is no matter of the engines, which stay.
func TestNotifyReload(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1")
	const conf = `hooks { load: [ { name: a, lua: a.lua } ], notify: `
	b, w, _ := f.start(conf + "false }")
	w.expect(t, "open a 1")
	must(t, b.Reload(f.options(conf+"true }")))
	w.expect(t)
}
