package plugins

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"moonwire/hooks"
	"moonwire/plugins/api"
	hookv1 "moonwire/plugins/api/v1"
)

// FuzzReply: what is read by hand is what the generated code writes, and nothing
// that a plugin sends does harm.
func FuzzReply(f *testing.F) {
	f.Add(uint64(1<<placeBits), int32(4), "reason", []byte("s.x"), []byte("NATS/1.0\r\n\r\n"), []byte("pay"), true, uint32(7), "", []byte{})
	f.Add(uint64(3), int32(1), "", []byte(nil), []byte(nil), []byte(nil), false, uint32(0), "why", []byte("\x0a\x03"))
	f.Add(uint64(0), int32(-1), "", []byte(""), []byte(""), []byte(nil), false, uint32(0), "", []byte("\x10\x01\x12\x00"))
	f.Fuzz(func(t *testing.T, id uint64, verdict int32, reason string, subject, header, payload []byte, noCache bool, ttl uint32, failure string, garbage []byte) {
		for p := range hooks.AtEvent {
			answer(&hooks.Call{}, p, garbage)
		}
		replyID(garbage)

		in := &hookv1.Reply{
			Id: id, Verdict: hookv1.Verdict(verdict), Reason: api.Valid(reason), Subject: subject, NoCache: noCache, TtlMs: ttl, Error: api.Valid(failure),
			Message: &hookv1.Message{Header: header, Payload: payload}, Identity: &hookv1.Identity{User: api.Valid(reason)},
		}
		data, err := proto.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := replyID(data); got != id {
			t.Errorf("the id is %d, want %d", got, id)
		}
		var r reply
		if err := r.read(data); err != nil {
			t.Fatal(err)
		}
		if int32(r.verdict) != verdict || string(r.reason) != in.Reason || !bytes.Equal(r.subject, subject) || r.noCache != noCache || r.ttl != ttl || string(r.failure) != in.Error {
			t.Errorf("got %+v, want %v", r, in)
		}
		h, b, err := message(r.message)
		if err != nil || !bytes.Equal(h, header) || !bytes.Equal(b, payload) || (h == nil) != (header == nil) || (b == nil) != (payload == nil) {
			t.Errorf("got %q, %q, %v, want %q, %q", h, b, err, header, payload)
		}
		who, err := identity(r.identity)
		if err != nil || who.User != in.Identity.User {
			t.Errorf("got %+v, %v", who, err)
		}
	})
}

// TestAllocations: a question that is encoded, and the answer that most get, make
// no garbage. It is not parallel, as others would be counted.
func TestAllocations(t *testing.T) {
	c := &hooks.Call{Client: bob(), Subject: []byte("a.b"), Payload: make([]byte, 128)}
	e := &encoder{point: hooks.AtInspect, number: hookv1.Point_POINT_INSPECT, fields: everything}
	buf := make([]byte, 0, 1<<10)
	data, err := proto.Marshal(&hookv1.Reply{Id: 1, Verdict: hookv1.Verdict_VERDICT_DENY})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { buf = e.appendRequest(buf[:0], 1<<placeBits, 3, c, 0) }); n > 0 {
		t.Errorf("a request makes %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { answer(c, hooks.AtPublish, data) }); n > 0 {
		t.Errorf("an answer makes %v allocations", n)
	}
}
