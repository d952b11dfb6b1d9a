package server_test

import (
	"fmt"
	"testing"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server"
	"moonwire/server/config"
)

// TestHookedAgain: a connection that sends CONNECT several times has an end for each
// beginning that hooks are told of, as who it was, also for those that are narrowed to
// one of its accounts.
func TestHookedAgain(t *testing.T) {
	t.Parallel()
	o := loopback()
	for _, name := range []string{"a", "b"} {
		o.Accounts = append(o.Accounts, config.Account{Name: name, Users: []config.User{{Username: name, Password: "p"}}})
	}
	all, some := make(chan string, 100), make(chan string, 100)
	listener := func(got chan<- string) *hooktest.Engine {
		return hooktest.Listener(func(e hooks.Event) {
			got <- fmt.Sprint(e.Type, " ", e.Client.User, " ", e.Client.Name, " ", e.Reason)
		})
	}
	narrowed := listener(some)
	narrowed.Wants[0].Accounts = []string{"a"}
	b, _ := startLogged(t, o, server.WithHooks(hooktest.Spec("all", listener(all)), hooktest.Spec("some", narrowed)))
	c := says2(t, b.Addr(), `,"user":"a","pass":"p","name":"1"`)
	must(t, c.send("SUB x 1\r\n"+
		"CONNECT {\"user\":\"a\",\"pass\":\"p\",\"name\":\"2\"}\r\n"+
		"CONNECT {\"user\":\"b\",\"pass\":\"p\",\"name\":\"3\"}\r\n"+
		"CONNECT {\"user\":\"a\",\"pass\":\"wrong\",\"name\":\"4\"}\r\n"))
	if rest, err := c.ended(); rest != "-ERR 'Authorization Violation'\r\n" || err != nil {
		t.Errorf("the end is %q, %v", rest, err)
	}
	for told, want := range map[chan string][]string{
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
			case got := <-told:
				if got != want {
					t.Errorf("told of %q, want %q", got, want)
				}
			case <-time.After(patience):
				t.Fatalf("nothing in place of %q", want)
			}
		}
	}
	if len(all)+len(some) > 0 {
		t.Errorf("told of more: %d and %d", len(all), len(some))
	}
}
