package lua

import (
	"context"
	"fmt"
	"testing"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
)

// withLibraries opens a script with all the libraries that a broker gives.
func withLibraries(t *testing.T, source string, config map[string]any) *Script {
	t.Helper()
	shared, err := library.NewShared(library.Options{Clock: frozen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(shared.Close)
	return openWith(t, source, Options{Libraries: library.Modules(shared), Clock: frozen, Config: config})
}

// TestRateLimit: what is counted is counted in all machines, also when one is
// lost in between, and keeps the answers out of the cache.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	s := withLibraries(t, `local kv = require "kv"
	hook.publish("t.*.cmd.>", function(req)
		if req.subject == "t.a.cmd.loop" then while true do end end
		local n = kv.incr("cmd:" .. req.client.user, 1, { ttl = 60 })
		if n > 3 then return deny("rate limit") end
	end, { cache = { by = { "user", "subject" }, ttl = 60, negative_ttl = 60 } })`, nil)
	set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: s}}, hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var session hooks.Session
	for i, want := range []hooks.Verdict{hooks.Pass, hooks.Pass, hooks.Pass, hooks.Deny, hooks.Deny} {
		calls := batch("t.a.cmd.loop", "t.a.cmd.x", "other")
		set.Table("").Do(context.Background(), &session, hooks.AtPublish, calls)
		if calls[0].Outcome.Verdict != hooks.Deny || calls[1].Outcome.Verdict != want || calls[2].Outcome.Verdict != hooks.Pass {
			t.Errorf("batch %d: got %+v, %+v, %+v; want %v", i, calls[0].Outcome, calls[1].Outcome, calls[2].Outcome, want)
		}
	}
	if st := set.Stats()[0]; st.CacheHits != 0 || st.CacheRefused["other"] == 0 {
		t.Errorf("kept: %d, refused: %v", st.CacheHits, st.CacheRefused)
	}
	if err := set.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestRedact: a message is taken apart, changed and stamped.
func TestRedact(t *testing.T) {
	t.Parallel()
	s := withLibraries(t, `local json = require "json"
	local schema = { id = "string", amount = "number" }
	hook.inspect("t.*.orders.>", function(msg)
		local doc, err = json.decode(msg.payload)
		if not doc then return drop("not JSON: " .. err) end
		for k, t in pairs(schema) do
			if type(doc[k]) ~= t then return drop("field " .. k .. " is not a " .. t) end
		end
		if doc.card then
			doc.card = "****"
			msg.payload = json.encode(doc)
		end
		msg.headers["Inspected-By"] = "orders-policy"
	end, { max_payload = 65536 })`, nil)
	for payload, want := range map[string]string{
		`{"id": "4711", "amount": 1, "card": "1234"}`: `replace "NATS/1.0\r\nInspected-By: orders-policy\r\n\r\n" {"amount":1,"card":"****","id":"4711"}`,
		`{"id": "4711", "amount": 1}`:                 `replace "NATS/1.0\r\nInspected-By: orders-policy\r\n\r\n" `,
		`{"id": 4711, "amount": 1}`:                   `drop "" `,
		`{`:                                           `drop "" `,
	} {
		c := ask(t, s, &hooks.Call{Client: alice, Payload: []byte(payload)})
		if got := fmt.Sprintf("%v %q %s", c.Out.Verdict, c.Out.Header, c.Out.Payload); got != want || c.Err != nil {
			t.Errorf("%s:\n got %s, %v\nwant %s", payload, got, c.Err, want)
		}
	}
}

// TestLibraryErrors: a token that is wrong is no failure of the hook; a library
// that waits is one where messages would wait with it.
func TestLibraryErrors(t *testing.T) {
	t.Parallel()
	s := withLibraries(t, `local jwt, http = require "jwt", require "http"
	hook.connect(function(req)
		local claims, err = jwt.verify(req.token or "", { secret = config.secret, algorithms = "HS256" })
		if not claims then return deny("bad token: " .. err) end
		return allow{ user = claims.sub }
	end)
	hook.publish(function() return http.get("http://localhost/") end)`, map[string]any{"secret": "0123456789abcdef0123456789abcdef"})
	if c := ask(t, s, callAt(hooks.AtConnect)); c.Err != nil || c.Out.Verdict != hooks.Deny || len(c.Out.Reason) < len("bad token: x") {
		t.Errorf("connect: got %+v, %v", c.Out, c.Err)
	}
	c := callAt(hooks.AtPublish)
	if err := s.Do(context.Background(), 1, []*hooks.Call{c}); err != nil || kind(c.Err) != "runtime" {
		t.Errorf("publish: got %+v, %v", c, err)
	}
}
