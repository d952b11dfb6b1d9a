package plugins

import (
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"moonwire/hooks"
	"moonwire/plugins/api"
	"moonwire/plugins/api/frame"
	hookv1 "moonwire/plugins/api/v1"
)

// encoder appends requests of one registration to a frame. It writes the bytes
// that the generated code would, of the call's own slices, which costs a third
// and allocates nothing.
type encoder struct {
	registration int
	point        hooks.Point
	number       hookv1.Point // the point in the protocol
	fields       hooks.Field
	headers      []string // that are wanted, where not all are
	mask         int      // place of client in Plugin.masks; -1 if none of it is wanted
}

// showable denies the calls whose headers the plugin would be shown, and may take for
// others than those who get the message, and returns the rest. It is no failure of the
// plugin: clients could have its breaker open.
func (e *encoder) showable(calls []*hooks.Call) []*hooks.Call {
	if e.fields&hooks.FieldHeaders == 0 && len(e.headers) == 0 {
		return calls
	}
	malformed := func(c *hooks.Call) bool { return len(c.Header) > 0 && !hooks.PlainHeader(c.Header) }
	if !slices.ContainsFunc(calls, malformed) {
		return calls
	}
	var rest []*hooks.Call
	for _, c := range calls {
		if malformed(c) {
			c.Out = hooks.Result{Verdict: hooks.Deny, Reason: hooks.MalformedHeader}
		} else {
			rest = append(rest, c)
		}
	}
	return rest
}

// appendRequest appends one call as a field of a Batch.
func (e *encoder) appendRequest(b []byte, id, ref uint64, c *hooks.Call, timeout time.Duration) []byte {
	b = frame.Begin(b, frame.BatchRequests)
	start := len(b)
	b = frame.AppendNumber(b, frame.RequestID, id)
	b = frame.AppendNumber(b, frame.RequestRegistration, uint64(e.registration))
	b = frame.AppendNumber(b, frame.RequestPoint, uint64(e.number))
	b = frame.AppendNumber(b, frame.RequestClient, ref)
	b = e.appendBytes(b, hooks.FieldSubject, frame.RequestSubject, c.Subject)
	b = e.appendBytes(b, hooks.FieldOriginalSubject, frame.RequestOriginal, c.OriginalSubject)
	b = e.appendBytes(b, hooks.FieldReply, frame.RequestReply, c.Reply)
	b = e.appendBytes(b, hooks.FieldQueue, frame.RequestQueue, c.Queue)
	if len(e.headers) > 0 {
		if h := frame.SomeHeaders(c.Header, e.headers); len(h) > 0 {
			b = frame.AppendBytes(b, frame.RequestHeader, h)
		}
	} else {
		b = e.appendBytes(b, hooks.FieldHeaders, frame.RequestHeader, c.Header)
	}
	b = e.appendBytes(b, hooks.FieldPayload, frame.RequestPayload, c.Payload)
	if e.fields&hooks.FieldSize != 0 {
		b = frame.AppendNumber(b, frame.RequestSize, uint64(c.Size))
	}
	b = frame.AppendNumber(b, frame.RequestTimeout, uint64(timeout.Milliseconds()))
	if e.point == hooks.AtInspect {
		b = frame.AppendNumber(b, frame.RequestMaxPayload, uint64(max(c.MaxPayload, 0)))
	}
	if c.Connect != nil {
		b = frame.AppendBytes(b, frame.RequestConnect, e.connect(c.Connect))
	}
	return frame.End(b, start)
}

// sizeOf is about how many bytes a request has at most.
func sizeOf(c *hooks.Call) int {
	return 64 + len(c.Subject) + len(c.OriginalSubject) + len(c.Reply) + len(c.Queue) + len(c.Header) + len(c.Payload)
}

func (e *encoder) appendBytes(b []byte, f hooks.Field, n protowire.Number, v []byte) []byte {
	if e.fields&f == 0 || len(v) == 0 {
		return b
	}
	return frame.AppendBytes(b, n, v)
}

var numbers = [hooks.Points]hookv1.Point{
	hooks.AtConnect:   hookv1.Point_POINT_CONNECT,
	hooks.AtRewrite:   hookv1.Point_POINT_REWRITE,
	hooks.AtPublish:   hookv1.Point_POINT_PUBLISH,
	hooks.AtSubscribe: hookv1.Point_POINT_SUBSCRIBE,
	hooks.AtInspect:   hookv1.Point_POINT_INSPECT,
	hooks.AtEvent:     hookv1.Point_POINT_EVENT,
}

// connect is what a CONNECT presents, as far as it is wanted.
func (e *encoder) connect(c *hooks.ConnectInfo) []byte {
	all := &hookv1.Connect{
		User: c.User, Password: c.Password, Token: c.Token, Jwt: c.JWT, Nkey: c.Nkey, Signature: c.Signature, Nonce: c.Nonce,
	}
	if t := c.TLS; t != nil {
		all.Tls = &hookv1.TLS{Version: t.Version, CommonName: t.CommonName, DnsNames: t.DNSNames, Uris: t.URIs, Fingerprint: t.Fingerprint}
	}
	b, _ := proto.Marshal(api.Connect(all, wants(e.fields))) // it cannot fail: strings are valid
	return b
}
