package plugins

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"moonwire/hooks"
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
		if h := someHeaders(c.Header, e.headers); len(h) > 0 {
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
	m := &hookv1.Connect{}
	if e.fields&hooks.FieldConnect != 0 {
		m.User, m.Nkey, m.Nonce = valid(c.User), valid(c.Nkey), valid(c.Nonce)
		if t := c.TLS; t != nil {
			m.Tls = &hookv1.TLS{
				Version: t.Version, CommonName: valid(t.CommonName), Fingerprint: t.Fingerprint,
				DnsNames: allValid(t.DNSNames), Uris: allValid(t.URIs),
			}
		}
	}
	if e.fields&hooks.FieldSecrets != 0 {
		m.Password, m.Token, m.Jwt, m.Signature = valid(c.Password), valid(c.Token), valid(c.JWT), valid(c.Signature)
	}
	b, _ := proto.Marshal(m) // it cannot fail: strings are valid
	return b
}

// valid returns s as the protocol can carry it: strings there are UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func allValid(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = valid(s)
	}
	return out
}

// someHeaders returns a block with the lines of header that have one of some
// names, or nil.
func someHeaders(header []byte, names []string) []byte {
	first, rest, _ := bytes.Cut(header, crlf)
	if len(header) == 0 {
		return nil
	}
	out := append(append([]byte(nil), first...), crlf...)
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, crlf)
		name, _, ok := bytes.Cut(line, colon)
		if ok && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, string(bytes.TrimSpace(name))) }) {
			out = append(append(out, line...), crlf...)
		}
	}
	return append(out, crlf...)
}

var crlf, colon = []byte("\r\n"), []byte(":")
