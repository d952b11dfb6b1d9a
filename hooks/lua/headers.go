package lua

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
)

// replaced answers with the message that an inspection has made, if it has.
func (m *machine) replaced(c *hooks.Call) error {
	e := &m.edit
	if e.assigned {
		c.Out.Verdict, c.Out.Payload = hooks.Replace, c.Copy([]byte(e.payload))
	}
	if e.headers {
		c.Out.Verdict, c.Out.Header = hooks.Replace, c.Copy(e.result())
	}
	if c.Out.Verdict != hooks.Replace || c.MaxPayload == 0 {
		return nil
	}
	header, payload := c.Header, c.Payload
	if e.headers {
		header = c.Out.Header
	}
	if e.assigned {
		payload = c.Out.Payload
	}
	if size := len(header) + len(payload); size > c.MaxPayload {
		return &hooks.Error{Kind: hooks.KindOversize, Err: fmt.Errorf("the message would have %d bytes with what the script adds; %d are allowed", size, c.MaxPayload)}
	}
	return nil
}

// headersClass is the shape of req.headers. All and names are its functions: a
// header that is named so, in lower case, is read by another case.
var headersClass = func() *sandbox.Class {
	c := sandbox.NewClass("headers",
		sandbox.Field{Name: "all", Get: func(vm *sandbox.VM, _ any) (sandbox.Value, error) {
			return method(vm, &machineOf(vm).all, headersAll), nil
		}},
		sandbox.Field{Name: "names", Get: func(vm *sandbox.VM, _ any) (sandbox.Value, error) {
			return method(vm, &machineOf(vm).names, headersNames), nil
		}},
	)
	c.Index = func(vm *sandbox.VM, data any, key string) (v sandbox.Value, err error) {
		m, call := machineOf(vm), data.(*hooks.Call)
		call.SawHeader(key)
		if err := m.checkHeaders(call); err != nil {
			return v, err
		}
		block := m.edit.header(call)
		vm.Step(len(block) / 64)
		eachLine(block, func(l line) bool {
			if !l.is(key) {
				return true
			}
			v = sandbox.Bytes(l.value())
			return false
		})
		return v, nil
	}
	c.NewIndex = setHeader
	return c
}()

// method returns a function of an object, which is made once for each VM.
func method(vm *sandbox.VM, at *sandbox.Value, f sandbox.Func) sandbox.Value {
	if at.IsNil() {
		*at = vm.Func(f)
	}
	return *at
}

// headersOf returns what stands for the headers of a call.
func (m *machine) headersOf(c *hooks.Call) sandbox.Value {
	if m.headers == nil {
		m.headers = m.vm.NewObject(headersClass)
	}
	m.headers.Bind(c)
	return m.headers.Value()
}

func setHeader(vm *sandbox.VM, data any, name string, v sandbox.Value) error {
	m, c := machineOf(vm), data.(*hooks.Call)
	if m.point() != hooks.AtInspect {
		return fmt.Errorf("headers are read-only at %v; they can be changed at inspect", m.point())
	}
	value, ok := v.Text()
	if f, isNumber := v.Number(); isNumber {
		value, ok = strconv.FormatFloat(f, 'f', -1, 64), true
	}
	switch {
	case !ok && !v.IsNil():
		return fmt.Errorf("the value is a %s; want a text, or nil to take the header away", v.Kind())
	case !headerName(name):
		return errors.New("it is not the name of a header: letters, digits and signs but the colon, without blanks")
	case len(value) > mostHeader:
		return fmt.Errorf("the value has %d bytes; want at most %d", len(value), mostHeader)
	case !headerValue(value):
		return errors.New("the value has a line break or another control character")
	}
	if err := m.checkHeaders(c); err != nil {
		return err
	}
	vm.Charge(256 + len(name) + 2*len(value))
	block := m.edit.header(c)
	if !m.edit.headers {
		vm.Charge(2 * len(block))
	}
	vm.Step(len(block) / 16)
	m.edit.set(c, name, value, v.IsNil())
	return nil
}

// mostHeader is how long the value of a header may be that a script sets.
const mostHeader = 64 << 10

// headerName reports whether a text may stand before the colon of a header.
func headerName(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == ':' {
			return false
		}
	}
	return s != ""
}

// headerValue reports whether a text may stand behind the colon of a header: it
// has no line breaks and other control characters but tabs.
func headerValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// headersAll is headers:all(name).
func headersAll(a *sandbox.Args) error {
	m, err := headersSelf(a, "all")
	if err != nil {
		return err
	}
	name, ok := a.At(2).Text()
	if !ok {
		return fmt.Errorf("headers:all: argument #1 is a %s; want the name of a header", kindOf(a, 2))
	}
	m.call.SawHeader(name)
	list := m.vm.NewTable(0, 0)
	eachLine(m.edit.header(m.call), func(l line) bool {
		a.Step(1 + len(l.raw)/64)
		if l.is(name) {
			a.Charge(64 + len(l.value()))
			list.Append(sandbox.Bytes(l.value()))
		}
		return true
	})
	a.Return(list.Value())
	return nil
}

// headersNames is headers:names().
func headersNames(a *sandbox.Args) error {
	m, err := headersSelf(a, "names")
	if err != nil {
		return err
	}
	m.saw(hooks.FieldHeaders)
	list := m.vm.NewTable(0, 0)
	var seen []string
	eachLine(m.edit.header(m.call), func(l line) bool {
		a.Step(1 + len(l.raw)/64 + len(seen)/8)
		if name := l.name(); name != nil && !slices.ContainsFunc(seen, l.is) {
			seen = append(seen, string(name))
			a.Charge(64 + len(name))
			list.Append(sandbox.Bytes(name))
		}
		return true
	})
	a.Return(list.Value())
	return nil
}

// headersSelf returns the machine if the function is called on the headers of
// the call that it is in.
func headersSelf(a *sandbox.Args, method string) (*machine, error) {
	m := machineOf(a.VM())
	if o, ok := a.At(1).Object(); !ok || o != m.headers || m.call == nil || !o.Bound() {
		return nil, fmt.Errorf("headers:%s is called with a colon, on the headers of the message: headers:%s(…)", method, method)
	}
	return m, m.checkHeaders(m.call)
}

// errHeaders is why the function goes no further, whatever it makes of that: the
// message is denied. It is no failure of the script: clients could have the breaker
// open.
var errHeaders = errors.New(hooks.MalformedHeader)

// checkHeaders returns an error if the script cannot know what the headers of a call
// are to those who get the message.
func (m *machine) checkHeaders(c *hooks.Call) error {
	if !m.headersRead {
		m.headersRead, m.headersBad = true, len(c.Header) > 0 && !hooks.PlainHeader(c.Header)
	}
	if m.headersBad {
		return errHeaders
	}
	return nil
}
