package server_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"moonwire/hooks"
	"moonwire/server"
	"moonwire/server/config"
)

// listener is an engine that is told of events.
type listener struct {
	accounts []string
	got      chan string
}

func (l *listener) Registrations() []hooks.Registration {
	return []hooks.Registration{{Point: hooks.AtEvent, Accounts: l.accounts}}
}
func (*listener) Do(context.Context, int, []*hooks.Call) error { return nil }
func (l *listener) Notify(_ int, events []hooks.Event) {
	for _, e := range events {
		l.got <- fmt.Sprint(e.Type, " ", e.Client.User, " ", e.Client.Name, " ", e.Reason)
	}
}
func (*listener) Close(context.Context) error { return nil }

// TestHookedAgain: a connection that sends CONNECT several times has an end for each
// beginning that hooks are told of, as who it was, also for those that are narrowed to
// one of its accounts.
func TestHookedAgain(t *testing.T) {
	t.Parallel()
	o := loopback()
	for _, name := range []string{"a", "b"} {
		o.Accounts = append(o.Accounts, config.Account{Name: name, Users: []config.User{{Username: name, Password: "p"}}})
	}
	all, some := &listener{got: make(chan string, 100)}, &listener{accounts: []string{"a"}, got: make(chan string, 100)}
	var specs []hooks.Spec
	for name, l := range map[string]*listener{"all": all, "some": some} {
		specs = append(specs, hooks.Spec{
			Hook: hooks.Hook{Name: name},
			Open: func(context.Context, hooks.Engine) (hooks.Engine, error) { return l, nil },
		})
	}
	b, _ := startLogged(t, o, server.WithHooks(specs...))
	c := says2(t, b.Addr(), `,"user":"a","pass":"p","name":"1"`)
	must(t, c.send("SUB x 1\r\n"+
		"CONNECT {\"user\":\"a\",\"pass\":\"p\",\"name\":\"2\"}\r\n"+
		"CONNECT {\"user\":\"b\",\"pass\":\"p\",\"name\":\"3\"}\r\n"+
		"CONNECT {\"user\":\"a\",\"pass\":\"wrong\",\"name\":\"4\"}\r\n"))
	if rest, err := c.ended(); rest != "-ERR 'Authorization Violation'\r\n" || err != nil {
		t.Errorf("the end is %q, %v", rest, err)
	}
	for l, want := range map[*listener][]string{
		all: {
			"connect a 1 ", "subscribe a 1 ", "unsubscribe a 1 ", "disconnect a 1 Authenticated Again", "connect a 2 ",
			"disconnect a 2 Authenticated Again", "connect b 3 ", "auth_error  4 user \"a\": wrong password",
			"disconnect b 3 Authentication Failure",
		},
		some: {
			"connect a 1 ", "subscribe a 1 ", "unsubscribe a 1 ", "disconnect a 1 Authenticated Again", "connect a 2 ",
			"disconnect a 2 Authenticated Again",
		},
	} {
		for _, want := range want {
			select {
			case got := <-l.got:
				if got != want {
					t.Errorf("told of %q, want %q", got, want)
				}
			case <-time.After(patience):
				t.Fatalf("nothing in place of %q", want)
			}
		}
	}
	if len(all.got)+len(some.got) > 0 {
		t.Errorf("told of more: %d and %d", len(all.got), len(some.got))
	}
}
