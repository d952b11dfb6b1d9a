package sdktest

import (
	"slices"
	"time"

	"moonwire/plugins/api"
	"moonwire/plugins/api/frame"
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
		r.Header = frame.SomeHeaders(m.Header, reg.GetHeaders())
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

// wanted is wants of one registration.
func wanted(r *hookv1.Registration) func(hookv1.Field) bool {
	return func(f hookv1.Field) bool { return wants(r, f) }
}

// encodeConnect is what a CONNECT presents, as far as a registration wants it.
func encodeConnect(reg *hookv1.Registration, c *sdk.Connect) *hookv1.Connect {
	all := &hookv1.Connect{
		User: c.User, Password: c.Password, Token: c.Token, Jwt: c.JWT, Nkey: c.Nkey, Signature: c.Signature, Nonce: c.Nonce,
	}
	if t := c.TLS; t != nil {
		all.Tls = &hookv1.TLS{Version: t.Version, CommonName: t.CommonName, DnsNames: t.DNSNames, Uris: t.URIs, Fingerprint: t.Fingerprint}
	}
	return api.Connect(all, wanted(reg))
}

// record is what a registration is told of a client.
func record(reg *hookv1.Registration, c *sdk.Client, ref uint64) *hookv1.Client {
	return api.Client(&hookv1.Client{
		Ref: ref, Id: c.ID, User: c.User, Account: c.Account, Name: c.Name, Host: c.Host, Kind: c.Kind,
		Lang: c.Lang, Version: c.Version, Tags: c.Tags,
	}, wanted(reg), reg.GetTags())
}
