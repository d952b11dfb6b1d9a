package lua

import (
	"fmt"
	"maps"
	"slices"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// attribute is a field of an object that stands for something of type T in Lua:
// what the handbook says of it, what reading it tells the cache of decisions, and
// how it is made.
type attribute[T any] struct {
	library.Param
	saw hooks.Field
	get func(m *machine, of T) sandbox.Value
	set func(m *machine, of T, v sandbox.Value) error
}

// class makes the class of objects with some attributes.
func class[T any](name string, list []attribute[T]) *sandbox.Class {
	fields := make([]sandbox.Field, len(list))
	known := make([]string, len(list))
	for i, a := range list {
		known[i] = a.Name
		fields[i] = sandbox.Field{Name: a.Name, Get: func(vm *sandbox.VM, data any) (sandbox.Value, error) {
			m := machineOf(vm)
			m.saw(a.saw)
			return a.get(m, data.(T)), nil
		}}
		if a.set != nil {
			fields[i].Set = func(vm *sandbox.VM, data any, v sandbox.Value) error { return a.set(machineOf(vm), data.(T), v) }
		}
	}
	c := sandbox.NewClass(name, fields...)
	c.Index = func(vm *sandbox.VM, _ any, key string) (sandbox.Value, error) {
		return sandbox.Value{}, fmt.Errorf("at %v there is no field %s", machineOf(vm).point(), suggest(key, known))
	}
	return c
}

// document makes the declaration of the same objects.
func document[T any](name, doc string, list []attribute[T]) library.Type {
	t := library.Type{Name: name, Doc: doc}
	for _, a := range list {
		t.Fields = append(t.Fields, a.Param)
	}
	return t
}

// classes are the shapes of what functions get at each point.
var classes = hooks.PerPoint[*sandbox.Class]{
	hooks.AtConnect:   class("request", connectFields),
	hooks.AtRewrite:   class("request", requestFields),
	hooks.AtPublish:   class("request", requestFields),
	hooks.AtSubscribe: class("request", subscribeFields),
	hooks.AtInspect:   class("message", messageFields),
	hooks.AtEvent:     class("event", eventFields),
}

// text is a string, or nil in place of an empty one: what is not there.
func text[S ~string | ~[]byte](s S) sandbox.Value {
	if len(s) == 0 {
		return sandbox.Value{}
	}
	return sandbox.String(string(s))
}

var (
	subjectField = attribute[*hooks.Call]{
		library.Param{Name: "subject", Type: "string", Doc: "The subject, as it is by now."}, hooks.FieldSubject,
		func(_ *machine, c *hooks.Call) sandbox.Value { return sandbox.Bytes(c.Subject) }, nil,
	}
	clientField = attribute[*hooks.Call]{
		library.Param{Name: "client", Type: "Client", Doc: "The connection."}, 0,
		func(m *machine, c *hooks.Call) sandbox.Value { return m.clientOf(c.Client) }, nil,
	}
)

// requestFields are what rewrite and publish see.
var requestFields = []attribute[*hooks.Call]{
	clientField, subjectField,
	{
		library.Param{Name: "original_subject", Type: "string", Doc: "The subject that the client wrote, before mappings and rewrites."},
		hooks.FieldOriginalSubject, func(_ *machine, c *hooks.Call) sandbox.Value {
			if c.OriginalSubject != nil {
				return sandbox.Bytes(c.OriginalSubject)
			}
			return sandbox.Bytes(c.Subject)
		}, nil,
	},
	{
		library.Param{Name: "reply", Type: "string?", Doc: "The subject for answers; nil if none is wanted."},
		hooks.FieldReply, func(_ *machine, c *hooks.Call) sandbox.Value { return text(c.Reply) }, nil,
	},
	{
		library.Param{Name: "size", Type: "integer", Doc: "The bytes of headers and payload, as they came."},
		hooks.FieldSize, func(_ *machine, c *hooks.Call) sandbox.Value { return sandbox.Number(float64(c.Size)) }, nil,
	},
	{
		library.Param{Name: "headers", Type: "Headers", Doc: "The headers: headers[\"X\"] is the first value of X, in any case, or nil."},
		0, func(m *machine, c *hooks.Call) sandbox.Value { return m.headersOf(c) }, nil,
	},
}

// messageFields are what inspect sees.
var messageFields = append(slices.Clone(requestFields), attribute[*hooks.Call]{
	library.Param{Name: "payload", Type: "string", Doc: "The payload. What is assigned to it takes its place."},
	hooks.FieldPayload,
	func(_ *machine, c *hooks.Call) sandbox.Value { return sandbox.Bytes(c.Payload) },
	func(m *machine, _ *hooks.Call, v sandbox.Value) error {
		s, ok := v.Text()
		if !ok {
			return fmt.Errorf("the payload is a text, not a %s; \"\" is an empty one", v.Kind())
		}
		m.edit.payload, m.edit.assigned = s, true
		return nil
	},
})

// subscribeFields are what subscribe sees.
var subscribeFields = []attribute[*hooks.Call]{
	clientField,
	{
		library.Param{Name: "subject", Type: "string", Doc: "What is subscribed to; it may have wildcards."},
		hooks.FieldSubject, func(_ *machine, c *hooks.Call) sandbox.Value { return sandbox.Bytes(c.Subject) }, nil,
	},
	{
		library.Param{Name: "queue", Type: "string?", Doc: "The queue group; nil if none."},
		hooks.FieldQueue, func(_ *machine, c *hooks.Call) sandbox.Value { return text(c.Queue) }, nil,
	},
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
	{
		library.Param{Name: "tls", Type: "TLS?", Doc: "What its certificate says, which the server has verified; nil if there is none."},
		hooks.FieldConnect, func(m *machine, c *hooks.Call) sandbox.Value {
			if c.Connect == nil || c.Connect.TLS == nil {
				return sandbox.Value{}
			}
			return tlsTable(m.vm, c.Connect.TLS)
		}, nil,
	},
}

// presented is a field of what a client presents: nil where it presents nothing.
func presented(name, doc string, saw hooks.Field, get func(*hooks.ConnectInfo) string) attribute[*hooks.Call] {
	return attribute[*hooks.Call]{
		library.Param{Name: name, Type: "string?", Doc: doc}, saw,
		func(_ *machine, c *hooks.Call) sandbox.Value {
			if c.Connect == nil {
				return sandbox.Value{}
			}
			return text(get(c.Connect))
		}, nil,
	}
}

func ofClient(name, typ, doc string, get func(*hooks.Client) sandbox.Value) attribute[*hooks.Call] {
	return attribute[*hooks.Call]{
		library.Param{Name: name, Type: typ, Doc: doc}, hooks.FieldConnect,
		func(_ *machine, c *hooks.Call) sandbox.Value { return get(c.Client) }, nil,
	}
}

func tlsTable(vm *sandbox.VM, i *hooks.TLSInfo) sandbox.Value {
	t := vm.NewTable(0, 5)
	t.Set("version", sandbox.String(i.Version))
	t.Set("common_name", sandbox.String(i.CommonName))
	t.Set("fingerprint", sandbox.String(i.Fingerprint))
	for key, list := range map[string][]string{"dns_names": i.DNSNames, "uris": i.URIs} {
		l := vm.NewTable(len(list), 0)
		for _, s := range list {
			l.Append(sandbox.String(s))
		}
		t.Set(key, l.Value())
	}
	lockAll(t.Value())
	return t.Value()
}

// eventFields are what functions for events see.
var eventFields = []attribute[*hooks.Event]{
	{
		library.Param{Name: "type", Type: "string", Doc: "What has happened: the name that the function was registered for."}, 0,
		func(_ *machine, e *hooks.Event) sandbox.Value { return sandbox.String(e.Type) }, nil,
	},
	{
		library.Param{Name: "time", Type: "number", Doc: "When, in Unix seconds."}, 0,
		func(_ *machine, e *hooks.Event) sandbox.Value {
			return sandbox.Number(float64(e.Time.UnixMicro()) / 1e6)
		}, nil,
	},
	{
		library.Param{Name: "client", Type: "Client?", Doc: "The connection; nil for a reload."}, 0,
		func(m *machine, e *hooks.Event) sandbox.Value {
			if e.Client == nil {
				return sandbox.Value{}
			}
			return m.clientOf(e.Client)
		}, nil,
	},
	{
		library.Param{Name: "reason", Type: "string?", Doc: "Why: of a disconnect, an auth_error and a reload."}, 0,
		func(_ *machine, e *hooks.Event) sandbox.Value { return text(e.Reason) }, nil,
	},
	{
		library.Param{Name: "subject", Type: "string?", Doc: "Of a subscribe and an unsubscribe."}, 0,
		func(_ *machine, e *hooks.Event) sandbox.Value { return text(e.Subject) }, nil,
	},
	{
		library.Param{Name: "queue", Type: "string?", Doc: "The queue group of a subscribe and an unsubscribe."}, 0,
		func(_ *machine, e *hooks.Event) sandbox.Value { return text(e.Queue) }, nil,
	},
}

// clientFields are what scripts see of a connection.
var clientFields = []attribute[*hooks.Client]{
	{
		library.Param{Name: "id", Type: "integer", Doc: "The number of the connection, which no other has while the server runs."}, hooks.FieldClient,
		func(_ *machine, c *hooks.Client) sandbox.Value { return sandbox.Number(float64(c.ID)) }, nil,
	},
	clientText("user", "Its user; empty before it is admitted.", hooks.FieldUser, func(c *hooks.Client) string { return c.User }),
	clientText("account", "Its account; empty before it is admitted.", hooks.FieldAccount, func(c *hooks.Client) string { return c.Account }),
	clientText("name", "What it calls itself.", hooks.FieldName, func(c *hooks.Client) string { return c.Name }),
	clientText("host", "The address that it comes from, without the port.", hooks.FieldHost, func(c *hooks.Client) string { return c.Host }),
	clientText("kind", "The way that it came: STANDARD, WEBSOCKET or IN_PROCESS.", hooks.FieldKind, func(c *hooks.Client) string { return c.Kind }),
	clientText("lang", "The language of its library.", hooks.FieldConnect, func(c *hooks.Client) string { return c.Lang }),
	clientText("version", "The version of its library.", hooks.FieldConnect, func(c *hooks.Client) string { return c.Version }),
	{
		library.Param{Name: "tags", Type: "table<string, string>", Doc: "What hooks said of it when it was admitted. Read them by name."}, 0,
		func(m *machine, c *hooks.Client) sandbox.Value { return m.tagsOf(c) }, nil,
	},
}

func clientText(name, doc string, saw hooks.Field, get func(*hooks.Client) string) attribute[*hooks.Client] {
	return attribute[*hooks.Client]{
		library.Param{Name: name, Type: "string", Doc: doc}, saw,
		func(_ *machine, c *hooks.Client) sandbox.Value { return sandbox.String(get(c)) }, nil,
	}
}

var (
	clientClass = class("client", clientFields)
	tagsClass   = func() *sandbox.Class {
		c := sandbox.NewClass("tags")
		c.Index = func(vm *sandbox.VM, data any, key string) (sandbox.Value, error) {
			if m := machineOf(vm); m.call != nil {
				m.call.SawTag(key)
			}
			if v, ok := data.(*hooks.Client).Tags[key]; ok {
				return sandbox.String(v), nil
			}
			return sandbox.Value{}, nil
		}
		return c
	}()
)

// noted reports whether reads are to be told to the cache of decisions.
func (m *machine) noted() bool { return m.handler.Cache != nil }

// clientOf returns what stands for a connection. For messages of hooks without a
// cache it is a table that is made once for each connection, and read without a
// call of a function; the fields of others are made when they are read, and each
// read is noted.
func (m *machine) clientOf(c *hooks.Client) sandbox.Value {
	if !m.noted() && !waits(m.point()) {
		return m.vm.Client(c.ID, c, func(t sandbox.Table) {
			for i := range clientFields {
				t.Set(clientFields[i].Name, clientFields[i].get(m, c))
			}
		})
	}
	if m.client == nil {
		m.client = m.vm.NewObject(clientClass)
	}
	m.client.Bind(c)
	return m.client.Value()
}

func (m *machine) tagsOf(c *hooks.Client) sandbox.Value {
	if m.noted() {
		if m.tags == nil {
			m.tags = m.vm.NewObject(tagsClass)
		}
		m.tags.Bind(c)
		return m.tags.Value()
	}
	t := m.vm.NewTable(0, len(c.Tags))
	for _, k := range slices.Sorted(maps.Keys(c.Tags)) {
		t.Set(k, sandbox.String(c.Tags[k]))
	}
	t.Lock()
	return t.Value()
}
