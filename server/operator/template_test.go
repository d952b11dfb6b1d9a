package operator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/jwt/v2"
)

func TestTemplate(t *testing.T) {
	t.Parallel()
	u := jwt.NewUserClaims("UKEY")
	u.Name = "ann"
	u.Tags.Add("team:blue", "team:red", "level:5", "odd:a b")
	a := jwt.NewAccountClaims("AKEY")
	a.Name = "acme"
	a.Tags.Add("region:eu", "region:us")
	tm := template{user: u, acct: a}
	many := jwt.NewUserClaims("U")
	for i := range 65 {
		many.Tags.Add(fmt.Sprintf("n:%d", i))
	}
	for _, tt := range []struct {
		name        string
		give        []string
		allow, deny []string // nil deny: an error
		err         bool
	}{
		{name: "plain", give: []string{"foo", "bar queue"}, allow: []string{"foo", "bar queue"}, deny: []string{"foo", "bar queue"}},
		{name: "name", give: []string{"foo.{{name()}}"}, allow: []string{"foo.ann"}, deny: []string{"foo.ann"}},
		{name: "subject", give: []string{"{{subject()}}.>"}, allow: []string{"UKEY.>"}, deny: []string{"UKEY.>"}},
		{name: "account", give: []string{"{{account-name()}}.{{account-subject()}}"}, allow: []string{"acme.AKEY"}, deny: []string{"acme.AKEY"}},
		{name: "blanks and case", give: []string{"{{ NAME() }}.{{Tag(Level)}}"}, allow: []string{"ann.5"}, deny: []string{"ann.5"}},
		{
			name: "combinations", give: []string{"{{tag(team)}}.{{account-tag(region)}}.{{name()}}"},
			allow: []string{"blue.eu.ann", "blue.us.ann", "red.eu.ann", "red.us.ann"},
			deny:  []string{"blue.eu.ann", "blue.us.ann", "red.eu.ann", "red.us.ann"},
		},
		{name: "twice the same", give: []string{"{{tag(team)}}.{{tag(team)}}"}, allow: []string{"blue.blue", "red.red"}, deny: []string{"blue.blue", "red.red"}},
		{name: "no such tag", give: []string{"{{tag(none)}}.x", "foo"}, allow: []string{"foo"}},
		{name: "nothing left", give: []string{"{{tag(none)}}.x"}},
		{name: "invalid", give: []string{"{{tag(odd)}}", "foo"}, allow: []string{"foo"}},
		{name: "a queue beside a template", give: []string{"{{name()}}", "foo queue"}, allow: []string{"ann"}},
		{name: "no such operation", give: []string{"{{size()}}"}, err: true},
		{name: "tag without end", give: []string{"{{tag(team}}"}, err: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tm.list(tt.give, false)
			if (err != nil) != tt.err {
				t.Fatalf("allow: %v", err)
			}
			if d := cmp.Diff(tt.allow, []string(got)); d != "" && !tt.err {
				t.Errorf("allow: %s", d)
			}
			got, err = tm.list(tt.give, true)
			if (err != nil) != (tt.deny == nil) {
				t.Fatalf("deny: %v, %v", got, err)
			}
			if d := cmp.Diff(tt.deny, []string(got)); d != "" && err == nil {
				t.Errorf("deny: %s", d)
			}
		})
	}
	t.Run("too many", func(t *testing.T) {
		t.Parallel()
		tm := template{user: many, acct: a}
		if got, err := tm.list(jwt.StringList{"{{tag(n)}}.{{ tag(n) }}"}, false); err == nil || !strings.Contains(err.Error(), "combinations") {
			t.Errorf("got %d subjects, %v", len(got), err)
		}
		list := jwt.StringList{"{{tag(n)}}.{{account-tag(region)}}"}
		for range 32 {
			list = append(list, list[0])
		}
		if got, err := tm.list(list, false); err == nil {
			t.Errorf("got %d subjects", len(got))
		}
	})
	t.Run("nothing allowed is all denied", func(t *testing.T) {
		t.Parallel()
		shared := jwt.StringList{"x"}
		p := jwt.Permissions{Pub: jwt.Permission{Allow: jwt.StringList{"{{tag(none)}}"}, Deny: shared[:1:1]}}
		got, err := tm.permissions(p)
		want := jwt.Permissions{Pub: jwt.Permission{Deny: jwt.StringList{"x", ">"}}}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Error(d, err)
		}
	})
}
