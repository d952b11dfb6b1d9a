package lua

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
)

// line is a line of a header block.
type line struct {
	raw         []byte
	name, value []byte // nil if it is none of a header
}

var (
	crlf    = []byte("\r\n")
	version = []byte("NATS/1.0") // a first line without a status
)

// eachLine calls f for the lines of a block behind the first, until it returns
// false. What it takes for names and values is what the cache of decisions takes
// for them, so that an answer that is kept by a header depends on nothing else.
func eachLine(block []byte, f func(line) bool) {
	_, rest, _ := bytes.Cut(block, crlf) // the version and status
	for len(rest) > 0 {
		var l line
		l.raw, rest, _ = bytes.Cut(rest, crlf)
		if name, value, ok := bytes.Cut(l.raw, []byte{':'}); ok {
			l.name, l.value = bytes.TrimSpace(name), bytes.TrimSpace(value)
		}
		if !f(l) {
			return
		}
	}
}

// is reports whether l has a value of the header with a name, in any case.
func (l *line) is(name string) bool {
	if l.name == nil || len(l.name) != len(name) {
		return false
	}
	for i, c := range l.name {
		if lower(c) != lower(name[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// edit is what an inspection has changed of a message so far.
type edit struct {
	payload  string
	assigned bool // payload was
	start    []byte
	lines    []line // of the header, once one was assigned
	headers  bool   // one was
	buf      []byte // of new lines, and of the new header
}

// reset forgets all, but for memory that is used again.
func (e *edit) reset() {
	switch {
	case !e.assigned && !e.headers:
	case cap(e.buf) > mostKept || len(e.lines) > mostKept/64:
		*e = edit{}
	default:
		clear(e.lines)
		*e = edit{lines: e.lines[:0], buf: e.buf[:0]}
	}
}

// mostKept is how large a buffer a virtual machine keeps between calls.
const mostKept = 64 << 10

// each calls f for the lines of the header as it is by now.
func (e *edit) each(c *hooks.Call, f func(line) bool) {
	if !e.headers {
		eachLine(c.Header, f)
		return
	}
	for _, l := range e.lines {
		if !f(l) {
			return
		}
	}
}

// begin takes the header apart, so that it can be changed.
func (e *edit) begin(c *hooks.Call) {
	e.headers = true
	e.start, _, _ = bytes.Cut(c.Header, crlf)
	eachLine(c.Header, func(l line) bool {
		if len(l.raw) > 0 {
			e.lines = append(e.lines, l)
		}
		return true
	})
}

// set puts one value in the place of all that a header has; remove takes them
// away.
func (e *edit) set(name, value string, remove bool) {
	at := -1
	kept := e.lines[:0]
	for _, l := range e.lines {
		if l.is(name) {
			if remove || at >= 0 {
				continue
			}
			at = len(kept)
		}
		kept = append(kept, l)
	}
	e.lines = kept
	if remove {
		return
	}
	from := len(e.buf)
	e.buf = append(append(append(e.buf, name...), ": "...), value...)
	raw := e.buf[from:len(e.buf):len(e.buf)]
	l := line{raw: raw, name: raw[:len(name)], value: bytes.TrimSpace(raw[len(name)+1:])}
	if at < 0 {
		e.lines = append(e.lines, l)
	} else {
		e.lines[at] = l
	}
}

// block returns the header as it is by now, valid until the next change. It is
// empty when nothing is left to say.
func (e *edit) block() []byte {
	start := e.start
	if len(start) == 0 {
		start = version
	}
	if len(e.lines) == 0 && bytes.Equal(start, version) {
		return nil
	}
	from := len(e.buf)
	e.buf = append(append(e.buf, start...), crlf...)
	for _, l := range e.lines {
		e.buf = append(append(e.buf, l.raw...), crlf...)
	}
	e.buf = append(e.buf, crlf...)
	return e.buf[from:]
}

// replaced answers with the message that an inspection has made, if it has.
func (m *machine) replaced(c *hooks.Call) error {
	e := &m.edit
	if e.assigned {
		c.Out.Verdict, c.Out.Payload = hooks.Replace, c.Copy([]byte(e.payload))
	}
	if e.headers {
		c.Out.Verdict, c.Out.Header = hooks.Replace, c.Copy(e.block())
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
		vm.Step(len(call.Header)/64 + len(m.edit.lines)/8)
		m.edit.each(call, func(l line) bool {
			if !l.is(key) {
				return true
			}
			v = sandbox.Bytes(l.value)
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
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return errors.New("the value has a line break or another control character")
	}
	vm.Charge(256 + len(name) + 2*len(value))
	if !m.edit.headers {
		vm.Charge(len(c.Header))
		m.edit.begin(c)
	}
	vm.Step(len(m.edit.lines) / 8)
	m.edit.set(name, value, v.IsNil())
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
	m.edit.each(m.call, func(l line) bool {
		a.Step(1 + len(l.raw)/64)
		if l.is(name) {
			a.Charge(64 + len(l.value))
			list.Append(sandbox.Bytes(l.value))
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
	m.edit.each(m.call, func(l line) bool {
		a.Step(1 + len(l.raw)/64 + len(seen)/8)
		if l.name != nil && !slices.ContainsFunc(seen, l.is) {
			seen = append(seen, string(l.name))
			a.Charge(64 + len(l.name))
			list.Append(sandbox.Bytes(l.name))
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
	return m, nil
}
