package monitor_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moonwire/server/monitor"
)

// newPopulated returns the Monitor of three accounts: A with the connections 1 and
// 3, B with 2, and SYS with none.
func newPopulated() *monitor.Monitor {
	s := &fakeSource{subs: map[uint64][]monitor.SubDetail{
		1: {{Account: "A", Subject: "z", Sid: "1", CID: 1}, {Account: "A", Subject: "a.*", Queue: "q", Sid: "2", Msgs: 7, CID: 1}},
		2: {{Account: "B", Subject: ">", Sid: "1", CID: 2}},
		3: {{Account: "A", Subject: "a.b", Sid: "1", Max: 9, CID: 3}},
	}}
	for _, name := range []string{"A", "B", "SYS"} {
		a := monitor.AccountState{Info: monitor.AccountInfo{Name: name, IsSystem: name == "SYS", NameTag: "tag " + name}}
		a.Stat.Account = name
		s.accounts = append(s.accounts, a)
	}
	for i, of := range []int{0, 1, 0} {
		a := &s.accounts[of]
		a.Stat.TotalConns++
		a.Info.NumSubs += uint32(len(s.subs[uint64(i+1)]))
		s.conns = append(s.conns, monitor.ConnInfo{CID: uint64(i + 1), Account: a.Info.Name, NameTag: a.Info.NameTag})
	}
	return monitor.New(s, monitor.Options{})
}

func TestSubsz(t *testing.T) {
	t.Parallel()
	m := newPopulated()
	tests := []struct {
		query, want string // "number/total offset-limit: subjects"
	}{
		{"", "4/0 0-1024: "},
		{"acc=A", "3/0 0-1024: "},
		{"acc=none&subs=1", "0/0 0-1024: "},
		{"subs=1", "4/4 0-1024: 1 a.*, 1 z, 2 >, 3 a.b"},
		{"subs=true&acc=A", "3/3 0-1024: 1 a.*, 1 z, 3 a.b"},
		{"subs=1&limit=2", "4/4 0-2: 1 a.*, 1 z"},
		{"subs=1&limit=2&offset=3", "4/4 3-2: 3 a.b"},
		{"subs=1&offset=9", "4/4 9-1024: "},
		{"subs=1&offset=-1&limit=-1", "4/4 0-1024: 1 a.*, 1 z, 2 >, 3 a.b"},
		{"subs=1&test=a.b", "4/3 0-1024: 1 a.*, 2 >, 3 a.b"},
		{"subs=1&test=z&acc=A", "3/1 0-1024: 1 z"},
	}
	for _, tt := range tests {
		var z monitor.Subsz
		decode(t, get(t, m, "/subsz?"+tt.query), &z)
		var subjects []string
		for _, s := range z.Subs {
			subjects = append(subjects, fmt.Sprint(s.CID, " ", s.Subject))
			if s.AccountTag != "tag "+s.Account {
				t.Errorf("%s: account %q, tag %q", tt.query, s.Account, s.AccountTag)
			}
		}
		got := fmt.Sprintf("%d/%d %d-%d: %s", z.NumSubs, z.Total, z.Offset, z.Limit, strings.Join(subjects, ", "))
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.query, got, tt.want)
		}
	}
}

func TestAccountz(t *testing.T) {
	t.Parallel()
	m := newPopulated()
	var all, one monitor.Accountz
	decode(t, get(t, m, "/accountz"), &all)
	if diff := cmp.Diff([]string{"A", "B", "SYS"}, all.Names); diff != "" || all.System != "SYS" || all.Account != nil {
		t.Errorf("system account %q, detail %v, names (-want +got):\n%s", all.System, all.Account, diff)
	}
	decode(t, get(t, m, "/accountz?acc=A"), &one)
	if one.Names != nil || one.System != "SYS" || one.Account == nil || one.Account.NameTag != "tag A" || one.Account.NumSubs != 3 {
		t.Errorf("got %+v", one)
	}
}

func TestAccountStatz(t *testing.T) {
	t.Parallel()
	m := newPopulated()
	for query, want := range map[string]string{"": "A B", "unused=0": "A B", "unused=1": "A B SYS"} {
		var z monitor.AccountStatz
		decode(t, get(t, m, "/accstatz?"+query), &z)
		var names []string
		for _, a := range z.Accounts {
			names = append(names, a.Account)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	if got := m.AccountStatz(monitor.AccountStatzOptions{Accounts: []string{"B", "SYS", "X"}}).Accounts; len(got) != 1 || got[0].Account != "B" {
		t.Errorf("of some accounts: %+v", got)
	}
}

// TestRefusedQueries: what cannot be used is named.
func TestRefusedQueries(t *testing.T) {
	t.Parallel()
	m := newPopulated()
	for target, want := range map[string]string{
		"/subsz?limit=x&offset=y&subs=z": "offset: \"y\" is not a whole number\nlimit: \"x\" is not a whole number\nsubs: \"z\" is none of 0, 1, false, true\n",
		"/subsz?test=a.*":                "test: \"a.*\" is not a subject to publish to: it must have no wildcards and no empty tokens\n",
		"/accountz?acc=X":                "acc: \"X\": there is no such account\n",
		"/accstatz?unused=x":             "unused: \"x\" is none of 0, 1, false, true\n",
		"/leafz?callback=1":              "callback: \"1\" is not the name of a function\n",
	} {
		if r := get(t, m, target); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", target, r.Status)
		} else if got := body(t, r); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}

// TestStatsz: the counts of the server are told with those of its accounts.
func TestStatsz(t *testing.T) {
	t.Parallel()
	v := monitor.Varz{
		Connections: 3, TotalConnections: 8, Subscriptions: 4, SlowConsumers: 1, StaleConnections: 2,
		InMsgs: 11, InBytes: 12, OutMsgs: 13, OutBytes: 14, InClientMsgs: 11, OutClientBytes: 14,
	}
	calm := monitor.New(&fakeSource{varz: v}, monitor.Options{}).Statsz()
	if calm.SlowConsumersBy != nil || calm.StaleBy != nil {
		t.Errorf("counts by kind without any: %+v", calm)
	}
	v.SlowConsumersBy.Clients, v.StaleBy.Clients = 1, 2
	accounts := []monitor.AccountState{{Stat: monitor.AccountStat{TotalConns: 3}}, {}}
	z := monitor.New(&fakeSource{varz: v, accounts: accounts}, monitor.Options{}).Statsz()
	got := fmt.Sprint(z.Connections, z.TotalConnections, z.ActiveAccounts, z.Subscriptions, z.Received.MsgBytes, z.Sent.MsgBytes,
		z.FromClients.Msgs, z.SentToClients.Bytes, z.SlowConsumersBy.Clients, z.StaleBy.Clients, z.ActiveServers)
	if want := "3 8 1 4 {11 12} {13 14} 11 14 1 2 1"; got != want || z.Mem == 0 || z.Cores == 0 {
		t.Errorf("got %s, %d bytes, %d cores, want %s", got, z.Mem, z.Cores, want)
	}
}
