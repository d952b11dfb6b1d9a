package lua

import (
	"fmt"
	"slices"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// classes are the shapes of what functions get at each point.
var classes = hooks.PerPoint[*sandbox.Class]{
	hooks.AtConnect:   class("request", connectFields),
	hooks.AtRewrite:   class("request", requestFields),
	hooks.AtPublish:   class("request", requestFields),
	hooks.AtSubscribe: class("request", subscribeFields),
	hooks.AtInspect:   class("message", messageFields),
	hooks.AtEvent:     class("event", eventFields),
}

// requestFields are what rewrite and publish see.
var requestFields = []attribute[*hooks.Call]{
	clientField,
	ahead(field("subject", "string", "The subject, as it is by now.", hooks.FieldSubject, (*machine).subjectOf)),
	ahead(field("original_subject", "string", "The subject that the client wrote, before mappings and rewrites.", hooks.FieldOriginalSubject,
		func(m *machine, c *hooks.Call) sandbox.Value {
			if c.OriginalSubject != nil {
				return sandbox.Bytes(c.OriginalSubject)
			}
			return m.subjectOf(c)
		})),
	ahead(field("reply", "string?", "The subject for answers; nil if none is wanted.", hooks.FieldReply,
		func(_ *machine, c *hooks.Call) sandbox.Value { return text(c.Reply) })),
	ahead(field("size", "integer", "The bytes of headers and payload, as they came.", hooks.FieldSize,
		func(_ *machine, c *hooks.Call) sandbox.Value { return sandbox.Number(float64(c.Size)) })),
	ahead(field("headers", "Headers", "The headers: headers[\"X\"] is the first value of X, in any case, or nil.", 0, (*machine).headersOf)),
}

// messageFields are what inspect sees.
var messageFields = append(slices.Clone(requestFields), attribute[*hooks.Call]{
	Param: library.Param{Name: "payload", Type: "string", Doc: "The payload. What is assigned to it takes its place."},
	saw:   hooks.FieldPayload,
	get:   func(_ *machine, c *hooks.Call) sandbox.Value { return sandbox.Bytes(c.Payload) },
	set: func(m *machine, _ *hooks.Call, v sandbox.Value) error {
		s, ok := v.Text()
		if !ok {
			return fmt.Errorf("the payload is a text, not a %s; \"\" is an empty one", v.Kind())
		}
		m.edit.payload, m.edit.assigned = s, true
		return nil
	},
	// A script that looks at payloads at times must not pay for large ones always.
	cheap: func(c *hooks.Call) bool { return len(c.Payload) <= 512 },
})

// subscribeFields are what subscribe sees.
var subscribeFields = []attribute[*hooks.Call]{
	clientField,
	ahead(field("subject", "string", "What is subscribed to; it may have wildcards.", hooks.FieldSubject, (*machine).subjectOf)),
	ahead(field("queue", "string?", "The queue group; nil if none.", hooks.FieldQueue,
		func(_ *machine, c *hooks.Call) sandbox.Value { return text(c.Queue) })),
}

var clientField = ahead(field("client", "Client", "The connection.", 0,
	func(m *machine, c *hooks.Call) sandbox.Value { return m.clientOf(c.Client) }))

// subjectOf returns the subject of a call. Clients use few of them again and
// again: there is no need to make them each time.
func (m *machine) subjectOf(c *hooks.Call) sandbox.Value {
	v := &m.subject[m.form]
	if s, ok := v.Text(); !ok || s != string(c.Subject) {
		*v = sandbox.Bytes(c.Subject)
	}
	return *v
}

// connectFields are what connect sees.
var connectFields = []attribute[*hooks.Call]{
	clientField,
	presented("user", "The name that it gives.", hooks.FieldConnect, func(i *hooks.ConnectInfo) string { return i.User }),
	presented("password", "The password that it gives.", hooks.FieldSecrets, func(i *hooks.ConnectInfo) string { return i.Password }),
	presented("token", "The token that it gives.", hooks.FieldSecrets, func(i *hooks.ConnectInfo) string { return i.Token }),
	presented("jwt", "The JWT of a user that it gives.", hooks.FieldSecrets, func(i *hooks.ConnectInfo) string { return i.JWT }),
	presented("nkey", "The public nkey that it gives.", hooks.FieldConnect, func(i *hooks.ConnectInfo) string { return i.Nkey }),
	presented("signature", "The signature of the nonce, as it came.", hooks.FieldSecrets, func(i *hooks.ConnectInfo) string { return i.Signature }),
	presented("nonce", "What it was asked to sign.", hooks.FieldConnect, func(i *hooks.ConnectInfo) string { return i.Nonce }),
	ofClient("name", "string?", "What the client calls itself.", func(c *hooks.Client) sandbox.Value { return text(c.Name) }),
	ofClient("lang", "string?", "The language of its library.", func(c *hooks.Client) sandbox.Value { return text(c.Lang) }),
	ofClient("version", "string?", "The version of its library.", func(c *hooks.Client) sandbox.Value { return text(c.Version) }),
	ofClient("host", "string", "The address that it comes from, without the port.", func(c *hooks.Client) sandbox.Value { return sandbox.String(c.Host) }),
	ofClient("kind", "string", "The way that it came: STANDARD, WEBSOCKET or IN_PROCESS.", func(c *hooks.Client) sandbox.Value { return sandbox.String(c.Kind) }),
	field("tls", "TLS?", "What its certificate says, which the server has verified; nil if there is none.", hooks.FieldConnect,
		func(m *machine, c *hooks.Call) sandbox.Value {
			if c.Connect == nil || c.Connect.TLS == nil {
				return sandbox.Value{}
			}
			return tlsTable(m.vm, c.Connect.TLS)
		}),
}

// presented is a field of what a client presents: nil where it presents nothing.
func presented(name, doc string, saw hooks.Field, get func(*hooks.ConnectInfo) string) attribute[*hooks.Call] {
	return field(name, "string?", doc, saw, func(_ *machine, c *hooks.Call) sandbox.Value {
		if c.Connect == nil {
			return sandbox.Value{}
		}
		return text(get(c.Connect))
	})
}

func ofClient(name, typ, doc string, get func(*hooks.Client) sandbox.Value) attribute[*hooks.Call] {
	return field(name, typ, doc, hooks.FieldConnect, func(_ *machine, c *hooks.Call) sandbox.Value { return get(c.Client) })
}

func tlsTable(vm *sandbox.VM, i *hooks.TLSInfo) sandbox.Value {
	t := vm.NewTable(0, 5)
	t.Set("version", sandbox.String(i.Version))
	t.Set("common_name", sandbox.String(i.CommonName))
	t.Set("dns_names", list(vm, i.DNSNames))
	t.Set("uris", list(vm, i.URIs))
	t.Set("fingerprint", sandbox.String(i.Fingerprint))
	lockAll(t.Value())
	return t.Value()
}

func list(vm *sandbox.VM, texts []string) sandbox.Value {
	t := vm.NewTable(len(texts), 0)
	for _, s := range texts {
		t.Append(sandbox.String(s))
	}
	return t.Value()
}

// eventFields are what functions for events see.
var eventFields = []attribute[*hooks.Event]{
	ofEvent("type", "string", "What has happened: a name that the function was registered for.", func(e *hooks.Event) sandbox.Value { return sandbox.String(e.Type) }),
	ofEvent("time", "number", "When, in Unix seconds.", func(e *hooks.Event) sandbox.Value { return sandbox.Number(float64(e.Time.UnixMicro()) / 1e6) }),
	field("client", "Client?", "The connection; nil for a reload.", 0, func(m *machine, e *hooks.Event) sandbox.Value {
		if e.Client == nil {
			return sandbox.Value{}
		}
		return m.clientOf(e.Client)
	}),
	ofEvent("reason", "string?", "Why: of a disconnect, an auth_error and a reload.", func(e *hooks.Event) sandbox.Value { return text(e.Reason) }),
	ofEvent("subject", "string?", "Of a subscribe and an unsubscribe.", func(e *hooks.Event) sandbox.Value { return text(e.Subject) }),
	ofEvent("queue", "string?", "The queue group of a subscribe and an unsubscribe.", func(e *hooks.Event) sandbox.Value { return text(e.Queue) }),
}

func ofEvent(name, typ, doc string, get func(*hooks.Event) sandbox.Value) attribute[*hooks.Event] {
	return field(name, typ, doc, 0, func(_ *machine, e *hooks.Event) sandbox.Value { return get(e) })
}
