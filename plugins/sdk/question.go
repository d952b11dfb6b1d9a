package sdk

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"moonwire/plugins/api"
	"moonwire/plugins/api/frame"
	hookv1 "moonwire/plugins/api/v1"
)

// question is one request.
type question struct {
	id           uint64
	point        Point
	registration uint64
	number       uint64 // of the point, which this SDK may not know
	ref          uint64 // of the client
	timeout      time.Duration
	came         time.Time
	queue        string
	connect      []byte // an encoded Connect
	message      *Message
}

var nobody = &Client{}

// read reads a frame: who is in it, what is asked, and who can be forgotten
// afterwards.
func (t *session) read(data []byte) (*asked, error) {
	f := &asked{over: make(chan struct{})}
	requests := 0
	r := frame.Read(data)
	for r.Next() {
		switch {
		case r.Type != protowire.BytesType:
		case r.Number == frame.BatchRequests:
			requests++
		case r.Number == frame.BatchClients:
			c := new(hookv1.Client)
			if err := proto.Unmarshal(r.Bytes, c); err != nil {
				return nil, fmt.Errorf("a client of the broker's frame: %w", err)
			}
			t.clients[c.GetRef()] = client(c)
		}
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("a frame of the broker: %w", err)
	}
	f.list = make([]question, requests)
	came, i := time.Now(), 0
	for r = frame.Read(data); r.Next(); {
		if r.Number == frame.BatchRequests && r.Type == protowire.BytesType {
			f.list[i].came = came
			q := &f.list[i]
			if err := q.read(r.Bytes, t.clients); err != nil {
				return nil, fmt.Errorf("a request of the broker's frame: %w", err)
			}
			q.message.partial = !t.service.showsHeaders(q.registration)
			i++
		}
	}
	for r = frame.Read(data); r.Next(); {
		if r.Number == frame.BatchGone {
			t.forget(&r)
		}
	}
	return f, nil
}

// forget forgets the clients of a field, which is one number or many.
func (t *session) forget(r *frame.Reader) {
	if r.Type == protowire.VarintType {
		delete(t.clients, r.Value)
		return
	}
	for b := r.Bytes; len(b) > 0; {
		ref, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return
		}
		delete(t.clients, ref)
		b = b[n:]
	}
}

// read reads an encoded Request. The header and payload stay where they are.
func (q *question) read(data []byte, clients map[uint64]*Client) error {
	m := &Message{Client: nobody}
	r := frame.Read(data)
	for r.Next() {
		switch r.Number {
		case frame.RequestID:
			q.id = r.Value
		case frame.RequestRegistration:
			q.registration = r.Value
		case frame.RequestPoint:
			q.number = r.Value
		case frame.RequestClient:
			q.ref = r.Value
		case frame.RequestSubject:
			m.Subject = string(r.Bytes)
		case frame.RequestOriginal:
			m.OriginalSubject = string(r.Bytes)
		case frame.RequestReply:
			m.Reply = string(r.Bytes)
		case frame.RequestQueue:
			q.queue = string(r.Bytes)
		case frame.RequestHeader:
			m.Header = r.Bytes
		case frame.RequestPayload:
			m.Payload = r.Bytes
		case frame.RequestSize:
			m.Size = int(r.Value)
		case frame.RequestTimeout:
			q.timeout = time.Duration(r.Value) * time.Millisecond
		case frame.RequestMaxPayload:
			m.MaxPayload = int(r.Value)
		case frame.RequestConnect:
			q.connect = r.Bytes
		}
	}
	if q.number <= uint64(AtEvent) {
		q.point = Point(q.number)
	}
	if q.ref != 0 {
		m.Client = clients[q.ref] // nil: it is not known
	}
	q.message = m
	return r.Err()
}

// decide has the plugin answer a question.
func (s *service) decide(ctx context.Context, q *question) (d Decision) {
	ask := &asking{Context: ctx}
	if q.timeout > 0 {
		ask.deadline = q.came.Add(q.timeout)
	}
	defer ask.end()
	err := guard(func() error {
		var err error
		d, err = s.ask(ask, q)
		return err
	})
	if err != nil {
		return Fail(err)
	}
	return d
}

// ask calls the method of a question.
func (s *service) ask(ctx context.Context, q *question) (d Decision, err error) {
	m := q.message
	switch {
	case m.Client == nil:
		return d, fmt.Errorf("the broker has not said who client %d is", q.ref)
	case q.point == AtEvent || !s.has(q.point):
		return d, fmt.Errorf("the plugin is not for the point %v", hookv1.Point(q.number))
	}
	switch q.point {
	case AtConnect:
		c := new(hookv1.Connect)
		if err := proto.Unmarshal(q.connect, c); err != nil {
			return d, err
		}
		return s.plugin.(Connecter).Connect(ctx, connect(c, m.Client)), nil
	case AtSubscribe:
		return s.plugin.(Subscriber).Subscribe(ctx, &Subscription{Client: m.Client, Subject: m.Subject, Queue: q.queue}), nil
	case AtRewrite:
		return s.plugin.(Rewriter).Rewrite(ctx, m), nil
	case AtPublish:
		return s.plugin.(Publisher).Publish(ctx, m), nil
	}
	return s.plugin.(Inspector).Inspect(ctx, m), nil
}

func connect(c *hookv1.Connect, of *Client) *Connect {
	out := &Connect{
		Client: of, User: c.GetUser(), Password: c.GetPassword(), Token: c.GetToken(),
		JWT: c.GetJwt(), Nkey: c.GetNkey(), Signature: c.GetSignature(), Nonce: c.GetNonce(),
	}
	if t := c.GetTls(); t != nil {
		out.TLS = &TLS{
			Version: t.GetVersion(), CommonName: t.GetCommonName(), DNSNames: t.GetDnsNames(), URIs: t.GetUris(), Fingerprint: t.GetFingerprint(),
		}
	}
	return out
}

// appendReply appends the answer to a question as a field of Replies.
func (q *question) appendReply(b []byte, d *Decision) []byte {
	b = frame.Begin(b, frame.RepliesReplies)
	start := len(b)
	b = frame.AppendNumber(b, frame.ReplyID, q.id)
	failed := func(why string) []byte { return frame.End(frame.AppendString(b, frame.ReplyError, why), start) }
	if d.failed != "" {
		return failed(d.failed)
	}
	m := q.message
	if m.broken != nil {
		return failed(reason(m.broken))
	}
	verdict := d.verdict
	changed := q.point == AtInspect && verdict == hookv1.Verdict_VERDICT_PASS && (m.newHeader != nil || m.newPayload != nil)
	if changed {
		verdict = hookv1.Verdict_VERDICT_REPLACE
		if n, most := len(m.newHeader)+len(m.newPayload), m.mostChanged(); n > most {
			return failed(fmt.Sprintf("the message has %d bytes after the change: at most %d", n, most))
		}
	}
	var id []byte
	if d.identity != nil {
		var err error
		if id, err = proto.Marshal(d.identity.proto()); err != nil { // a string is not UTF-8
			return failed(api.Valid(fmt.Sprintf("the identity: %v", err)))
		}
	}
	b = frame.AppendNumber(b, frame.ReplyVerdict, uint64(verdict))
	b = frame.AppendString(b, frame.ReplyReason, api.Valid(d.reason))
	if d.identity != nil {
		b = frame.AppendBytes(b, frame.ReplyIdentity, id)
	}
	b = frame.AppendString(b, frame.ReplySubject, d.subject)
	if changed {
		b = frame.Begin(b, frame.ReplyMessage)
		inner := len(b)
		if m.newHeader != nil {
			b = frame.AppendBytes(b, frame.MessageHeader, m.newHeader)
		}
		if m.newPayload != nil {
			b = frame.AppendBytes(b, frame.MessagePayload, m.newPayload)
		}
		b = frame.End(b, inner)
	}
	if d.noCache {
		b = frame.AppendNumber(b, frame.ReplyNoCache, 1)
	}
	b = frame.AppendNumber(b, frame.ReplyTTL, uint64(milliseconds(d.ttl)))
	return frame.End(b, start)
}
