package conn_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"moonwire/server/conn"
	"moonwire/server/interest"
)

// TestStreamIsNotStale: a client that publishes so fast that its socket is never
// drained shows signs of life with each message, as one that is idle in between
// does. It is not cut although it does not answer PING.
func TestStreamIsNotStale(t *testing.T) {
	t.Parallel()
	const interval = 200 * time.Millisecond
	h := newHost(func(l *conn.Limits) { l.PingInterval = interval })
	slow := new(slowBin) // so the publisher waits after each read
	slow.Ordinal, slow.Sink = h.env.Ordinals.Take(), slow
	h.account.Index.Insert(&interest.Sub{Subject: "foo", Sid: "1", Target: &slow.Target})
	p := h.dialTCP(t)
	defer p.close()
	p.send(hello)
	p.expect("PING")
	p.send("PONG\r\n")
	begin := time.Now()
	batch := strings.Repeat("PUB foo 8000\r\n"+strings.Repeat("x", 8000)+"\r\n", 32)
	for time.Since(begin) < 6*interval {
		if _, err := io.WriteString(p.nc, batch); err != nil {
			t.Fatalf("cut after %v: %v, for %q", time.Since(begin), err, p.reason())
		}
	}
}
