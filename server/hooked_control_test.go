package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server"
	"moonwire/server/config"
)

// inhabited is a broker with users of its own and some that a hook makes, and a
// connection of each, by name.
func inhabited(t *testing.T, more ...hooks.Spec) (s *server.Server, o server.Options, clients map[string]*rawClient, lines func(string) int) {
	t.Helper()
	o = loopback()
	o.Accounts = []config.Account{{Name: "A"}, {Name: "B", Users: []config.User{{Username: "native", Password: "p"}}}}
	b, logged := startLogged(t, o, server.WithHooks(append(more, connecting(func(c *hooks.Call) {
		switch u := c.Connect.User; u {
		case "native":
			allow(nil)(c)
		default:
			allow(&hooks.Identity{User: u, Account: "A", Tags: map[string]string{"first": u[:1]}})(c)
		}
	}))...))
	clients = make(map[string]*rawClient)
	for _, u := range []string{"native", "x1", "x2", "y1"} {
		clients[u] = says2(t, b.Addr(), fmt.Sprintf(`,"user":%q,"pass":"p"`, u))
	}
	return b.Server, o, clients, func(text string) int { return count(logged, text) }
}

// TestControlDisconnect: those who are meant are told and gone, the others stay.
func TestControlDisconnect(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		of   hooks.Selector
		gone string
		log  string
	}{
		"user":                {hooks.Selector{User: "x2"}, "x2", `Hooks: 1 connections of user "x2" were ended: "bad\nguy"`},
		"account":             {hooks.Selector{Account: "B"}, "native", `Hooks: 1 connections of account "B" were ended`},
		"tags":                {hooks.Selector{Tags: map[string]string{"first": "x"}}, "x1 x2", `Hooks: 2 connections of tag "first:x" were ended`},
		"id":                  {hooks.Selector{ID: 4}, "y1", `Hooks: 1 connections of cid 4 were ended`},
		"id and another user": {hooks.Selector{ID: 4, User: "x1"}, "", ""},
		"nobody there":        {hooks.Selector{User: "z"}, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, clients, lines := inhabited(t)
			n, err := s.Control().Disconnect(tt.of, "bad\nguy")
			must(t, err)
			if want := len(strings.Fields(tt.gone)); n != want {
				t.Errorf("%d were ended, want %d", n, want)
			}
			for who, c := range clients {
				if !strings.Contains(tt.gone, who) {
					must(t, c.sync(nil))
				} else if rest, err := c.ended(); rest != "-ERR 'User Authentication Revoked'\r\n" || err != nil {
					t.Errorf("the end of %s is %q, %v", who, rest, err)
				}
			}
			if tt.log != "" && lines(tt.log) != 1 || tt.log == "" && lines("Hooks:") != 0 {
				t.Errorf("the log does not have %q once", tt.log)
			}
		})
	}
	s, _, _, _ := inhabited(t)
	if _, err := s.Control().Disconnect(hooks.Selector{}, ""); !errors.Is(err, hooks.ErrNobody) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Control().SetPermissions(hooks.Selector{}, nil); !errors.Is(err, hooks.ErrNobody) {
		t.Errorf("got %v", err)
	}
}

// TestControlSetPermissions: open subscriptions are looked at again, what is
// published from then on is judged by the new rules, also behind a reload of the
// configuration, and decisions that were kept are made anew.
func TestControlSetPermissions(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 100)
	keeps := hooktest.At(hooks.AtPublish, func(c *hooks.Call) { asked <- string(c.Subject) })
	keeps.Wants[0].Cache = &hooks.CachePolicy{By: hooks.Fields{Set: hooks.FieldSubject}, TTL: time.Hour}
	s, o, clients, _ := inhabited(t, hooktest.Spec("keeps", keeps))
	for _, user := range []string{"native", "x1"} {
		c := clients[user]
		must(t, c.send("SUB in.a 1\r\nSUB in.b 2\r\nPUB out.a 0\r\n\r\nPUB out.a 0\r\n\r\n"))
		must(t, c.sync(nil))
		if n, err := s.Control().SetPermissions(hooks.Selector{User: user}, &hooks.Permissions{Publish: hooks.Rules{Allow: []string{"a..b"}}}); n != 0 || err == nil {
			t.Errorf("got %d, %v", n, err)
		}
		n, err := s.Control().SetPermissions(hooks.Selector{User: user}, &hooks.Permissions{
			Publish: hooks.Rules{Deny: []string{"out.b"}}, Subscribe: hooks.Rules{Allow: []string{"in.a"}},
		})
		if n != 1 || err != nil {
			t.Fatalf("%s: got %d, %v", user, n, err)
		}
		line, err := c.readLine()
		must(t, err)
		if want := `-ERR 'Permissions Violation for Subscription to "in.b" (sid "2")'`; line != want {
			t.Errorf("got %q, want %q", line, want)
		}
		must(t, c.send("PUB out.a 0\r\n\r\n"))
		must(t, c.sync(nil))
		for _, want := range []string{"out.a", "out.a"} { // once before and once after
			if got := <-asked; got != want {
				t.Errorf("asked about %s", got)
			}
		}
	}
	select {
	case got := <-asked:
		t.Errorf("asked about %s once more", got)
	default:
	}
	must(t, s.Reload(o))
	for _, user := range []string{"native", "x1"} {
		c := clients[user]
		must(t, c.send("PUB out.b 0\r\n\r\n"))
		line, err := c.readLine()
		must(t, err)
		if want := `-ERR 'Permissions Violation for Publish to "out.b"'`; line != want {
			t.Errorf("%s: got %q, want %q", user, line, want)
		}
		n, err := s.Control().SetPermissions(hooks.Selector{User: user}, nil)
		if n != 1 || err != nil {
			t.Fatalf("%s: got %d, %v", user, n, err)
		}
		must(t, c.send("PUB out.b 0\r\n\r\n"))
		must(t, c.sync(nil))
	}
}

// TestControlInHook: a hook may end the very connection that it is asked about, and
// change what it may do.
func TestControlInHook(t *testing.T) {
	t.Parallel()
	var s *server.Server
	ready := make(chan struct{})
	e := hooktest.At(hooks.AtPublish, func(c *hooks.Call) {
		<-ready
		of := hooks.Selector{ID: c.Client.ID}
		var n int
		var err error
		if string(c.Subject) == "end" {
			n, err = s.Control().Disconnect(of, "")
		} else {
			n, err = s.Control().SetPermissions(of, &hooks.Permissions{Publish: hooks.Rules{Deny: []string{"x"}}})
		}
		if n != 1 || err != nil {
			t.Errorf("%s: got %d, %v", c.Subject, n, err)
		}
	}, "end", "narrow")
	b, _ := startLogged(t, loopback(), server.WithHooks(hooktest.Spec("e", e)))
	s = b.Server
	close(ready)
	c := connect(t, b.Addr())
	must(t, c.send("PUB narrow 0\r\n\r\n"))
	must(t, c.sync(nil))
	must(t, c.send("PUB x 0\r\n\r\nPUB end 0\r\n\r\n"))
	if rest, err := c.ended(); rest != "-ERR 'Permissions Violation for Publish to \"x\"'\r\n-ERR 'User Authentication Revoked'\r\n" &&
		rest != "-ERR 'User Authentication Revoked'\r\n" || err != nil {
		t.Errorf("the end is %q, %v", rest, err)
	}
}
