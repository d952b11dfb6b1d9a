package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"moonwire/server/servertest"
)

// surveyed is a server with two accounts, and those who may ask about them.
const surveyed = `
server_name: one
accounts {
  A {
    users: [
      { user: a, password: a }
      { user: p, password: p, permissions: { publish: "$SYS.REQ.>", subscribe: { allow: "_INBOX.>", deny: "x" }, allow_responses: { max: 3 } } }
    ]
    exports: [ { stream: "s.>" }, { service: "r.*", accounts: [ B ] } ]
    mappings: { "m.*": "n.$1" }
  }
  B {
    users: [ { user: b, password: b } ]
    imports: [ { stream: { account: A, subject: "s.x" }, prefix: p }, { service: { account: A, subject: "r.x" }, to: r } ]
  }
  SYS { users: [ { user: s, password: s } ] }
}
system_account: SYS
`

// surveyor asks one server as several users.
type surveyor struct {
	t     *testing.T
	url   string
	conns map[string]*nats.Conn
}

func newSurveyor(t *testing.T, addr string) *surveyor {
	t.Helper()
	return &surveyor{t, "nats://" + addr, make(map[string]*nats.Conn)}
}

func (v *surveyor) as(user string) *nats.Conn {
	v.t.Helper()
	if v.conns[user] == nil {
		c, err := nats.Connect(v.url, nats.UserInfo(user, user), nats.Name(user), nats.NoReconnect())
		if err != nil {
			v.t.Fatal(err)
		}
		v.t.Cleanup(c.Close)
		v.conns[user] = c
	}
	return v.conns[user]
}

// ask returns the answer to a request.
func (v *surveyor) ask(user, subject, body string) map[string]any {
	v.t.Helper()
	m, err := v.as(user).Request(subject, []byte(body), patience)
	if err != nil {
		v.t.Fatalf("%s %s: %v", subject, body, err)
	}
	var got map[string]any
	if err := json.Unmarshal(m.Data, &got); err != nil {
		v.t.Fatalf("%s %s: %v in %q", subject, body, err, m.Data)
	}
	return got
}

// data returns the data of the answer to a request.
func (v *surveyor) data(user, subject, body string) map[string]any {
	v.t.Helper()
	got, ok := v.ask(user, subject, body)["data"].(map[string]any)
	if !ok {
		v.t.Fatalf("%s %s has no data", subject, body)
	}
	return got
}

// shape adds the paths of all fields of a value with their types. Lists have the
// fields of their elements.
func shape(into map[string]string, path string, of any) {
	switch of := of.(type) {
	case map[string]any:
		into[path] = "object"
		for k, v := range of {
			shape(into, path+"."+k, v)
		}
	case []any:
		into[path] = "list"
		for _, v := range of {
			shape(into, path+"[]", v)
		}
	default:
		into[path] = fmt.Sprintf("%T", of)
	}
}

// TestRequestsAsReference: what is asked about a server is answered in the form in
// which nats-server answers it.
func TestRequestsAsReference(t *testing.T) {
	t.Parallel()
	theirs := newSurveyor(t, servertest.StartReference(t, surveyed).Addr())
	ours := newSurveyor(t, servertest.Start(t, surveyed).Addr())
	for _, v := range []*surveyor{theirs, ours} {
		for user, pattern := range map[string]string{"a": "s.a", "b": "p.s.x", "s": "x"} {
			if _, err := v.as(user).SubscribeSync(pattern); err != nil {
				t.Fatal(err)
			}
			if err := v.as(user).Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// What is told by one of them only; the rest of a path may follow.
	different := []string{
		".server.feature_flags", ".data.feature_flags", ".data.moonwire",
		".data.exports[].", ".data.imports", ".data.mappings.",
		".data.connections[].subscriptions_list_detail[].account",
		".error.description",
	}
	for _, tt := range []struct{ user, subject, body string }{
		{"s", "$SYS.REQ.SERVER.PING", ""},
		{"s", "$SYS.REQ.SERVER.PING.IDZ", ""},
		{"s", "$SYS.REQ.SERVER.PING.STATSZ", `{"server_name":"on","host":"127"}`},
		{"s", "$SYS.REQ.SERVER.PING.VARZ", ""},
		{"s", "$SYS.REQ.SERVER.PING.VARZ", `{"server_name":"one","exact_match":true}`},
		{"s", "$SYS.REQ.SERVER.PING.VARZ", "{"},
		{"s", "$SYS.REQ.SERVER.PING.CONNZ", `{"auth":true,"subscriptions":true,"limit":1}`},
		{"s", "$SYS.REQ.SERVER.PING.CONNZ", `{"acc":"B","subscriptions_detail":true,"auth":true}`},
		{"s", "$SYS.REQ.SERVER.PING.CONNZ", `{"sort":"x"}`},
		{"s", "$SYS.REQ.SERVER.PING.SUBSZ", ""},
		{"s", "$SYS.REQ.SERVER.PING.SUBSZ", `{"subscriptions":true,"account":"A"}`},
		{"s", "$SYS.REQ.SERVER.PING.ACCOUNTZ", ""},
		{"s", "$SYS.REQ.SERVER.PING.ACCOUNTZ", `{"account":"none"}`},
		{"s", "$SYS.REQ.SERVER.PING.ROUTEZ", ""},
		{"s", "$SYS.REQ.SERVER.PING.GATEWAYZ", ""},
		{"s", "$SYS.REQ.SERVER.PING.LEAFZ", ""},
		{"s", "$SYS.REQ.SERVER.PING.HEALTHZ", ""},
		{"s", "$SYS.REQ.SERVER.ID.VARZ", ""},
		{"s", "$SYS.REQ.SERVER.ID.HEALTHZ", ""},
		{"s", "$SYS.REQ.SERVER.ID.KICK", `{"cid":9999}`},
		{"s", "$SYS.REQ.ACCOUNT.A.CONNZ", ""},
		{"s", "$SYS.REQ.ACCOUNT.A.SUBSZ", ""},
		{"s", "$SYS.REQ.ACCOUNT.A.INFO", ""},
		{"s", "$SYS.REQ.ACCOUNT.B.INFO", ""},
		{"s", "$SYS.REQ.ACCOUNT.A.STATZ", ""},
		{"s", "$SYS.REQ.ACCOUNT.PING.STATZ", ""},
		{"a", "$SYS.REQ.SERVER.PING.CONNZ", ""},
		{"a", "$SYS.REQ.ACCOUNT.PING.CONNZ", `{"auth":true}`},
		{"b", "$SYS.REQ.ACCOUNT.PING.STATZ", ""},
		{"a", "$SYS.REQ.USER.INFO", ""},
		{"p", "$SYS.REQ.USER.INFO", ""},
	} {
		t.Run(tt.subject+tt.body, func(t *testing.T) {
			var got [2]map[string]string
			for i, v := range []*surveyor{theirs, ours} {
				subject := strings.Replace(tt.subject, "ID", v.as(tt.user).ConnectedServerId(), 1)
				if strings.HasSuffix(tt.subject, ".IDZ") {
					subject = tt.subject
				}
				got[i] = make(map[string]string)
				shape(got[i], "", v.ask(tt.user, subject, tt.body))
				maps.DeleteFunc(got[i], func(path, kind string) bool {
					return path == ".data" && kind == "<nil>" || slices.ContainsFunc(different, func(d string) bool { return strings.HasPrefix(path, d) })
				})
			}
			if diff := cmp.Diff(got[0], got[1]); diff != "" {
				t.Errorf("(-nats-server +ours):\n%s", diff)
			}
		})
	}
}

// TestRequestsOfUsers: users hear of themselves and their own account only,
// whatever they ask for.
func TestRequestsOfUsers(t *testing.T) {
	t.Parallel()
	for name, addr := range map[string]string{
		"moonwire": servertest.Start(t, surveyed).Addr(), "nats-server": servertest.StartReference(t, surveyed).Addr(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newSurveyor(t, addr)
			for _, user := range []string{"a", "p", "b", "s"} {
				v.as(user)
			}
			for user, want := range map[string]string{"a": "[a p]", "b": "[b]"} {
				var names []string
				for _, c := range v.data(user, "$SYS.REQ.SERVER.PING.CONNZ", `{"acc":"A"}`)["connections"].([]any) {
					names = append(names, c.(map[string]any)["name"].(string))
				}
				slices.Sort(names)
				if got := fmt.Sprint(names); got != want {
					t.Errorf("%s hears of %s, want %s", user, got, want)
				}
				stats := v.data(user, "$SYS.REQ.ACCOUNT.PING.STATZ", `{"accounts":["A","B"]}`)["account_statz"].([]any)
				if got := stats[0].(map[string]any)["acc"]; len(stats) != 1 || got != strings.ToUpper(user) {
					t.Errorf("%s hears of %d accounts, the first is %v", user, len(stats), got)
				}
			}
			for _, subject := range []string{"$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.VARZ", "$SYS.REQ.ACCOUNT.B.CONNZ", "$SYS.REQ.USER.B.INFO"} {
				if m, err := v.as("a").Request(subject, nil, patience); err == nil {
					t.Errorf("a hears on %s: %s", subject, m.Data)
				}
			}
			forged := nats.NewMsg("$SYS.REQ.USER.INFO")
			forged.Header.Set("Nats-Request-Info", `{"acc":"B","id":1,"user":"b"}`)
			m, err := v.as("p").RequestMsg(forged, patience)
			if err != nil {
				t.Fatal(err)
			}
			var info struct{ Data any }
			if err := json.Unmarshal(m.Data, &info); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{
				"user": "p", "account": "A", "account_name": "A",
				"permissions": map[string]any{
					"publish":   map[string]any{"allow": []any{"$SYS.REQ.>"}},
					"subscribe": map[string]any{"allow": []any{"_INBOX.>"}, "deny": []any{"x"}},
					"responses": map[string]any{"max": 3.0, "ttl": float64(2 * time.Minute)},
				},
			}
			if diff := cmp.Diff(want, info.Data); diff != "" {
				t.Errorf("p is (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRequestsElsewhere: a request that means another server has no answer.
func TestRequestsElsewhere(t *testing.T) {
	t.Parallel()
	c := newSurveyor(t, servertest.Start(t, surveyed).Addr()).as("s")
	answers, err := c.SubscribeSync("answers.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"STATSZ", "VARZ", "HEALTHZ"} {
		for i, body := range []string{
			`{"server_name":"two"}`, `{"server_name":"on","exact_match":true}`, `{"host":"h"}`, `{"cluster":"c"}`, `{"domain":"d"}`, `{"tags":["t"]}`,
		} {
			if err := c.PublishRequest("$SYS.REQ.SERVER.PING."+name, fmt.Sprintf("answers.%s%d", name, i), []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Requests are answered one after the other.
	if err := c.PublishRequest("$SYS.REQ.SERVER.PING.VARZ", "answers.last", []byte(`{"server_name":"ne"}`)); err != nil {
		t.Fatal(err)
	}
	m, err := answers.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "answers.last" {
		t.Errorf("%s: %s", m.Subject, m.Data)
	}
}

// TestKick: a connection is closed at request.
func TestKick(t *testing.T) {
	t.Parallel()
	v := newSurveyor(t, servertest.Start(t, surveyed).Addr())
	victim := v.as("a")
	closed := victim.StatusChanged(nats.CLOSED)
	id, err := victim.GetClientID()
	if err != nil {
		t.Fatal(err)
	}
	kick := "$SYS.REQ.SERVER." + victim.ConnectedServerId() + ".KICK"
	if got := v.ask("s", kick, fmt.Sprintf(`{"cid":%d}`, id)); got["error"] != nil {
		t.Fatalf("got %v", got)
	}
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("the connection is still there")
	}
	eventually(t, func() string {
		list := v.data("s", "$SYS.REQ.SERVER.PING.CONNZ", `{"state":1}`)["connections"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["reason"] != "Kicked" {
			return fmt.Sprintf("closed are %v", list)
		}
		return ""
	})
}
