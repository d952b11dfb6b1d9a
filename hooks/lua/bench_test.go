package lua

import (
	"fmt"
	"strings"
	"testing"

	"moonwire/hooks"
)

// The functions that are measured: a decision, one that is kept, a new subject,
// and a message that is looked into and marked.
const (
	publishScript = `hook.publish(function(req)
		if req.client.user == "alice" and req.subject ~= "forbidden" then return allow() end
	end)`
	cachedScript = `hook.publish(function(req)
		if req.client.user == "alice" and req.subject ~= "forbidden" then return allow() end
	end, { cache = { by = { "user", "subject" }, ttl = 1 } })`
	rewriteScript = `hook.rewrite(function(req) return "t." .. req.client.account .. "." .. req.subject end)`
	inspectScript = `hook.inspect(function(msg)
		if msg.payload:find('"card"', 1, true) then msg.headers["Inspected-By"] = "orders" end
	end)`
)

// benched is a call that is asked about again and again, as the broker does.
type benched struct {
	s     *Script
	calls []*hooks.Call
	make  func(i int, c *hooks.Call)
	i     int
}

func newBenched(b testing.TB, source string, batch int, make func(i int, c *hooks.Call)) *benched {
	d := &benched{s: open(b, source), make: make}
	for range batch {
		d.calls = append(d.calls, hooks.NewCall())
	}
	return d
}

func (d *benched) ask(b testing.TB) {
	for _, c := range d.calls {
		c.Client = alice
		d.make(d.i, c)
		d.i++
	}
	if err := d.s.Do(b.Context(), 0, d.calls); err != nil {
		b.Fatal(err)
	}
	for i, c := range d.calls {
		if c.Err != nil {
			b.Fatal(c.Err)
		}
		c.Done()
		d.calls[i] = hooks.NewCall()
	}
}

var benchSubjects = func() (list [8][]byte) {
	for i := range list {
		list[i] = fmt.Appendf(nil, "orders.eu.%d", i)
	}
	return list
}()

func sameSubject(_ int, c *hooks.Call)     { c.Subject = benchSubjects[0] }
func changingSubject(i int, c *hooks.Call) { c.Subject = benchSubjects[i%len(benchSubjects)] }

var (
	benchHeader  = []byte("NATS/1.0\r\nId: 4711\r\n\r\n")
	benchPayload = []byte(`{"id":"4711","amount":12,"card":"1234567890123456","note":"` + strings.Repeat("x", 67) + `"}`) // 128 bytes
)

func message(_ int, c *hooks.Call) {
	c.Subject, c.Header, c.Payload = benchSubjects[0], benchHeader, benchPayload
}

func bench(b *testing.B, source string, batch int, make func(i int, c *hooks.Call)) {
	b.Helper()
	d := newBenched(b, source, batch, make)
	b.ReportAllocs()
	for b.Loop() {
		d.ask(b)
	}
}

func BenchmarkEmpty(b *testing.B)     { bench(b, "hook.publish(function(req) end)", 1, sameSubject) }
func BenchmarkPublish(b *testing.B)   { bench(b, publishScript, 1, changingSubject) }
func BenchmarkSubject(b *testing.B)   { bench(b, publishScript, 1, sameSubject) }
func BenchmarkCached(b *testing.B)    { bench(b, cachedScript, 1, changingSubject) }
func BenchmarkRewrite(b *testing.B)   { bench(b, rewriteScript, 1, changingSubject) }
func BenchmarkInspect(b *testing.B)   { bench(b, inspectScript, 1, message) }
func BenchmarkBatch64(b *testing.B)   { bench(b, publishScript, 64, changingSubject) }
func BenchmarkInspect64(b *testing.B) { bench(b, inspectScript, 64, message) }

// BenchmarkUnread has a payload of 64 KiB that the function looks at in one call
// of a hundred.
func BenchmarkUnread(b *testing.B) {
	large := make([]byte, 64<<10)
	bench(b, `hook.inspect(function(msg) if msg.subject == "orders.eu.0" then return msg.payload == "" and drop() or nil end end)`, 1,
		func(i int, c *hooks.Call) {
			c.Subject, c.Payload = benchSubjects[1], large
			if i%100 == 0 {
				c.Subject = benchSubjects[0]
			}
		})
}

// BenchmarkOpen opens and closes a script.
func BenchmarkOpen(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s, err := Open(b.Context(), Options{Name: "x", Source: []byte(inspectScript)})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
