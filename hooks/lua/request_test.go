package lua

import (
	"fmt"
	"strings"
	"testing"

	"moonwire/hooks"
)

// tell returns what an expression is at a point, as text; values in lists are
// joined with a slash.
func tell(t *testing.T, c *hooks.Call, p hooks.Point, options, expr string) string {
	t.Helper()
	s := open(t, fmt.Sprintf(`local function show(v)
		if type(v) ~= "table" then return tostring(v) end
		local t = {}
		for i, e in ipairs(v) do t[i] = show(e) end
		return table.concat(t, "/")
	end
	hook.%v(function(req) return deny(show(%s)) end%s)`, p, expr, options))
	ask(t, s, c)
	if c.Err != nil {
		return c.Err.Error()
	}
	return c.Out.Reason
}

// TestFields: what each point shows. With a cache the same values are seen by
// another way.
func TestFields(t *testing.T) {
	t.Parallel()
	message := []hooks.Point{hooks.AtRewrite, hooks.AtPublish, hooks.AtInspect}
	subjects := append(message, hooks.AtSubscribe)
	for _, tt := range []struct {
		points     []hooks.Point
		expr, want string
	}{
		{subjects, "req.subject", "orders.new"},
		{subjects, "req.client.id", "7"},
		{subjects, "req.client.user", "alice"},
		{subjects, "req.client.account", "A"},
		{subjects, "req.client.name", "app"},
		{subjects, "req.client.host", "10.0.0.1"},
		{subjects, "req.client.kind", "STANDARD"},
		{subjects, "req.client.tags.role", "admin"},
		{subjects, "req.client.tags.none", "nil"},
		{subjects, "req.client.user .. req.client.user", "alicealice"},
		{message, "req.original_subject", "orders.new"},
		{message, "req.reply", "_INBOX.1"},
		{message, "req.size", "37"},
		{message, "req.headers.A", "1"},
		{message, "req.headers['b']", "2"},
		{message, "req.headers.C", "nil"},
		{message, "req.headers:all('a')", "1/3"},
		{message, "req.headers:all('x')", ""},
		{message, "req.headers:names()", "A/B"},
		{[]hooks.Point{hooks.AtInspect}, "req.payload", "payload"},
		{[]hooks.Point{hooks.AtSubscribe}, "req.queue", "nil"},
		{[]hooks.Point{hooks.AtConnect}, "req.user .. req.password", "alicesecret"},
		{[]hooks.Point{hooks.AtConnect}, "{ req.token or '-', req.jwt or '-', req.nkey or '-', req.signature or '-', req.nonce or '-', req.tls or '-' }", "-/-/-/-/-/-"},
		{[]hooks.Point{hooks.AtConnect}, "{ req.name, req.lang, req.version, req.host, req.kind }", "app/go/1.2/10.0.0.1/STANDARD"},
		{[]hooks.Point{hooks.AtConnect}, "{ req.client.id, req.client.user, req.client.account, req.client.host }", "7///10.0.0.1"},
	} {
		for _, p := range tt.points {
			if got := tell(t, callAt(p), p, "", tt.expr); got != tt.want {
				t.Errorf("%v, %s: got %q, want %q", p, tt.expr, got, tt.want)
			}
			if p == hooks.AtConnect || p == hooks.AtInspect {
				continue
			}
			if got := tell(t, callAt(p), p, ", { cache = { by = 'user', ttl = 1 } }", tt.expr); got != tt.want {
				t.Errorf("%v with a cache, %s: got %q, want %q", p, tt.expr, got, tt.want)
			}
		}
	}
	c := callAt(hooks.AtPublish)
	c.OriginalSubject, c.Reply = []byte("first"), nil
	if got := tell(t, c, hooks.AtPublish, "", "{ req.original_subject, req.subject, tostring(req.reply) }"); got != "first/orders.new/nil" {
		t.Errorf("after a mapping: got %q", got)
	}
	c = callAt(hooks.AtSubscribe)
	c.Queue = []byte("workers")
	if got := tell(t, c, hooks.AtSubscribe, "", "req.queue"); got != "workers" {
		t.Errorf("queue: got %q", got)
	}
	c = callAt(hooks.AtConnect)
	c.Connect.TLS = &hooks.TLSInfo{Version: "1.3", CommonName: "me", DNSNames: []string{"a", "b"}, URIs: []string{"u"}, Fingerprint: "ff"}
	if got := tell(t, c, hooks.AtConnect, "", "{ req.tls.version, req.tls.common_name, req.tls.dns_names, req.tls.uris, req.tls.fingerprint }"); got != "1.3/me/a/b/u/ff" {
		t.Errorf("tls: got %q", got)
	}
}

// TestFieldsChange: objects that are used again show the call that is asked
// about, and nothing of one before.
func TestFieldsChange(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", ", { cache = { by = 'user', ttl = 1 } }"} {
		s := openWith(t, `hook.publish(function(req)
			return deny(req.client.user .. " " .. req.subject .. " " .. tostring(req.reply) .. " " .. req.size .. " " .. tostring(req.headers.X) .. " " .. tostring(req.client.tags.a) .. " " .. req.original_subject)
		end`+options+")", Options{Limits: Limits{VMs: 1}})
		clients := []*hooks.Client{{ID: 1, User: "a"}, {ID: 2, User: "b"}, {ID: 1, User: "c"}, {ID: 1 + 1024, User: "d"}, {ID: 1, User: "e", Tags: map[string]string{"a": "x"}}}
		for i := range 40 {
			c := &hooks.Call{Client: clients[i%len(clients)], Subject: fmt.Appendf(nil, "s%d", i%3), Size: 1000 * (i % 4)}
			if i%2 == 0 {
				c.Reply = fmt.Appendf(nil, "r%d", i)
			}
			if i%3 == 0 {
				c.Header = fmt.Appendf(nil, "NATS/1.0\r\nX: %d\r\n\r\n", i)
			}
			reply, header, tag, original := "nil", "nil", "nil", string(c.Subject)
			if c.Reply != nil {
				reply = string(c.Reply)
			}
			if c.Header != nil {
				header = fmt.Sprint(i)
			}
			if v, ok := c.Client.Tags["a"]; ok {
				tag = v
			}
			if i%7 == 0 {
				c.OriginalSubject, original = []byte("o"), "o"
			}
			want := fmt.Sprint(c.Client.User, " ", string(c.Subject), " ", reply, " ", c.Size, " ", header, " ", tag, " ", original)
			if ask(t, s, c); c.Err != nil || c.Out.Reason != want {
				t.Fatalf("call %d: got %q, %v; want %q", i, c.Out.Reason, c.Err, want)
			}
		}
	}
}

// TestKeptObjects: what a script keeps of a call is of no use in one at another
// point: the memory of a call belongs to others by then.
func TestKeptObjects(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", ", { cache = { by = 'user', ttl = 1 } }"} {
		for _, read := range []string{
			"kept.subject", "kept.client", "kept.reply", "kept.headers", "kept.nothing", "headers.A", "headers:all('A')", "all(headers, 'A')",
			"headers:names()", "client.user", "client.tags", "tags.role",
		} {
			if options == "" && (strings.HasPrefix(read, "client") || strings.HasPrefix(read, "tags")) {
				continue // a table of the connection, which says the same for as long as it lives
			}
			s := openWith(t, fmt.Sprintf(`local kept, headers, all, client, tags
				hook.publish(function(req)
					kept, headers, all, client, tags = req, req.headers, req.headers.all, req.client, req.client.tags
					return deny(req.subject .. req.reply .. req.headers.A .. client.user .. tostring(tags.role) .. all(headers, "A")[1])
				end%s)
				hook.inspect(function(msg)
					local ok, err = pcall(function() return %s end)
					return deny(tostring(ok) .. err)
				end)`, options, read), Options{Limits: Limits{VMs: 1}})
			for range 3 { // fields that were read are made ahead from then on
				if c := ask(t, s, callAt(hooks.AtPublish)); c.Err != nil || c.Out.Reason != "orders.new_INBOX.11aliceadmin1" {
					t.Fatalf("got %q, %v", c.Out.Reason, c.Err)
				}
			}
			c := callAt(hooks.AtInspect)
			if err := s.Do(t.Context(), 1, []*hooks.Call{c}); err != nil || c.Err != nil {
				t.Fatal(err, c.Err)
			}
			if !strings.HasPrefix(c.Out.Reason, "false") || !strings.Contains(c.Out.Reason, "only valid during the call") && !strings.Contains(c.Out.Reason, "on the headers of the message") {
				t.Errorf("%s%s: got %q", read, options, c.Out.Reason)
			}
		}
	}
}
