package hooktool

import (
	"fmt"
	"strings"
	"testing"

	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/permission"
	"moonwire/server/wire"
)

// TestWhy: which entry decides, and that it says the same as the broker's own
// rules.
func TestWhy(t *testing.T) {
	t.Parallel()
	list := func(s string) []string { return strings.FieldsFunc(s, func(r rune) bool { return r == ',' }) }
	tests := []struct {
		name, allow, deny string
		responses         bool
		subject, queue    string
		publish           string
		subscribe         string
	}{
		{name: "no lists", subject: "a", publish: "there is no publish.allow: all is allowed that is not denied", subscribe: "there is no subscribe.allow: all is allowed that is not denied"},
		{name: "the first that allows", allow: "x,a.*,a.>", subject: "a.b", publish: `publish.allow "a.*" allows it`, subscribe: `subscribe.allow "a.*" allows it`},
		{name: "none allows", allow: "x,y.>", subject: "a", publish: "no entry of publish.allow is for it", subscribe: "no entry of subscribe.allow is for it"},
		{name: "denied though allowed", allow: "a.>", deny: "x,a.b", subject: "a.b", publish: `publish.deny "a.b" forbids it`, subscribe: `subscribe.deny "a.b" forbids it`},
		{name: "denied without an allow list", deny: "a", subject: "a", publish: `publish.deny "a" forbids it`, subscribe: `subscribe.deny "a" forbids it`},
		{
			name: "answers", responses: true, subject: "a",
			publish:   "there is no publish.allow, and with allow_responses that allows nothing",
			subscribe: "there is no subscribe.allow: all is allowed that is not denied",
		},
		{
			name: "answers beside a list", responses: true, allow: "x", subject: "a",
			publish: "no entry of publish.allow is for it; answers to what it has received are allowed all the same", subscribe: "no entry of subscribe.allow is for it",
		},
		{name: "a queue group", allow: "a q.*", subject: "a", queue: "q.1", subscribe: `subscribe.allow "a q.*" allows it`},
		{
			name: "other queue groups", allow: "a,a q", subject: "a", queue: "r",
			subscribe: `subscribe.allow "a" does not count, as other entries are for it in queue groups, and none for this one`,
		},
		{name: "a queue group that is denied", deny: "a q", subject: "a", queue: "q", subscribe: `subscribe.deny "a q" forbids it`},
		{name: "a narrower denial", allow: "a.*", deny: "a.b", subject: "a.*", subscribe: `subscribe.allow "a.*" allows it; what deny entries match is left out of what it gets`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := config.Rules{Allow: list(tt.allow), Deny: list(tt.deny)}
			p := &config.Permissions{Publish: r, Subscribe: r}
			if tt.publish == "" { // the entries are not for it
				p.Publish = config.Rules{}
			}
			if tt.responses {
				p.Responses = &config.Responses{}
			}
			set, err := permission.Compile(p)
			if err != nil {
				t.Fatal(err)
			}
			if tt.publish != "" {
				got := whyPublish(p, tt.subject)
				check(t, "publish", got, tt.publish)
				if yes := set.Publish([]byte(tt.subject)); yes != isYes(got) {
					t.Errorf("publish: the broker says %v, and %q", yes, got)
				}
			}
			got := whySubscribe(p, tt.subject, tt.queue)
			check(t, "subscribe", got, tt.subscribe)
			if yes := set.Subscribe(tt.subject, tt.queue); yes != isYes(got) {
				t.Errorf("subscribe: the broker says %v, and %q", yes, got)
			}
		})
	}
	check(t, "nothing", whyPublish(nil, "a")+whySubscribe(nil, "a", ""), everything+everything)
}

func isYes(why string) bool {
	return strings.Contains(why, " allows it") || strings.Contains(why, "all is allowed")
}

// TestUsersAreThoseOfTheBroker: what is found of a user is what the broker's own
// authentication makes of it.
func TestUsersAreThoseOfTheBroker(t *testing.T) {
	t.Parallel()
	of := func(s string) *config.Permissions {
		return &config.Permissions{Publish: config.Rules{Allow: []string{s}}, Subscribe: config.Rules{Deny: []string{s}}}
	}
	o := &config.Options{
		Users:              []config.User{{Username: "own", Password: "p", Permissions: of("own")}, {Username: "default", Password: "p"}, {Username: "there", Password: "p", Account: "A"}},
		DefaultPermissions: of("global"),
		Accounts: []config.Account{
			{Name: "A", Users: []config.User{{Username: "a1", Password: "p"}, {Username: "a2", Password: "p", Permissions: of("a2")}}, DefaultPermissions: of("account")},
			{Name: "B", Users: []config.User{{Username: "b", Password: "p"}}},
		},
	}
	u, err := newUsers(o)
	if err != nil {
		t.Fatal(err)
	}
	subjects := []string{"own", "global", "account", "a2", "x"}
	for _, name := range []string{"own", "default", "there", "a1", "a2", "b"} {
		id, err := u.who.Authenticate(&auth.Request{Connect: &wire.Connect{User: name, Password: "p"}})
		if err != nil {
			t.Fatal(err)
		}
		k, ok := u.find(name)
		if !ok || k.account != id.Account {
			t.Errorf("%s: found %v, in account %q; want %q", name, ok, k.account, id.Account)
		}
		set, err := permission.Compile(k.rules)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range subjects {
			got := fmt.Sprint(set.Publish([]byte(s)), set.Subscribe(s, ""))
			if want := fmt.Sprint(id.Permissions.Publish([]byte(s)), id.Permissions.Subscribe(s, "")); got != want {
				t.Errorf("%s and %q: got %s, want %s", name, s, got, want)
			}
		}
	}
	if _, ok := u.find(""); ok {
		t.Error("nobody was found")
	}
	single, err := newUsers(&config.Options{Username: "one", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := single.find("one"); !ok || k.account != "$G" || k.rules != nil {
		t.Errorf("the single user: %v, %+v", ok, k)
	}
}
