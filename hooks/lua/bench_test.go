package lua

import (
	"strings"
	"testing"

	"moonwire/hooks"
)

// bench asks the first function of a script about one call again and again, as
// the broker does.
func bench(b *testing.B, source string, call hooks.Call) {
	b.Helper()
	s := open(b, source)
	call.Client = alice
	ctx := b.Context()
	c := hooks.NewCall()
	calls := []*hooks.Call{c}
	b.ReportAllocs()
	for b.Loop() {
		c.Client, c.Subject, c.Header, c.Payload = call.Client, call.Subject, call.Header, call.Payload
		if err := s.Do(ctx, 0, calls); err != nil || c.Err != nil {
			b.Fatal(err, c.Err)
		}
		c.Done()
		c = hooks.NewCall()
		calls[0] = c
	}
}

func BenchmarkPublish(b *testing.B) {
	bench(b, `hook.publish(function(req)
		if req.client.user == "alice" and req.subject ~= "forbidden" then return allow() end
	end)`, hooks.Call{Subject: []byte("orders.eu.new")})
}

func BenchmarkPublishCached(b *testing.B) {
	bench(b, `hook.publish(function(req)
		if req.client.user == "alice" and req.subject ~= "forbidden" then return allow() end
	end, { cache = { by = { "user", "subject" }, ttl = 1 } })`, hooks.Call{Subject: []byte("orders.eu.new")})
}

func BenchmarkEmpty(b *testing.B) {
	bench(b, "hook.publish(function(req) end)", hooks.Call{Subject: []byte("orders.eu.new")})
}

func BenchmarkRewrite(b *testing.B) {
	bench(b, `hook.rewrite(function(req) return "t." .. req.client.account .. "." .. req.subject end)`, hooks.Call{Subject: []byte("orders.eu.new")})
}

// BenchmarkInspect looks into 128 bytes and sets a header.
func BenchmarkInspect(b *testing.B) {
	bench(b, `hook.inspect(function(msg)
		if msg.payload:find('"card"', 1, true) then msg.headers["Inspected-By"] = "orders" end
	end)`, hooks.Call{
		Subject: []byte("orders.eu.new"),
		Header:  []byte("NATS/1.0\r\nId: 4711\r\n\r\n"),
		Payload: []byte(`{"id":"4711","amount":12,"card":"1234567890123456","note":"` + strings.Repeat("x", 66) + `"}`),
	})
}
