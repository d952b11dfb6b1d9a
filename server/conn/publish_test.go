package conn_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"moonwire/hooks/hookbench"
	"moonwire/server/auth"
	"moonwire/server/conn"
	"moonwire/server/interest"
)

// swallow is a sink that takes everything.
type swallow struct{ interest.Target }

func (*swallow) Submit(*interest.Staged) bool { return true }

// perBatch is how many messages a batch of the benchmarks has.
const perBatch = 100

// benchPublish measures how long a message of a batch takes to be published, to
// nobody and to one receiver. Subjects are many, or one.
func benchPublish(b *testing.B, h *host, subjects int) {
	for _, receivers := range []int{0, 1} {
		b.Run(fmt.Sprintf("to %d", receivers), func(b *testing.B) {
			bin := new(swallow)
			bin.Ordinal, bin.Sink = h.env.Ordinals.Take(), bin
			if receivers > 0 {
				sub := &interest.Sub{Subject: "a.>", Sid: "1", Target: &bin.Target}
				h.account.Index.Insert(sub)
				defer h.account.Index.Remove(sub)
			}
			c, end := idle(h)
			defer end()
			batch := batchOf(subjects)
			hookbench.Run(b, perBatch, func() { c.Batch(batch) })
		})
	}
}

// idle returns a connection that nobody serves, and its end.
func idle(h *host) (*conn.Client, func()) {
	near, far := net.Pipe()
	c, _ := h.take(far)
	c.Admit(&conn.Admission{Account: h.account, Identity: &auth.Identity{Limits: auth.Unlimited}})
	c.Batch([]byte("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n"))
	return c, func() {
		c.Rest()
		c.Close(conn.ClientClosed)
		_, _ = near.Close(), far.Close()
	}
}

func batchOf(subjects int) []byte {
	var s strings.Builder
	for i := range perBatch {
		fmt.Fprintf(&s, "PUB a.%d 16\r\n0123456789abcdef\r\n", i%subjects)
	}
	return []byte(s.String())
}

func BenchmarkPublish(b *testing.B)         { benchPublish(b, newHost(nil), 1) }
func BenchmarkPublishSubjects(b *testing.B) { benchPublish(b, newHost(nil), 10) }

// BenchmarkSubscribe is a SUB and the UNSUB for it.
func BenchmarkSubscribe(b *testing.B) {
	c, end := idle(newHost(nil))
	defer end()
	batch := []byte(strings.Repeat("SUB a.b 1\r\nUNSUB 1\r\n", perBatch))
	hookbench.Run(b, perBatch, func() { c.Batch(batch) })
}

// BenchmarkConnect is a CONNECT of a connection that is there already.
func BenchmarkConnect(b *testing.B) {
	c, end := idle(newHost(nil))
	defer end()
	connect := []byte("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n")
	hookbench.Run(b, 1, func() { c.Batch(connect) })
}
