package account

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/server/config"
	"moonwire/server/interest"
)

// asked is what a service gets: it returns the frame without its reply subject,
// and that.
func asked(t *testing.T, c *client) (frame, reply string) {
	t.Helper()
	got := c.take()
	if len(got) != 1 {
		t.Fatalf("%s got %q, want one message", c.name, got)
	}
	reply = regexp.MustCompile(`_R_\.[0-9A-Za-z]{6}\.[0-9A-Za-z]{6} `).FindString(got[0])
	return strings.Replace(got[0], reply, "", 1), strings.TrimSuffix(reply, " ")
}

// pair returns two accounts, of which B imports a service of A.
func pair(e config.Export, i config.Import) []config.Account {
	e.Service, i.Service, i.Account = true, true, "A"
	return []config.Account{{Name: "A", Exports: []config.Export{e}}, {Name: "B", Imports: []config.Import{i}}}
}

func TestService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair(config.Export{Subject: "svc.*"}, config.Import{Subject: "svc.*", To: "mine.*"})...)
	a, b := w.client("A", "a"), w.client("B", "b")
	b.info.RTT = 707064
	a.sub("svc.> 1")
	b.sub("_INBOX.1 2")
	if !b.pub("PUB mine.add _INBOX.1 2\r\nhi\r\n") {
		t.Error("the request was not taken")
	}
	frame, reply := asked(t, a)
	want := "HMSG svc.add 1 57 59\r\nNATS/1.0\r\nNats-Request-Info: {\"acc\":\"B\",\"rtt\":707064}\r\n\r\nhi\r\n"
	if diff := cmp.Diff(want, frame); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if !a.pub("PUB "+reply+" 3\r\nres\r\n") || a.pub("PUB "+reply+" 3\r\nagn\r\n") {
		t.Error("not one answer of two was taken")
	}
	b.expect(t, "MSG _INBOX.1 2 3\r\nres\r\n")
	// Without a reply subject nothing is expected.
	b.pub("PUB mine.add 2\r\nhi\r\n")
	if frame, reply = asked(t, a); frame != want || reply != "" {
		t.Errorf("got %q with reply %q", frame, reply)
	}
	if n := len(service1(b.in).answers.mu.due); n != 0 {
		t.Errorf("%d answers are due", n)
	}
	// An answer with headers comes as it is, to a service of another name.
	b.pub("HPUB mine.x _INBOX.1 18 19\r\nNATS/1.0\r\nA: b\r\n\r\n.\r\n")
	frame, reply = asked(t, a)
	if want = "HMSG svc.x 1 63 64\r\nNATS/1.0\r\nA: b\r\nNats-Request-Info: {\"acc\":\"B\",\"rtt\":707064}\r\n\r\n.\r\n"; frame != want {
		t.Errorf("got %q, want %q", frame, want)
	}
	a.pub("HPUB " + reply + " 12 12\r\nNATS/1.0\r\n\r\n\r\n")
	b.expect(t, "HMSG _INBOX.1 2 12 12\r\nNATS/1.0\r\n\r\n\r\n")
}

// service1 returns the first service that an account imports.
func service1(a *Account) *service { return (*a.services.Load())[0] }

// TestServiceNobody: a request that nobody takes is not taken, and leaves
// nothing behind.
func TestServiceNobody(t *testing.T) {
	t.Parallel()
	accounts := pair(config.Export{Subject: "svc"}, config.Import{Subject: "svc"})
	accounts[0].Exports = append(accounts[0].Exports, config.Export{Subject: ">"})
	accounts = append(accounts, importing("C", config.Import{Account: "A", Subject: "svc"}))
	w := newWorld(t, accounts...)
	a, b, c := w.client("A", "a"), w.client("B", "b"), w.client("C", "c")
	c.sub("svc 1") // a shadow in A takes no request
	request := func() bool { return b.pub("PUB svc inbox 2\r\nhi\r\n") }
	for range 3 {
		if request() {
			t.Error("a request was taken by nobody")
		}
	}
	for _, queue := range []string{"", "q "} {
		s := a.sub("svc " + queue + "1")
		if !request() {
			t.Error("a request was not taken")
		}
		a.unsub(s)
		if request() {
			t.Error("a request was taken by somebody who is gone")
		}
	}
	if n := len(service1(b.in).answers.mu.due); n != 2 {
		t.Errorf("%d answers are due, want 2", n)
	}
	c.expect(t)
}

// TestServiceSubjects: the subject of a request there depends on the one here.
func TestServiceSubjects(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ subject, to, publish, want string }{
		{"svc", "", "svc", "svc"},
		{"svc", "mine", "mine", "svc"},
		{"svc", "mine.*", "mine.x", "svc"},
		{"svc", "mine.>", "mine.x.y", "svc"},
		{"svc.*", "", "svc.a", "svc.a"},
		{"svc.*.*", "$2.mine.$1", "b.mine.a", "svc.a.b"},
		{"svc.>", "mine.>", "mine.a.b", "svc.a.b"},
		{"svc.>", "mine.>", "svc.a.b", ""},
	} {
		w := newWorld(t, pair(config.Export{Subject: ">"}, config.Import{Subject: tt.subject, To: tt.to})...)
		a := w.client("A", "a")
		a.sub("> 1")
		w.client("B", "b").pub("PUB " + tt.publish + " 1\r\nx\r\n")
		var got string
		if list := a.take(); len(list) > 0 {
			got = strings.Fields(list[0])[1]
		}
		if got != tt.want {
			t.Errorf("import of %q to %q: %s became %q, want %q", tt.subject, tt.to, tt.publish, got, tt.want)
		}
	}
}

// TestServiceOrder: requests and messages of one batch come in the order in which
// they were published, whichever way they go.
func TestServiceOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		config.Account{Name: "A", Exports: services(">"), Imports: []config.Import{{Account: "B", Subject: "ev"}}},
		config.Account{Name: "B", Exports: streams(">"), Imports: []config.Import{
			{Service: true, Account: "A", Subject: "one"}, {Service: true, Account: "A", Subject: "two"},
		}})
	a, b := w.client("A", "a"), w.client("B", "b")
	a.sub("> 1")
	var in strings.Builder
	var want []string
	for i := range 60 {
		subject := []string{"one", "ev", "two"}[i%3]
		fmt.Fprintf(&in, "PUB %s 2\r\n%02d\r\n", subject, i)
		want = append(want, fmt.Sprintf("%s %02d", subject, i))
	}
	b.pub(in.String())
	var got []string
	for _, frame := range a.take() {
		f := strings.Fields(frame)
		got = append(got, f[1]+" "+f[len(f)-1])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// TestServiceMany: a service with many answers may give them until it says that
// there are no more.
func TestServiceMany(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"stream", "chunked"} {
		w := newWorld(t, pair(config.Export{Subject: "svc", ResponseType: kind}, config.Import{Subject: "svc"})...)
		a, b := w.client("A", "a"), w.client("B", "b")
		a.sub("svc 1")
		inbox := b.sub("inbox 2")
		b.pub("PUB svc inbox 2\r\nhi\r\n")
		_, reply := asked(t, a)
		for i := range 3 {
			if !a.pub(fmt.Sprintf("PUB %s 1\r\n%d\r\n", reply, i)) {
				t.Errorf("answer %d was not taken", i)
			}
		}
		a.pub("PUB " + reply + " 0\r\n\r\n")
		if a.pub("PUB " + reply + " 1\r\nx\r\n") {
			t.Error("an answer behind the last was taken")
		}
		b.expect(t, "MSG inbox 2 1\r\n0\r\n", "MSG inbox 2 1\r\n1\r\n", "MSG inbox 2 1\r\n2\r\n", "MSG inbox 2 0\r\n\r\n")
		// Who asked is gone: the next answer is the last that is expected.
		b.pub("PUB svc inbox 2\r\nhi\r\n")
		_, reply = asked(t, a)
		b.unsub(inbox)
		if a.pub("PUB " + reply + " 1\r\nx\r\n") {
			t.Error("an answer to somebody who is gone was taken")
		}
		if n := len(service1(b.in).answers.mu.due); n != 0 {
			t.Errorf("%d answers are due", n)
		}
	}
}

// TestServiceExpiry: an answer comes too late after the threshold, which begins
// anew with each of many.
func TestServiceExpiry(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"singleton", "stream"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, pair(config.Export{Subject: "svc", ResponseType: kind, ResponseThreshold: 10 * time.Second}, config.Import{Subject: "svc"})...)
			a, b := w.client("A", "a"), w.client("B", "b")
			a.sub("svc 1")
			b.sub("inbox 2")
			ask := func() string {
				b.pub("PUB svc inbox 2\r\nhi\r\n")
				_, reply := asked(t, a)
				return reply
			}
			answer := func(reply string, want bool) {
				t.Helper()
				if got := a.pub("PUB " + reply + " 1\r\nx\r\n"); got != want {
					t.Errorf("%s: an answer was taken: %t, want %t", kind, got, want)
				}
			}
			first, second, third := ask(), ask(), ask()
			time.Sleep(9 * time.Second)
			answer(first, true)
			time.Sleep(time.Second)
			answer(second, false)
			time.Sleep(8 * time.Second)
			answer(first, kind == "stream")
			answer(third, false)
			time.Sleep(10 * time.Second)
			w.set.Sweep()
			if n := len(service1(b.in).answers.mu.due); n != 0 {
				t.Errorf("%d answers are due after a sweep", n)
			}
			answer(first, false)
		})
	}
}

// TestServiceBound: the oldest questions are forgotten when there are too many.
func TestServiceBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair(config.Export{Subject: "svc"}, config.Import{Subject: "svc"})...)
	r := service1(w.set.Get("B")).answers
	first, _ := r.owe(nil, []byte("inbox.first"))
	second, _ := r.owe(nil, []byte("inbox.second"))
	for range maxDue - 1 {
		r.owe(nil, []byte("inbox"))
	}
	if len(r.mu.due) != maxDue {
		t.Errorf("%d answers are due, want %d", len(r.mu.due), maxDue)
	}
	if d := r.answer(first, false); d != nil {
		t.Errorf("the oldest, for %s, was not forgotten", d.reply)
	}
	if d := r.answer(second, false); d == nil || string(d.reply) != "inbox.second" {
		t.Error("the second oldest was forgotten")
	}
}

// TestServiceConversation: an answer may ask back, and that is answered too.
func TestServiceConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair(config.Export{Subject: "svc"}, config.Import{Subject: "svc"})...)
	a, b := w.client("A", "a"), w.client("B", "b")
	a.sub("svc 1")
	a.sub("inbox.a 2")
	b.sub("inbox.b 3")
	b.pub("PUB svc inbox.b 2\r\nhi\r\n")
	_, reply := asked(t, a)
	a.pub("PUB " + reply + " inbox.a 3\r\nwhy\r\n")
	frame, reply := asked(t, b)
	if frame != "MSG inbox.b 3 3\r\nwhy\r\n" {
		t.Errorf("got %q", frame)
	}
	b.pub("PUB " + reply + " 3\r\nfor\r\n")
	a.expect(t, "MSG inbox.a 2 3\r\nfor\r\n")
}

// TestServiceChain: a service may be one that is itself imported; who asked
// first is told, and through whom.
func TestServiceChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		config.Account{Name: "A", Exports: services("svc")},
		config.Account{Name: "B", Exports: services("mid"), Imports: []config.Import{{Service: true, Account: "A", Subject: "svc", To: "mid"}}},
		importing("C", config.Import{Service: true, Account: "B", Subject: "mid", To: "mine"}))
	a, c := w.client("A", "a"), w.client("C", "c")
	c.info.RTT = 5
	c.sub("inbox 2")
	if c.pub("PUB mine inbox 2\r\nhi\r\n") {
		t.Error("a request was taken by nobody at the end")
	}
	a.sub("svc 1")
	c.pub("PUB mine inbox 2\r\nhi\r\n")
	frame, reply := asked(t, a)
	if want := `{"acc":"C","svc":"B","rtt":5}`; !strings.Contains(frame, infoKey+": "+want+"\r\n") || strings.Count(frame, infoKey) != 1 {
		t.Errorf("got %q, want %s in it", frame, want)
	}
	a.pub("PUB " + reply + " 2\r\nok\r\n")
	c.expect(t, "MSG inbox 2 2\r\nok\r\n")
	for _, s := range []*service{service1(w.set.Get("B")), service1(w.set.Get("C"))} {
		if n := len(s.answers.mu.due); n != 0 {
			t.Errorf("%s expects %d answers", s.of.Name, n)
		}
	}
}

// TestServiceOnce: an answer does not go back as a question where its subject is
// one that a service is imported on.
func TestServiceOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		config.Account{Name: "A", Exports: services(">")},
		config.Account{Name: "B", Exports: services("a.>"), Imports: []config.Import{{Service: true, Account: "A", Subject: ">"}}},
		importing("C", config.Import{Service: true, Account: "B", Subject: "a.>"}))
	a, c := w.client("A", "a"), w.client("C", "c")
	a.sub("> 1")
	c.sub("inbox 2")
	c.pub("PUB a.b inbox 2\r\nhi\r\n")
	_, reply := asked(t, a)
	a.pub("PUB " + reply + " 2\r\nok\r\n")
	c.expect(t, "MSG inbox 2 2\r\nok\r\n")
	a.expect(t, "MSG "+reply+" 1 2\r\nok\r\n") // its own
}

// TestServiceInfo: what a service is told depends on the import and on who asks;
// what the requester itself says of it does not count.
func TestServiceInfo(t *testing.T) {
	t.Parallel()
	info := Info{ID: 7, Host: "h", User: "u", RTT: 3, Server: "s", Cluster: "c", Account: "forged"}
	const forged = "HPUB svc 50 50\r\nNATS/1.0\r\nnats-request-info: {\"acc\":\"A\"}\r\nX: y\r\n\r\n\r\n"
	system := pair(config.Export{Subject: "svc"}, config.Import{Subject: "svc"})
	system[0].Name, system[1].Imports[0].Account = System, System
	for _, tt := range []struct {
		name     string
		accounts []config.Account
		want     string
	}{
		{"plain", pair(config.Export{Subject: "svc"}, config.Import{Subject: "svc"}), `{"acc":"B","rtt":3}`},
		{"shared", pair(config.Export{Subject: "svc"}, config.Import{Subject: "svc", Share: true}), `{"host":"h","id":7,"acc":"B","user":"u","rtt":3,"server":"s","cluster":"c"}`},
		{"system account", system, `{"acc":"B","rtt":3,"server":"s","cluster":"c"}`},
	} {
		w := newWorld(t, tt.accounts...)
		a, b := w.client(tt.accounts[0].Name, "a"), w.client("B", "b")
		b.info = info
		a.sub("svc 1")
		b.pub(forged)
		frame, _ := asked(t, a)
		_, head, _ := strings.Cut(frame, "\r\n")
		if diff := cmp.Diff("NATS/1.0\r\nX: y\r\nNats-Request-Info: "+tt.want+"\r\n\r\n\r\n", head); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestServiceMapping: the mappings of the account of a service hold for requests.
func TestServiceMapping(t *testing.T) {
	t.Parallel()
	accounts := pair(config.Export{Subject: "svc.*"}, config.Import{Subject: "svc.*"})
	accounts[0].Mappings = []config.Mapping{
		{Source: "svc.a", Destinations: []config.Destination{{Subject: "v2.a", Weight: 100}}},
		{Source: "svc.lost", Destinations: []config.Destination{{Subject: "svc.lost", Weight: 0}}},
	}
	w := newWorld(t, accounts...)
	a, b := w.client("A", "a"), w.client("B", "b")
	a.sub("> 1")
	b.pub("PUB svc.a 1\r\nx\r\n")
	if frame, _ := asked(t, a); !strings.HasPrefix(frame, "HMSG v2.a 1 ") {
		t.Errorf("got %q", frame)
	}
	if b.pub("PUB svc.lost 1\r\nx\r\n") {
		t.Error("a request that a mapping loses was taken")
	}
}

// TestServiceConcurrent: many ask at once, and each gets the answers to its own
// questions, while the imports change.
func TestServiceConcurrent(t *testing.T) {
	t.Parallel()
	with := pair(config.Export{Subject: "svc"}, config.Import{Subject: "svc"})
	also := pair(config.Export{Subject: ">"}, config.Import{Subject: "svc", Share: true})
	also[1].Imports = append(also[1].Imports, config.Import{Service: true, Account: "A", Subject: "more"})
	w := newWorld(t, with...)
	var work sync.WaitGroup
	for i := range 4 {
		a := &echo{world: w, in: w.set.Get("A")}
		a.Ordinal, a.Sink = w.ordinals.Take(), a
		a.in.Subscribe(&interest.Sub{Subject: "svc", Queue: "q", Sid: "1", Target: &a.Target})
		work.Go(func() {
			b := w.client("B", fmt.Sprint(i))
			b.sub(fmt.Sprintf("inbox.%d.* 1", i))
			for n := range 200 {
				b.pub(fmt.Sprintf("PUB svc inbox.%d.%d 2\r\nhi\r\n", i, n))
				if got, want := b.take(), fmt.Sprintf("MSG inbox.%d.%d 1 2\r\nok\r\n", i, n); len(got) != 1 || got[0] != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
	stop := make(chan struct{})
	w.updateUntil(t, stop, with, also, work.Wait)
}
