package lua

import (
	"context"
	"fmt"
	"testing"
	"time"

	"moonwire/hooks"
)

// TestHostileHeaders: a block in which receivers may find other headers than a script
// is denied when the script looks at it, whatever it makes of the error, and is no
// failure. In nats.go each of them has the role admin, or none, where the lines that
// end in CR and LF say something else.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	const plain = "NATS/1.0\r\nA: 1\r\n\r\n"
	blocks := map[string]string{
		"LF in a value":             "NATS/1.0\r\nA: 1\nRole: admin\r\n\r\n",
		"LF in the first line":      "NATS/1.0\nRole: admin\r\nA: 1\r\n\r\n",
		"CR in a value":             "NATS/1.0\r\nA: 1\rRole: admin\r\n\r\n",
		"LF behind a line":          "NATS/1.0\r\nA: 1\n\r\n\r\n",
		"CR before an end":          "NATS/1.0\r\nA: 1\r\r\n\r\n",
		"behind an empty line":      "NATS/1.0\r\n\r\nRole: user\r\n\r\n",
		"behind two LFs":            "NATS/1.0\r\nA: 1\n\nRole: user\r\n\r\n",
		"two empty lines":           "NATS/1.0\r\nA: 1\r\n\r\n\r\n",
		"no empty line":             "NATS/1.0\r\nRole: user\r\n",
		"no end":                    "NATS/1.0\r\nRole: user",
		"LFs alone":                 "NATS/1.0\nRole: admin\n\n",
		"nothing but an LF":         "\n",
		"nothing but an empty line": "\r\n",
	}
	bodies := map[string]string{
		"a header":           `if req.headers.Role then return deny("a role") end`,
		"all":                `if #req.headers:all("Role") > 0 then return deny("a role") end`,
		"names":              `for _, n in ipairs(req.headers:names()) do if n == "Role" then return deny("a role") end end`,
		"caught":             `pcall(function() return req.headers.Role end)`,
		"caught and allowed": `local ok = pcall(function() return req.headers:all("Role") end) if not ok then return nil end`,
	}
	for name, body := range bodies {
		for _, p := range []hooks.Point{hooks.AtRewrite, hooks.AtPublish, hooks.AtInspect} {
			s := open(t, fmt.Sprintf("hook.%v(function(req) %s end)", p, body))
			for what, block := range blocks {
				c := ask(t, s, &hooks.Call{Client: alice, Subject: []byte("a"), Header: []byte(block)})
				if c.Out.Verdict != hooks.Deny || c.Out.Reason != errHeaders.Error() || c.Err != nil {
					t.Errorf("%s at %v, %s: got %+v, %v", name, p, what, c.Out, c.Err)
				}
			}
			if c := ask(t, s, &hooks.Call{Client: alice, Subject: []byte("a"), Header: []byte(plain)}); c.Out.Verdict != hooks.Pass || c.Err != nil {
				t.Errorf("%s at %v, afterwards: got %+v, %v", name, p, c.Out, c.Err)
			}
		}
	}
	for _, body := range []string{"msg.headers.Role = nil", "msg.headers.Role = 'user'", "pcall(function() msg.headers.Role = nil end) msg.payload = 'x'"} {
		for what, block := range blocks {
			if _, _, c := inspect(t, block, "payload", body); c.Out.Verdict != hooks.Deny || c.Out.Header != nil || c.Out.Payload != nil {
				t.Errorf("%s, %s: got %+v, %v", body, what, c.Out, c.Err)
			}
		}
	}
	// Who does not look at headers does not mind.
	for what, block := range blocks {
		if _, payload, c := inspect(t, block, "payload", "msg.payload = msg.payload .. '!'"); payload != "payload!" {
			t.Errorf("%s: got %+v, %v", what, c.Out, c.Err)
		}
	}
}

// TestHostileHeadersAreNotKept: an answer that is kept for the headers of one message is
// not used for another that only looks like it.
func TestHostileHeadersAreNotKept(t *testing.T) {
	t.Parallel()
	s := open(t, `hook.publish(function(req)
		if req.headers.Role == "admin" then return deny("admin") end
	end, { cache = { by = { "header.Role" }, ttl = 60 } })`)
	set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: s, Timeout: hooks.PerPoint[time.Duration]{}.All(time.Minute)}}, hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		block string
		want  hooks.Verdict
	}{
		{"NATS/1.0\r\nA: 1\r\n\r\n", hooks.Pass},
		{"NATS/1.0\r\nA: 1\nRole: admin\r\n\r\n", hooks.Deny},
		{"NATS/1.0\nRole: admin\r\n\r\n", hooks.Deny},
		{"NATS/1.0\r\nA: 2\r\n\r\n", hooks.Pass},
	} {
		c := &hooks.Call{Client: alice, Subject: []byte("a"), Header: []byte(tt.block)}
		set.Table("A").Do(context.Background(), new(hooks.Session), hooks.AtPublish, []*hooks.Call{c})
		if c.Outcome.Verdict != tt.want {
			t.Errorf("%q: got %+v, want %v", tt.block, c.Outcome, tt.want)
		}
	}
	if st := set.Stats()[0]; st.CacheHits != 1 || st.Points[hooks.AtPublish].Errors != [hooks.Kinds]uint64{} {
		t.Errorf("%d hits, %v", st.CacheHits, st.Points[hooks.AtPublish].Errors)
	}
}
