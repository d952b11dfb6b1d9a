package lua

import (
	"fmt"
	"strings"
	"testing"

	"moonwire/hooks"
	"moonwire/hooks/hookbench"
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

func sameSubject(_ int, c *hooks.Call) { c.Subject = benchSubjects[0] }

// newSubject is never the same, so that nothing that was made before is of use. It
// counts in the digits, as to print a number would take a tenth of the whole.
func newSubject() func(int, *hooks.Call) {
	subj := []byte("orders.eu.0000000000")
	return func(_ int, c *hooks.Call) {
		at := len(subj) - 1
		for ; subj[at] == '9'; at-- {
			subj[at] = '0'
		}
		subj[at]++
		c.Subject = subj
	}
}

func changingSubject(i int, c *hooks.Call) { c.Subject = benchSubjects[i%len(benchSubjects)] }

var (
	benchHeader   = []byte("NATS/1.0\r\nId: 4711\r\n\r\n")
	benchPayloads = func() (list [8][]byte) {
		for i := range list { // 128 bytes each
			list[i] = fmt.Appendf(nil, `{"id":"471%d","amount":12,"card":"1234567890123456","note":"%s"}`, i, strings.Repeat("x", 67))
		}
		return list
	}()
)

// message has another payload each time, as messages do.
func message(i int, c *hooks.Call) {
	c.Subject, c.Header, c.Payload = benchSubjects[0], benchHeader, benchPayloads[i%len(benchPayloads)]
}

func bench(b *testing.B, source string, batch int, make func(i int, c *hooks.Call)) {
	b.Helper()
	d := newBenched(b, source, batch, make)
	hookbench.Run(b, batch, func() { d.ask(b) })
}

func BenchmarkEmpty(b *testing.B)     { bench(b, "hook.publish(function(req) end)", 1, sameSubject) }
func BenchmarkPublish(b *testing.B)   { bench(b, publishScript, 1, changingSubject) }
func BenchmarkSubject(b *testing.B)   { bench(b, publishScript, 1, sameSubject) }
func BenchmarkNew(b *testing.B)       { bench(b, publishScript, 1, newSubject()) }
func BenchmarkCached(b *testing.B)    { bench(b, cachedScript, 1, changingSubject) }
func BenchmarkRewrite(b *testing.B)   { bench(b, rewriteScript, 1, changingSubject) }
func BenchmarkInspect(b *testing.B)   { bench(b, inspectScript, 1, message) }
func BenchmarkBatch64(b *testing.B)   { bench(b, publishScript, 64, changingSubject) }
func BenchmarkInspect64(b *testing.B) { bench(b, inspectScript, 64, message) }

// BenchmarkConnect says who a client is and what it may do; what it may do is kept
// by the broker itself from then on.
func BenchmarkConnect(b *testing.B) {
	info := &hooks.ConnectInfo{User: "alice", Password: "secret"}
	bench(b, `hook.connect(function(req)
		if req.password ~= "secret" then return deny("wrong password") end
		return allow{ user = req.user, account = "A", permissions = { publish = { "t.a.>" }, subscribe = { "t.a.>", "_INBOX.>" } } }
	end)`, 1, func(_ int, c *hooks.Call) { c.Connect = info })
}

// BenchmarkChain is hooks of one account one after another, with all that
// package hooks does about them.
func BenchmarkChain(b *testing.B) {
	for _, n := range []int{1, 3} {
		var list []hooks.Hook
		for i := range n {
			list = append(list, hooks.Hook{Name: fmt.Sprint("h", i), Engine: open(b, publishScript)})
		}
		set, err := hooks.Compile(list, hooks.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, batch := range []int{1, 64} {
			b.Run(fmt.Sprintf("hooks=%d/batch=%d", n, batch), func(b *testing.B) {
				table, session, calls := set.Table(alice.Account), new(hooks.Session), make([]*hooks.Call, batch)
				for i := range calls {
					calls[i] = &hooks.Call{Client: alice, Subject: benchSubjects[i%len(benchSubjects)]}
				}
				hookbench.Run(b, batch, func() { table.Do(b.Context(), session, hooks.AtPublish, calls) })
				if v := calls[0].Outcome.Verdict; v != hooks.Allow {
					b.Errorf("got %v", v)
				}
			})
		}
		if err := set.Close(b.Context()); err != nil {
			b.Error(err)
		}
	}
}

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
