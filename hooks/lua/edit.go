package lua

import (
	"bytes"

	"moonwire/hooks"
)

// line is a line of a header block.
type line struct {
	raw   []byte
	colon int // where the name ends; -1 if it is no line of a header
}

var (
	crlf    = []byte("\r\n")
	version = []byte("NATS/1.0") // a first line without a status
)

// cutLine returns the first line of a block and what comes behind it.
func cutLine(block []byte) (first, rest []byte) {
	first, rest, _ = bytes.Cut(block, crlf)
	return first, rest
}

// eachLine calls f for the lines of a block behind the first, until it returns
// false. What it takes for names and values is what the cache of decisions takes
// for them, so that an answer that is kept by a header depends on nothing else.
func eachLine(block []byte, f func(line) bool) {
	_, rest := cutLine(block) // the version and status
	for len(rest) > 0 {
		var l line
		if l, rest = nextLine(rest); !f(l) {
			return
		}
	}
}

func nextLine(block []byte) (l line, rest []byte) {
	l.raw, rest = cutLine(block)
	l.colon = bytes.IndexByte(l.raw, ':')
	return l, rest
}

// name returns the name of the header; nil if there is none.
func (l *line) name() []byte {
	if l.colon < 0 {
		return nil
	}
	return bytes.TrimSpace(l.raw[:l.colon:l.colon])
}

// value returns the value, of a line of a header.
func (l *line) value() []byte { return bytes.TrimSpace(l.raw[l.colon+1:]) }

// is reports whether l has a value of the header with a name, in any case.
func (l *line) is(name string) bool {
	return l.colon >= len(name) && hooks.SameHeader(l.name(), name)
}

// edit is what an inspection has changed of a message so far.
type edit struct {
	payload  string
	assigned bool   // payload was
	block    []byte // the header, if one was assigned
	headers  bool   // one was
	spare    []byte // memory for the next block
}

// mostKept is how large a buffer a virtual machine keeps between calls.
const mostKept = 64 << 10

// reset forgets all, but for memory that is used again.
func (e *edit) reset() {
	switch {
	case !e.assigned && !e.headers:
	case cap(e.block)+cap(e.spare) > mostKept:
		*e = edit{}
	default:
		*e = edit{block: e.block[:0], spare: e.spare[:0]}
	}
}

// header returns the header as it is by now, valid until the next change.
func (e *edit) header(c *hooks.Call) []byte {
	if e.headers {
		return e.block
	}
	return c.Header
}

// set puts one value in the place of all that a header has; remove takes them
// away.
func (e *edit) set(c *hooks.Call, name, value string, remove bool) {
	start, rest := cutLine(e.header(c))
	if len(start) == 0 {
		start = version
	}
	out := append(append(e.spare[:0], start...), crlf...)
	done := remove
	for len(rest) > 0 {
		var l line
		l, rest = nextLine(rest)
		switch {
		case len(l.raw) == 0:
		case !l.is(name):
			out = append(append(out, l.raw...), crlf...)
		case !done:
			done = true
			out = appendHeader(out, name, value)
		}
	}
	if !done {
		out = appendHeader(out, name, value)
	}
	e.spare, e.block, e.headers = e.block, append(out, crlf...), true
}

func appendHeader(out []byte, name, value string) []byte {
	return append(append(append(append(out, name...), ": "...), value...), crlf...)
}

// result returns the block that takes the place of the message's. It is empty
// when nothing is left to say.
func (e *edit) result() []byte {
	if string(e.block) == "NATS/1.0\r\n\r\n" {
		return nil
	}
	return e.block
}
