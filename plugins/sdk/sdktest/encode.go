package sdktest

import (
	"bytes"
	"slices"
	"strings"
	"time"

	hookv1 "moonwire/plugins/api/v1"
	"moonwire/plugins/sdk"
)

// everything reports whether a registration names no fields: it gets all, but for
// secrets.
func everything(r *hookv1.Registration) bool {
	return len(r.GetFields())+len(r.GetTags())+len(r.GetHeaders()) == 0
}

// wants reports whether a registration wants a field.
func wants(r *hookv1.Registration, f hookv1.Field) bool {
	if everything(r) {
		return f != hookv1.Field_FIELD_SECRETS
	}
	return slices.Contains(r.GetFields(), f)
}

// encodeQuestion is a question, and the client who asks, as a registration gets them.
func encodeQuestion(i int, reg *hookv1.Registration, q *question) (*hookv1.Request, *hookv1.Client) {
	m := &q.message
	r := &hookv1.Request{Registration: uint32(i), Point: q.point, TimeoutMs: uint32(max(q.within/time.Millisecond, 1))}
	for _, f := range []struct {
		field hookv1.Field
		to    *[]byte
		from  string
	}{
		{hookv1.Field_FIELD_SUBJECT, &r.Subject, m.Subject},
		{hookv1.Field_FIELD_ORIGINAL_SUBJECT, &r.OriginalSubject, m.OriginalSubject},
		{hookv1.Field_FIELD_REPLY, &r.Reply, m.Reply},
		{hookv1.Field_FIELD_QUEUE, &r.Queue, q.queue},
	} {
		if wants(reg, f.field) {
			*f.to = []byte(f.from)
		}
	}
	if wants(reg, hookv1.Field_FIELD_SIZE) {
		r.Size = uint32(m.Size)
	}
	switch {
	case len(reg.GetHeaders()) > 0:
		r.Header = someHeaders(m.Header, reg.GetHeaders())
	case wants(reg, hookv1.Field_FIELD_HEADERS) && q.point != hookv1.Point_POINT_SUBSCRIBE:
		r.Header = m.Header
	}
	if q.point == hookv1.Point_POINT_INSPECT {
		r.MaxPayload = uint32(m.MaxPayload)
		if wants(reg, hookv1.Field_FIELD_PAYLOAD) {
			r.Payload = m.Payload
		}
	}
	if q.connect != nil {
		r.Connect = encodeConnect(reg, q.connect)
	}
	return r, record(reg, q.client, 0)
}

// encodeConnect is what a CONNECT presents, as far as a registration wants it.
func encodeConnect(reg *hookv1.Registration, c *sdk.Connect) *hookv1.Connect {
	out := &hookv1.Connect{}
	if wants(reg, hookv1.Field_FIELD_CONNECT) {
		out.User, out.Nkey, out.Nonce = c.User, c.Nkey, c.Nonce
		if t := c.TLS; t != nil {
			out.Tls = &hookv1.TLS{Version: t.Version, CommonName: t.CommonName, DnsNames: t.DNSNames, Uris: t.URIs, Fingerprint: t.Fingerprint}
		}
	}
	if wants(reg, hookv1.Field_FIELD_SECRETS) {
		out.Password, out.Token, out.Jwt, out.Signature = c.Password, c.Token, c.JWT, c.Signature
	}
	return out
}

// record is what a registration is told of a client.
func record(reg *hookv1.Registration, c *sdk.Client, ref uint64) *hookv1.Client {
	out := &hookv1.Client{Ref: ref}
	if wants(reg, hookv1.Field_FIELD_CLIENT) {
		out.Id = c.ID
	}
	for _, f := range []struct {
		field hookv1.Field
		to    *string
		from  string
	}{
		{hookv1.Field_FIELD_USER, &out.User, c.User},
		{hookv1.Field_FIELD_ACCOUNT, &out.Account, c.Account},
		{hookv1.Field_FIELD_NAME, &out.Name, c.Name},
		{hookv1.Field_FIELD_HOST, &out.Host, c.Host},
		{hookv1.Field_FIELD_KIND, &out.Kind, c.Kind},
		{hookv1.Field_FIELD_CONNECT, &out.Lang, c.Lang},
		{hookv1.Field_FIELD_CONNECT, &out.Version, c.Version},
	} {
		if wants(reg, f.field) {
			*f.to = f.from
		}
	}
	for k, v := range c.Tags {
		if wants(reg, hookv1.Field_FIELD_TAGS) || slices.Contains(reg.GetTags(), k) {
			if out.Tags == nil {
				out.Tags = make(map[string]string)
			}
			out.Tags[k] = v
		}
	}
	return out
}

// someHeaders returns a block with the lines of a header that have one of some
// names.
func someHeaders(header []byte, names []string) []byte {
	if len(header) == 0 {
		return nil
	}
	first, rest, _ := bytes.Cut(header, []byte("\r\n"))
	out := append(bytes.Clone(first), "\r\n"...)
	for line := range bytes.SplitSeq(rest, []byte("\r\n")) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		if len(line) > 0 && containsFold(names, strings.TrimSpace(string(name))) {
			out = append(append(out, line...), "\r\n"...)
		}
	}
	return append(out, "\r\n"...)
}
