package account

import (
	"strings"
	"testing"

	"moonwire/server/config"
)

// TestOwnRequests: what an account asks the server arrives in the system account,
// with the account in its subject, and what is answered there comes back. An
// account that imports such a request from elsewhere asks there.
func TestOwnRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Account{
		Name: "A", Imports: []config.Import{{Service: true, Account: "B", Subject: "who", To: "$SYS.REQ.USER.INFO"}},
	}, config.Account{
		Name: "B", Exports: []config.Export{{Service: true, Subject: "who"}},
	})
	a, b, s := w.client("A", "a"), w.client("B", "b"), w.client(System, "s")
	a.info, b.info = Info{ID: 1, User: "ann"}, Info{ID: 2, User: "bob"}
	s.sub("$SYS.REQ.*.*.* 1")
	b.sub("who 1")
	b.sub("_INBOX.1 2")
	for _, tt := range []struct{ request, subject, shared string }{
		{"$SYS.REQ.USER.INFO", "$SYS.REQ.USER.B.INFO", `"user":"bob"`},
		{"$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.ACCOUNT.B.CONNZ", ""},
		{"$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.ACCOUNT.B.CONNZ", ""},
		{"$SYS.REQ.ACCOUNT.PING.STATZ", "$SYS.REQ.ACCOUNT.B.STATZ", ""},
	} {
		if !b.pub("PUB " + tt.request + " _INBOX.1 2\r\nhi\r\n") {
			t.Errorf("%s was not taken", tt.request)
			continue
		}
		frame, reply := asked(t, s)
		if !strings.HasPrefix(frame, "HMSG "+tt.subject+" 1 ") || !strings.Contains(frame, `"acc":"B"`) || strings.Contains(frame, "bob") != (tt.shared != "") {
			t.Errorf("%s arrives as %q", tt.request, frame)
		}
		s.pub("PUB " + reply + " 2\r\nme\r\n")
		b.expect(t, "MSG _INBOX.1 2 2\r\nme\r\n")
	}
	a.pub("PUB $SYS.REQ.USER.INFO _INBOX.1 2\r\nhi\r\n")
	if frame, _ := asked(t, b); !strings.HasPrefix(frame, "HMSG who 1 ") {
		t.Errorf("the request that is imported from B arrives as %q", frame)
	}
	s.expect(t)
	for name, want := range map[string]int{"A": 1, "B": 3, System: 1} { // in B the answers to A as well
		if got := w.set.Get(name).Index.Len(); got != want {
			t.Errorf("%s has %d subscriptions, want %d", name, got, want)
		}
	}
}

// TestRequestInfo: only a header that says who asks is one.
func TestRequestInfo(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]string{
		"NATS/1.0\r\nNats-Request-Info: {\"acc\":\"A\",\"user\":\"u\"}\r\n\r\n": "A u true",
		"NATS/1.0\r\nNats-Request-Info: {\"acc\":5}\r\n\r\n":                    "  false",
		"NATS/1.0\r\nOther: x\r\n\r\n":                                          "  false",
		"":                                                                      "  false",
	} {
		who, ok := RequestInfo([]byte(head))
		got := who.Account + " " + who.User + " false"
		if ok {
			got = who.Account + " " + who.User + " true"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", head, got, want)
		}
	}
}
