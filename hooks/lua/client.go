package lua

import (
	"maps"
	"slices"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
)

// clientFields are what scripts see of a connection.
var clientFields = []attribute[*hooks.Client]{
	field("id", "integer", "The number of the connection, which no other has while the server runs.", hooks.FieldClient,
		func(_ *machine, c *hooks.Client) sandbox.Value { return sandbox.Number(float64(c.ID)) }),
	clientText("user", "Its user; empty before it is admitted.", hooks.FieldUser, func(c *hooks.Client) string { return c.User }),
	clientText("account", "Its account; empty before it is admitted.", hooks.FieldAccount, func(c *hooks.Client) string { return c.Account }),
	clientText("name", "What it calls itself.", hooks.FieldName, func(c *hooks.Client) string { return c.Name }),
	clientText("host", "The address that it comes from, without the port.", hooks.FieldHost, func(c *hooks.Client) string { return c.Host }),
	clientText("kind", "The way that it came: STANDARD, WEBSOCKET or IN_PROCESS.", hooks.FieldKind, func(c *hooks.Client) string { return c.Kind }),
	field("tags", "table<string, string>", "What hooks said of it when it was admitted, by name.", 0, (*machine).tagsOf),
}

func clientText(name, doc string, saw hooks.Field, get func(*hooks.Client) string) attribute[*hooks.Client] {
	return field(name, "string", doc, saw, func(_ *machine, c *hooks.Client) sandbox.Value { return sandbox.String(get(c)) })
}

var (
	clientClass = class("client", clientFields)
	tagsClass   = newTagsClass()
)

func newTagsClass() *sandbox.Class {
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
}

// clientOf returns what stands for a connection. For messages of functions
// whose reads need not be noted it is a table that is made once for each
// connection, and read without a call of a function; the fields of others are made
// when they are read, and each read is noted.
func (m *machine) clientOf(c *hooks.Client) sandbox.Value {
	if !m.handler.noted && !waits(m.point()) {
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

// tagsOf returns what stands for the tags of a connection.
func (m *machine) tagsOf(c *hooks.Client) sandbox.Value {
	if m.handler.noted {
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
