package hooks

import (
	"bytes"
	"context"
	"testing"

	"moonwire/server/subject"
)

// FuzzAnswer: whatever an engine answers, what comes out of the chain can be
// sent, and a refusal is never lost.
func FuzzAnswer(f *testing.F) {
	f.Add(uint8(AtRewrite), uint8(Replace), []byte("a.b"), []byte(nil), []byte(nil), false)
	f.Add(uint8(AtRewrite), uint8(Replace), []byte("a.*"), []byte(nil), []byte(nil), false)
	f.Add(uint8(AtInspect), uint8(Replace), []byte(nil), []byte("NATS/1.0\r\nA: b\r\n\r\n"), []byte("x"), true)
	f.Add(uint8(AtInspect), uint8(Drop), []byte(nil), []byte(nil), bytes.Repeat([]byte("x"), 200), true)
	f.Add(uint8(AtPublish), uint8(200), []byte(nil), []byte(nil), []byte(nil), false)
	f.Fuzz(func(t *testing.T, point, v uint8, subj, header, payload []byte, empty bool) {
		p := Point(point) % AtEvent
		r := Result{Verdict: Verdict(v), Subject: subj, Header: header, Payload: payload}
		if !empty && len(header) == 0 {
			r.Header = nil
		}
		if p == AtInspect && len(subj) == 0 {
			r.Subject = nil
		}
		set := must(t, Options{}, Hook{Name: "h", Engine: on(p, say(r))})
		c := &Call{Client: alice, Subject: []byte("a"), Header: []byte("NATS/1.0\r\n\r\n"), Payload: []byte("p"), MaxPayload: 100, Connect: new(ConnectInfo)}
		set.Table("A").Do(context.Background(), new(Session), p, []*Call{c})
		switch {
		case !subject.ValidLiteral(c.Subject) || bytes.ContainsAny(c.Subject, " \r\n\t"):
			t.Errorf("subject %q", c.Subject)
		case len(c.Header)+len(c.Payload) > 100:
			t.Errorf("%d bytes", len(c.Header)+len(c.Payload))
		case len(c.Header) > 0 && (!bytes.HasPrefix(c.Header, []byte("NATS/1.0")) || bytes.Index(c.Header, []byte("\r\n\r\n")) != len(c.Header)-4):
			t.Errorf("header %q", c.Header)
		case r.Verdict.Refuses() && !c.Outcome.Verdict.Refuses(), r.Verdict >= numVerdicts && !c.Outcome.Verdict.Refuses():
			t.Errorf("%v became %v", r.Verdict, c.Outcome.Verdict)
		}
	})
}
