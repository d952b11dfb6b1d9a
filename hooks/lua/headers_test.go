package lua

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moonwire/hooks"
)

// inspect runs a body at inspect, and returns the header and payload that come
// of it.
func inspect(t testing.TB, header, payload, body string) (string, string, *hooks.Call) {
	t.Helper()
	c := &hooks.Call{Client: alice, Subject: []byte("s"), Payload: []byte(payload)}
	if header != "" {
		c.Header = []byte(header)
	}
	ask(t, open(t, "hook.inspect(function(msg) "+body+" end)"), c)
	if c.Out.Header != nil {
		header = string(c.Out.Header)
	}
	if c.Out.Payload != nil {
		payload = string(c.Out.Payload)
	}
	return header, payload, c
}

// TestInspect: what becomes of a message that is assigned to.
func TestInspect(t *testing.T) {
	t.Parallel()
	const header = "NATS/1.0\r\nA: 1\r\nB: 2\r\na:3\r\nodd\r\n\r\n"
	for _, tt := range []struct {
		header, body string
		verdict      hooks.Verdict
		want         string // header, a bar and the payload
	}{
		{header, "", hooks.Pass, header + "|payload"},
		{header, "local x = msg.payload .. tostring(msg.headers.A)", hooks.Pass, header + "|payload"},
		{header, "msg.payload = 'new'", hooks.Replace, header + "|new"},
		{header, "msg.payload = ''", hooks.Replace, header + "|"},
		{header, "msg.payload = msg.payload", hooks.Replace, header + "|payload"},
		{header, "msg.payload = 'x' msg.payload = msg.payload .. 'y'", hooks.Replace, header + "|xy"},
		{header, "local p = msg.payload msg.payload = p .. 'y' if msg.payload ~= 'payloady' then error() end", hooks.Replace, header + "|payloady"},
		{header, "msg.headers.C = 'x'", hooks.Replace, "NATS/1.0\r\nA: 1\r\nB: 2\r\na:3\r\nodd\r\nC: x\r\n\r\n|payload"},
		{header, "msg.headers.A = 'x'", hooks.Replace, "NATS/1.0\r\nA: x\r\nB: 2\r\nodd\r\n\r\n|payload"},
		{header, "msg.headers.a = 5", hooks.Replace, "NATS/1.0\r\na: 5\r\nB: 2\r\nodd\r\n\r\n|payload"},
		{header, "msg.headers.a = nil", hooks.Replace, "NATS/1.0\r\nB: 2\r\nodd\r\n\r\n|payload"},
		{header, "msg.headers.Z = nil", hooks.Replace, header + "|payload"},
		{header, "msg.headers.B = 'x' msg.headers.b = 'y' msg.headers.C = 'z' msg.headers.C = nil", hooks.Replace, "NATS/1.0\r\nA: 1\r\nb: y\r\na:3\r\nodd\r\n\r\n|payload"},
		{header, "msg.headers.A = 'x' msg.payload = tostring(msg.headers.a) .. #msg.headers:all('A') .. table.concat(msg.headers:names(), '/')", hooks.Replace, "NATS/1.0\r\nA: x\r\nB: 2\r\nodd\r\n\r\n|x1A/B"},
		{header, "msg.headers.A = nil msg.payload = tostring(msg.headers.A) .. #msg.headers:all('a')", hooks.Replace, "NATS/1.0\r\nB: 2\r\nodd\r\n\r\n|nil0"},
		{header, "msg.headers.Empty = ''", hooks.Replace, "NATS/1.0\r\nA: 1\r\nB: 2\r\na:3\r\nodd\r\nEmpty: \r\n\r\n|payload"},
		{"", "msg.headers.A = '1'", hooks.Replace, "NATS/1.0\r\nA: 1\r\n\r\n|payload"},
		{"", "msg.headers.A = nil", hooks.Replace, "|payload"},
		{"NATS/1.0\r\nA: 1\r\n\r\n", "msg.headers.A = nil", hooks.Replace, "|payload"},
		{"NATS/1.0 503\r\n\r\n", "msg.headers.A = '1'", hooks.Replace, "NATS/1.0 503\r\nA: 1\r\n\r\n|payload"},
		{"NATS/1.0 503 No Responders\r\nA: 1\r\n\r\n", "msg.headers.A = nil", hooks.Replace, "NATS/1.0 503 No Responders\r\n\r\n|payload"},
	} {
		for range 2 {
			h, p, c := inspect(t, tt.header, "payload", tt.body)
			if got := h + "|" + p; got != tt.want || c.Out.Verdict != tt.verdict || c.Err != nil {
				t.Errorf("%s: got %v, %v, %q; want %v, %q", tt.body, c.Out.Verdict, c.Err, got, tt.verdict, tt.want)
			}
		}
	}
}

// TestInspectErrors: what cannot be assigned, and where nothing can.
func TestInspectErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, want string }{
		{"msg.payload = nil", `the payload is a text, not a nil; "" is an empty one`},
		{"msg.payload = 5", "the payload is a text, not a number"},
		{"msg.payload = {}", "the payload is a text, not a table"},
		{"msg.headers = {}", "message.headers is read-only"},
		{"msg.subject = 'x'", "message.subject is read-only"},
		{"msg.nothing = 'x'", "message has no field nothing"},
		{"msg.headers.A = {}", "the value is a table; want a text"},
		{"msg.headers.A = true", "the value is a boolean; want a text"},
		{"msg.headers.A = 'x\\r\\nB: y'", "the value has a line break"},
		{"msg.headers.A = 'x\\n'", "the value has a line break"},
		{"msg.headers.A = 'x\\0'", "the value has a line break or another control character"},
		{"msg.headers['A\\r\\nB'] = 'x'", "it is not the name of a header"},
		{"msg.headers['A: B'] = 'x'", "it is not the name of a header"},
		{"msg.headers[' A'] = 'x'", "it is not the name of a header"},
		{"msg.headers[''] = 'x'", "it is not the name of a header"},
		{"msg.headers['é'] = 'x'", "it is not the name of a header"},
		{"msg.headers[1] = 'x'", "the name of a field is a string"},
		{"msg.headers.A = ('x'):rep(65537)", "the value has 65537 bytes; want at most 65536"},
		{"msg.headers.all = 'x'", "headers.all is read-only"},
		{"msg.headers.all('A')", "headers:all is called with a colon"},
		{"msg.headers.all(msg, 'A')", "headers:all is called with a colon"},
		{"msg.headers:all()", "headers:all: argument #1 is a no value; want the name"},
		{"msg.headers.names()", "headers:names is called with a colon"},
	} {
		_, _, c := inspect(t, "NATS/1.0\r\nA: 1\r\n\r\n", "payload", tt.body)
		if kind(c.Err) != "runtime" || !strings.Contains(c.Err.Error(), tt.want) || c.Out.Verdict != hooks.Pass {
			t.Errorf("%s: got %+v, %v; want %s", tt.body, c.Out, c.Err, tt.want)
		}
	}
	for _, p := range []hooks.Point{hooks.AtPublish, hooks.AtRewrite} {
		if c := answerTo(t, p, "req.headers.A = 'x'"); !strings.Contains(fmt.Sprint(c.Err), "headers are read-only at "+p.String()) {
			t.Errorf("%v: got %v", p, c.Err)
		}
		if c := answerTo(t, p, "return req.payload"); !strings.Contains(fmt.Sprint(c.Err), "there is no field \"payload\"") {
			t.Errorf("%v: got %v", p, c.Err)
		}
	}
}

// TestEditIsForgotten: what one message was changed to is nothing to the next,
// even after a failure.
func TestEditIsForgotten(t *testing.T) {
	t.Parallel()
	s := openWith(t, `hook.inspect(function(msg)
		if msg.subject == "pass" then return end
		msg.payload, msg.headers.X = "changed", "changed"
		if msg.subject == "fail" then error("x") end
		if msg.subject == "deny" then return deny("x") end
	end)`, Options{Limits: Limits{VMs: 1}})
	calls := batch("change", "pass", "fail", "pass", "deny", "pass", "change", "change")
	if err := s.Do(t.Context(), 0, calls); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"replace", "pass", "runtime", "pass", "deny", "pass", "replace", "replace"} {
		c := calls[i]
		changed := c.Out.Payload != nil || c.Out.Header != nil
		if outcome(c) != want || changed != (want == "replace") {
			t.Errorf("%d: got %s, %+v", i, outcome(c), c.Out)
		}
		if want == "replace" && (string(c.Out.Payload) != "changed" || string(c.Out.Header) != "NATS/1.0\r\nX: changed\r\n\r\n") {
			t.Errorf("%d: got %q, %q", i, c.Out.Header, c.Out.Payload)
		}
	}
}

// TestAssignedUnread: what was assigned to the payload of one message, by a function
// that had not read any, is not what the next one has.
func TestAssignedUnread(t *testing.T) {
	t.Parallel()
	s := openWith(t, `hook.inspect(function(msg)
		msg.payload = msg.subject == "first" and "secret" or msg.payload .. "!"
	end)`, Options{Limits: Limits{VMs: 1}})
	calls := batch("first", "second", "second", "first", "second")
	for i, c := range calls {
		c.Payload = fmt.Append(nil, i)
	}
	if err := s.Do(t.Context(), 0, calls); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"secret", "1!", "2!", "secret", "4!"} {
		if got := string(calls[i].Out.Payload); got != want {
			t.Errorf("%d: got %q, want %q", i, got, want)
		}
	}
}

// TestOversize: a message that is too large with what a script adds is a failure
// for which a client cannot have the script blamed.
func TestOversize(t *testing.T) {
	t.Parallel()
	s := open(t, "hook.inspect(function(msg) msg.headers.A = '1' if msg.subject == 'payload' then msg.payload = '12345' end end)")
	for _, tt := range []struct {
		subject string
		most    int
		want    string
	}{
		{"x", 0, "replace"}, {"x", 22, "replace"}, {"x", 21, "oversize"}, {"payload", 22, "oversize"}, {"payload", 23, "replace"},
	} {
		c := ask(t, s, &hooks.Call{Client: alice, Subject: []byte(tt.subject), Payload: []byte("1234"), MaxPayload: tt.most})
		if got := outcome(c); got != tt.want {
			t.Errorf("%s, at most %d: got %s, %v; want %s", tt.subject, tt.most, got, c.Err, tt.want)
		}
	}
}

// TestHeadersBudget: a script cannot make the engine hold more than its memory.
func TestHeadersBudget(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"local v = ('x'):rep(60000) for i = 1, 1e5 do msg.headers['h' .. i] = v end",
		"for i = 1, 1e5 do msg.headers['h' .. i] = 'x' end",
		"msg.headers.A = 'x' while true do msg.headers:names() end",
		"while true do local x = msg.headers.None end",
		"while true do msg.headers:all('A') end",
	} {
		_, _, c := inspect(t, "NATS/1.0\r\n"+strings.Repeat("A: 1\r\n", 5000)+"\r\n", "", body)
		if k := kind(c.Err); k != "memory" && k != "budget" && k != "timeout" {
			t.Errorf("%s: got %+v, %v", body, c.Out, c.Err)
		}
	}
}

// TestHeaderModel: a header that was assigned reads back, others stay, and the
// block is one that the broker takes.
func TestHeaderModel(t *testing.T) {
	t.Parallel()
	name := rapid.SampledFrom([]string{"A", "a", "B", "Cc", "cC"})
	value := rapid.StringMatching(`[!-~]{0,5}`)
	rapid.Check(t, func(t *rapid.T) {
		type pair struct{ name, value string }
		var model []pair
		block := "NATS/1.0\r\n"
		for range rapid.IntRange(0, 4).Draw(t, "headers") {
			p := pair{name.Draw(t, "name"), value.Draw(t, "value")}
			model = append(model, p)
			block += p.name + ": " + p.value + "\r\n"
		}
		c := &hooks.Call{Header: []byte(block + "\r\n")}
		var e edit
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			p, remove := pair{name.Draw(t, "name"), value.Draw(t, "value")}, rapid.Bool().Draw(t, "remove")
			e.set(c, p.name, p.value, remove)
			at := -1
			var kept []pair
			for _, m := range model {
				if !strings.EqualFold(m.name, p.name) {
					kept = append(kept, m)
				} else if at < 0 && !remove {
					at = len(kept)
					kept = append(kept, p)
				}
			}
			if at < 0 && !remove {
				kept = append(kept, p)
			}
			model = kept
		}
		want := "NATS/1.0\r\n"
		for _, m := range model {
			want += m.name + ": " + m.value + "\r\n"
		}
		want += "\r\n"
		if len(model) == 0 {
			want = ""
		}
		if got := string(e.result()); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
