package account

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/server/config"
)

func TestNewSet(t *testing.T) {
	t.Parallel()
	s, err := NewSet(&config.Options{
		SystemAccount: "Z",
		Accounts: []config.Account{
			{Name: "Z"},
			{Name: "A", Limits: config.AccountLimits{MaxConnections: 3}},
			{Name: Global, Mappings: []config.Mapping{{Source: "a", Destinations: []config.Destination{{Subject: "b", Weight: 100}}}}},
		},
		Mappings: []config.Mapping{{Source: "c", Destinations: []config.Destination{{Subject: "d", Weight: 100}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range s.All() {
		names = append(names, a.Name)
		if a.IsSystem != (a.Name == "Z") {
			t.Errorf("%s is the system account: %t", a.Name, a.IsSystem)
		}
	}
	if diff := cmp.Diff([]string{Global, "A", "Z"}, names); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	if s.Get("B") != nil || s.Get("A").Limits.Load().MaxConnections != 3 {
		t.Error("the accounts are not what the options say")
	}
	if got := s.Get(Global).Mappings.Load().Sources(); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("mappings of %q", got)
	}
	if s.Get("A").Mappings.Load() != nil {
		t.Error("an account has mappings that has none")
	}
}

// TestRefused: what is wrong is refused, each with account and subject.
func TestRefused(t *testing.T) {
	t.Parallel()
	private := func(service bool) config.Account {
		return config.Account{Name: "A", Exports: []config.Export{
			{Service: service, Subject: "x.>", Accounts: []string{"C"}}, {Service: service, Subject: "t.*.>", TokenPosition: 2},
		}}
	}
	all := config.Account{Name: "A", Exports: append(streams(">"), services(">")...)}
	imports := func(list ...config.Import) config.Account {
		for i := range list {
			if list[i].Account == "" {
				list[i].Account = "A"
			}
		}
		return config.Account{Name: "B", Imports: list}
	}
	tests := []struct {
		name     string
		accounts []config.Account
		want     string // all of it, or that it is allowed
	}{
		{"no name", []config.Account{{}}, "accounts: an account has no name"},
		{"twice", []config.Account{{Name: "A"}, {Name: "A"}}, `account "A" is there twice; leave one out`},
		{"no account", []config.Account{imports(config.Import{Subject: "x"})}, `account "B": import of the stream "x" from account "A": there is no such account`},
		{"no export", []config.Account{{Name: "A", Exports: services(">")}, imports(config.Import{Subject: "x"})}, `account "B": import of the stream "x" from account "A": account "A" has no such export`},
		{"wider than the export", []config.Account{{Name: "A", Exports: streams("x.*")}, imports(config.Import{Subject: "x.>"})}, `account "B": import of the stream "x.>" from account "A": account "A" has no such export`},
		{"no subject", []config.Account{all, imports(config.Import{Subject: "x..y", Service: true})}, `account "B": import of the service "x..y" from account "A": this is not a valid subject`},
		{"private", []config.Account{private(false), imports(config.Import{Subject: "x.y"}), {Name: "C"}}, `account "B": import of the stream "x.y" from account "A": it is private: its export does not allow account "B"`},
		{"private service", []config.Account{private(true), imports(config.Import{Subject: "x.>", Service: true}), {Name: "C"}}, `account "B": import of the service "x.>" from account "A": it is private: its export does not allow account "B"`},
		{"token", []config.Account{private(false), imports(config.Import{Subject: "t.B.x"}), {Name: "C"}}, ""},
		{"token of another", []config.Account{private(false), imports(config.Import{Subject: "t.C.x"}), {Name: "C"}}, `account "B": import of the stream "t.C.x" from account "A": it is private: its export does not allow account "B"`},
		{"token of all", []config.Account{private(false), imports(config.Import{Subject: "t.*.>"}), {Name: "C"}}, `account "B": import of the stream "t.*.>" from account "A": it is private: its export does not allow account "B"`},
		{"exported to nobody", []config.Account{private(false)}, `account "A": export of the stream "x.>": there is no account "C" to export to`},
		{"token is no wildcard", []config.Account{{Name: "A", Exports: []config.Export{{Subject: "a.*", TokenPosition: 1}}}}, `account "A": export of the stream "a.*": account_token_position is 1; it must be that of a * in the subject`},
		{"token is not there", []config.Account{{Name: "A", Exports: []config.Export{{Subject: "a.*", TokenPosition: 3}}}}, `account "A": export of the stream "a.*": account_token_position is 3; it must be that of a * in the subject`},
		{"export of no subject", []config.Account{{Name: "A", Exports: streams("a.")}}, `account "A": export of the stream "a.": this is not a valid subject`},
		{"response", []config.Account{{Name: "A", Exports: []config.Export{{Service: true, Subject: "a", ResponseType: "two"}}}}, `account "A": export of the service "a": response is "two"; allowed are singleton, stream and chunked`},
		{"stream twice", []config.Account{all, imports(config.Import{Subject: "x"}, config.Import{Subject: "x", To: "y"})}, `account "B": import of the stream "x" from account "A": it is there twice; leave one out`},
		{"service twice", []config.Account{all, imports(config.Import{Subject: "x", Service: true}, config.Import{Subject: "y", To: "x", Service: true})}, `account "B": import of the service "y" from account "A": the subject "x" here is already that of "x" there`},
		{"to and prefix", []config.Account{all, imports(config.Import{Subject: "x", To: "y", Prefix: "z"})}, `account "B": import of the stream "x" from account "A": it has both to and prefix; leave one out`},
		{"prefix of a service", []config.Account{all, imports(config.Import{Subject: "x", Service: true, Prefix: "z"})}, `account "B": import of the service "x" from account "A": a prefix is for streams; use to`},
		{"prefix with wildcards", []config.Account{all, imports(config.Import{Subject: "x", Prefix: "z.*"})}, `account "B": import of the stream "x" from account "A": the prefix "z.*" is not a subject without wildcards`},
		{"bad to of a service", []config.Account{all, imports(config.Import{Subject: "x", Service: true, To: "a..b"})}, `account "B": import of the service "x" from account "A": "a..b" is not a valid subject`},
		{"stream cycle", []config.Account{
			{Name: "A", Exports: streams(">"), Imports: []config.Import{{Account: "B", Subject: "y"}}},
			{Name: "B", Exports: streams(">"), Imports: []config.Import{{Account: "A", Subject: ">"}}},
		}, `account "B": import of the stream ">" from account "A": it forms a cycle with what account "A" imports as "y" from account "B"; leave one out`},
		{"service cycle over three", []config.Account{
			{Name: "A", Exports: services(">"), Imports: []config.Import{{Service: true, Account: "B", Subject: "b.*", To: "a.*"}}},
			{Name: "B", Exports: services(">"), Imports: []config.Import{{Service: true, Account: "C", Subject: "c.*", To: "b.*"}}},
			{Name: "C", Exports: services(">"), Imports: []config.Import{{Service: true, Account: "A", Subject: "a.x", To: "c.x"}}},
		}, `account "C": import of the service "a.x" from account "A": it forms a cycle with what account "A" imports as "a.*" from account "B"; leave one out`},
		{"no cycle", []config.Account{
			{Name: "A", Exports: services(">"), Imports: []config.Import{{Service: true, Account: "B", Subject: "b.*", To: "a.*"}}},
			{Name: "B", Exports: services(">"), Imports: []config.Import{{Service: true, Account: "A", Subject: "other"}}},
		}, ""},
		{"a service of its own", []config.Account{
			{Name: "A", Exports: services("x"), Imports: []config.Import{{Service: true, Account: "A", Subject: "x", To: "y"}}},
		}, ""},
		{"all at once", []config.Account{imports(config.Import{Subject: "x"}, config.Import{Subject: "y", Service: true})}, `account "B": import of the stream "x" from account "A": there is no such account
account "B": import of the service "y" from account "A": there is no such account`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if _, err := NewSet(&config.Options{Accounts: tt.accounts}); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := NewSet(&config.Options{SystemAccount: "S"}); err == nil || err.Error() != `system_account: there is no account "S"` {
		t.Errorf("got %v for a system account that is not there", err)
	}
	for _, i := range []config.Import{{Subject: "x.*", To: "y"}, {Subject: "x.*", To: "y.$2"}, {Subject: "x", To: "y.*"}} {
		i.Account = "A"
		if _, err := NewSet(&config.Options{Accounts: []config.Account{all, importing("B", i)}}); err == nil {
			t.Errorf("an import of the stream %s to %s was allowed", i.Subject, i.To)
		}
	}
}

// TestUpdate: accounts and subscriptions that stay go on, with the new imports;
// an error changes nothing.
func TestUpdate(t *testing.T) {
	t.Parallel()
	a := config.Account{Name: "A", Exports: append(streams(">"), services(">")...)}
	keeps := config.Import{Account: "A", Subject: "ev.>", Prefix: "p"}
	svc := config.Import{Service: true, Account: "A", Subject: "svc"}
	w := newWorld(t, a, importing("B", keeps, config.Import{Account: "A", Subject: "old"}, svc), importing("C", keeps))
	pub, b := w.client("A", "a"), w.client("B", "b")
	s := b.sub("> 1")
	other := pub.sub("svc 2")
	s.Max = 100
	b.in.Limit(s, true)
	shadow := b.in.mu.shadows[s][0].sub
	b.pub("PUB svc x 2\r\nhi\r\n")
	b.take()
	_, reply := asked(t, pub)

	update := func(accounts ...config.Account) []*Account {
		t.Helper()
		removed, err := w.set.Update(&config.Options{Accounts: accounts})
		if err != nil {
			t.Fatal(err)
		}
		return removed
	}
	gone := w.set.Get("C")
	shared := svc
	shared.Share = true
	b.info = Info{User: "u"}
	if removed := update(a, importing("B", config.Import{Account: "A", Subject: "new"}, keeps, shared), config.Account{Name: "D"}); len(removed) != 1 || removed[0] != gone {
		t.Errorf("removed are %v", removed)
	}
	if w.set.Get("A") != pub.in || w.set.Get("B") != b.in || w.set.Get("C") != nil || w.set.Get("D") == nil {
		t.Error("the accounts are not those of before, with D for C")
	}
	if b.in.mu.shadows[s][0].sub != shadow {
		t.Error("the shadow by an import that stays is another")
	}
	pub.pub("PUB ev.x 1\r\n1\r\nPUB old 1\r\n2\r\nPUB new 1\r\n3\r\n")
	b.expect(t, "MSG p.ev.x 1 1\r\n1\r\n", "MSG new 1 1\r\n3\r\n")
	if s.Delivered != 3 { // with the request, which it saw as well
		t.Errorf("%d messages count, want 3", s.Delivered)
	}
	// A question from before is answered; a new one is on the new terms.
	pub.pub("PUB " + reply + " 2\r\nok\r\n")
	b.expect(t, "MSG x 1 2\r\nok\r\n")
	b.pub("PUB svc 2\r\nhi\r\n")
	b.take()
	if frame, _ := asked(t, pub); !strings.Contains(frame, `"user":"u"`) {
		t.Errorf("got %q, want the user in it", frame)
	}

	wrong := []config.Account{a, importing("B", config.Import{Account: "X", Subject: "x"})}
	if _, err := w.set.Update(&config.Options{Accounts: wrong}); err == nil {
		t.Error("an import from nowhere was allowed")
	}
	if _, err := w.set.Update(&config.Options{SystemAccount: "A", Accounts: []config.Account{a}}); err == nil {
		t.Error("the system account became another")
	}
	pub.pub("PUB new 1\r\n4\r\n")
	b.expect(t, "MSG new 1 1\r\n4\r\n")

	b.pub("PUB svc x 2\r\nhi\r\n")
	b.take()
	_, reply = asked(t, pub)
	update(a, importing("B"))
	pub.unsub(other)
	pub.pub("PUB ev.x 1\r\n1\r\nPUB " + reply + " 2\r\nok\r\n")
	b.expect(t)
	if got := w.lens(); got != "$G:0 $SYS:0 A:0 B:1" {
		t.Errorf("left are %s", got)
	}
}

// TestUpdateStops: a service that is imported no longer takes no question, also
// not from who found it before.
func TestUpdateStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair(config.Export{Subject: "svc", ResponseThreshold: time.Hour}, config.Import{Subject: "svc"})...)
	a, b := w.client("A", "a"), w.client("B", "b")
	a.sub("svc 1")
	s := service1(b.in)
	if _, err := w.set.Update(&config.Options{Accounts: []config.Account{{Name: "A"}, {Name: "B"}}}); err != nil {
		t.Fatal(err)
	}
	ctx := w.pool.Get(&b.Target, b.in.Index)
	if s.Relay(ctx, s.sub, pubOf(t, "PUB svc reply 1\r\nx\r\n")) {
		t.Error("a question was taken")
	}
	ctx.Flush()
	w.pool.Put(ctx)
	a.expect(t)
	if got := w.lens(); got != "$G:0 $SYS:0 A:1 B:0" {
		t.Errorf("left are %s", got)
	}
}
