package conn_test

import (
	"strings"
	"testing"
	"time"

	"moonwire/server/interest"
)

// slowBin is a target that takes everything and says that it is too much.
type slowBin struct {
	bin
	most int // bytes in one Submit
}

// Submit implements interest.Sink.
func (b *slowBin) Submit(s *interest.Staged) bool {
	b.most = max(b.most, len(s.Data))
	s.Slow = make(chan struct{})
	return b.bin.Submit(s)
}

// TestOwnInPieces: what a publisher gets itself is let go in pieces, as what
// others get is, and not as one lump at the end of a batch, which could be more
// than max_pending.
func TestOwnInPieces(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	own := new(slowBin)
	own.Ordinal, own.Sink = h.env.Ordinals.Take(), own
	h.account.Index.Insert(&interest.Sub{Subject: "foo", Sid: "1", Target: &own.Target})
	ctx := h.env.Contexts.Get(&own.Target, h.account.Index)
	payload := strings.Repeat("x", 1000)
	for range 3000 {
		ctx.Publish(pub("foo", payload))
	}
	ctx.Flush()
	if own.got != 3000 || own.most > 300<<10 {
		t.Errorf("%d messages, at most %d bytes at once; want 3000, about 256 KiB", own.got, own.most)
	}
	h.env.Contexts.Put(ctx)
}

// TestStallEachRead: a publisher waits for a slow receiver after each read that
// fills a slot, every second one at least, not only after the 16 that may be a
// batch. That is slow enough for most receivers to catch up.
func TestStallEachRead(t *testing.T) {
	t.Parallel()
	const reads = 24
	h := newHost(nil)
	slow := new(slowBin)
	slow.Ordinal, slow.Sink = h.env.Ordinals.Take(), slow
	h.account.Index.Insert(&interest.Sub{Subject: "foo", Sid: "1", Target: &slow.Target})
	p := h.dialTCP(t)
	defer p.close()
	p.send(`CONNECT {"verbose":false}` + "\r\n")
	begin := time.Now()
	p.send(strings.Repeat("PUB foo 8180\r\n"+strings.Repeat("x", 8180)+"\r\n", 8*reads) + "PING\r\n")
	p.expect("PONG")
	if took := time.Since(begin); took < reads/3*10*time.Millisecond {
		t.Errorf("%d reads took %v", reads, took)
	}
}
