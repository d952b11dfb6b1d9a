package server_test

import (
	"fmt"
	"strings"
	"testing"

	"moonwire/server/servertest"
)

// TestHeadersInFanOut sends messages with and without headers to many receivers,
// of which every second one takes no headers.
func TestHeadersInFanOut(t *testing.T) {
	t.Parallel()
	const head = "NATS/1.0\r\nA: b\r\n\r\n"
	b := servertest.Start(t, "")
	var readers []*rawClient
	for i := range 8 {
		c, err := dial(b.Addr())
		must(t, err)
		t.Cleanup(c.close)
		must(t, c.send(fmt.Sprintf("CONNECT {\"verbose\":false,\"headers\":%t}\r\nSUB h %d\r\n", i%2 == 0, i/4)))
		must(t, c.sync(nil))
		readers = append(readers, c)
	}
	const messages = 300
	pub := connect(t, b.Addr())
	var all strings.Builder
	for n := range messages {
		p := fmt.Sprint(n)
		if n%3 == 0 {
			fmt.Fprintf(&all, "PUB h r %d\r\n%s\r\n", len(p), p)
		} else {
			fmt.Fprintf(&all, "HPUB h r %d %d\r\n%s%s\r\n", len(head), len(head)+len(p), head, p)
		}
	}
	must(t, pub.send(all.String()))
	must(t, pub.sync(nil))
	for i, c := range readers {
		for n := range messages {
			want := fmt.Sprintf("h %d r %d %s", i/4, 0, fmt.Sprint(n))
			if n%3 != 0 && i%2 == 0 {
				want = fmt.Sprintf("h %d r %d %s%d", i/4, len(head), head, n)
			}
			f, err := c.message()
			must(t, err)
			if got := fmt.Sprintf("%s %s %s %d %s", f.subject, f.sid, f.reply, f.header, f.payload); got != want {
				t.Fatalf("receiver %d got %q, want %q", i, got, want)
			}
		}
	}
}

// TestCounts compares the statistics with what really went in and out.
func TestCounts(t *testing.T) {
	t.Parallel()
	const publishers, messages, size, readers = 3, 700, 33, 4
	b := servertest.Start(t, monitored)
	var work crew
	for i := range readers {
		c := connect(t, b.Addr())
		must(t, c.send(fmt.Sprintf("CONNECT {\"verbose\":false,\"name\":\"reader\"}\r\nSUB n.* %d\r\n", i)))
		must(t, c.sync(nil))
		work.do("reader", func() error {
			for range publishers * messages {
				if _, err := c.message(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range publishers {
		c := connect(t, b.Addr())
		work.do("publisher", func() error {
			op := fmt.Sprintf("PUB n.x %d\r\n%s\r\nPUB nobody 1\r\na\r\n", size, padding[:size])
			if err := c.send(strings.Repeat(op, messages)); err != nil {
				return err
			}
			return c.sync(nil)
		})
	}
	work.wait(t)
	const in, out = 2 * publishers * messages, publishers * messages * readers
	want := varz{
		Connections: publishers + readers, Total: publishers + readers, Subscriptions: readers,
		InMsgs: in, OutMsgs: out, InBytes: in / 2 * (size + 1), OutBytes: out * size,
	}
	// The last batch is added up behind its PONG.
	eventually(t, func() string {
		if got := lookVarz(t, b); got != want {
			return fmt.Sprintf("got %+v, want %+v", got, want)
		}
		return ""
	})
	var z connz
	look(t, b, "/connz", &z)
	for _, c := range z.Conns {
		if c.Name == "reader" && c.OutMsgs != publishers*messages {
			t.Errorf("a reader got %d messages, want %d", c.OutMsgs, publishers*messages)
		}
	}
}

// TestLongControlLine: a control line may be longer than what is read at once,
// if the configuration says so.
func TestLongControlLine(t *testing.T) {
	t.Parallel()
	b := servertest.Start(t, "max_control_line: 400000")
	subject := strings.Repeat("long.", 60_000) + "end" // 300 kB
	c, pub := connect(t, b.Addr()), connect(t, b.Addr())
	must(t, c.send("SUB "+subject+" 1\r\nSUB short 2\r\n"))
	must(t, c.sync(nil))
	for range 3 {
		must(t, pub.send("PUB short 1\r\na\r\nPUB "+subject+" 5\r\nhello\r\nPUB short 1\r\nb\r\n"))
		for _, want := range []string{"2 a", "1 hello", "2 b"} {
			f, err := c.message()
			must(t, err)
			if got := f.sid + " " + string(f.payload); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
	must(t, pub.sync(nil))
}
