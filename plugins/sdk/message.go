package sdk

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Client is the connection that a question is about, as far as the registration
// wants to know. It is shared by questions and not to be changed.
type Client struct {
	ID      uint64 // unique for the life of the broker
	User    string // empty before it is admitted
	Account string // empty before it is admitted
	Name    string // what it calls itself
	Host    string // address without the port
	Kind    string // STANDARD, WEBSOCKET, IN_PROCESS
	Lang    string // of its library
	Version string // of its library
	Tags    map[string]string
}

// Connect is what a client presents to be let in.
type Connect struct {
	Client                *Client
	User, Password, Token string
	JWT, Nkey, Signature  string // Signature is of Nonce, base64url
	Nonce                 string
	TLS                   *TLS // of a verified client certificate; nil without
}

// TLS is what a client certificate says.
type TLS struct {
	Version        string // "1.2", "1.3"
	CommonName     string
	DNSNames, URIs []string
	Fingerprint    string // SHA-256, lower case hexadecimal
}

// Subscription is one that a client wants to make.
type Subscription struct {
	Client  *Client
	Subject string // pattern
	Queue   string // "" for none
}

// Event is something that has happened.
type Event struct {
	Type    string
	Time    time.Time
	Client  *Client // nil for a reload
	Reason  string
	Subject string
	Queue   string
}

// Message is one that a client publishes.
type Message struct {
	Client  *Client
	Subject string
	// OriginalSubject is what the client wrote, where Subject is another.
	OriginalSubject string
	Reply           string
	// Header is the block as it is on the wire, and Payload what follows. They are
	// not to be changed in place, and are parts of a frame of up to 256 KiB: who keeps
	// one for long copies it, by bytes.Clone, to let go of the rest.
	Header, Payload []byte
	// Size is the bytes of both, sent along or not.
	Size int
	// MaxPayload is the most that both may have after a change; 0 is no limit.
	MaxPayload int

	newHeader, newPayload []byte // nil: not changed
	partial               bool   // the registration does not ask for all headers
	broken                error  // why the message cannot be changed as it was; nil if it can
}

// Get returns the first value of a header, whose name is in any case; "" if there
// is none.
func (m *Message) Get(name string) string {
	v := m.Values(name)
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

// Values returns the values of a header, whose name is in any case.
func (m *Message) Values(name string) (list []string) {
	eachLine(m.block(), func(_ []byte, n, v string) {
		if strings.EqualFold(n, name) {
			list = append(list, v)
		}
	})
	return list
}

// block is the header as it is now.
func (m *Message) block() []byte {
	if m.newHeader != nil {
		return m.newHeader
	}
	return m.Header
}

// ErrHeader is why a header cannot be set.
var ErrHeader = errors.New("a header's name has printable letters without colon, and its value no line ends")

// ErrPartial is why headers cannot be changed of which not all have come: the block goes
// back as a whole, and the others would be lost.
var ErrPartial = errors.New("a registration whose messages get other headers has to name Headers in Fields, and no single ones, or no field at all")

// SetHeader gives a header one value, in place of all that it has. It is an
// [ErrHeader] if that would break the block, and an [ErrPartial] if the plugin was not
// shown all of it.
func (m *Message) SetHeader(name, value string) error {
	if m.partial {
		return fmt.Errorf("header %q: %w", name, ErrPartial)
	}
	bad := func(r rune) bool { return r <= ' ' || r == ':' || r == 0x7f }
	if name == "" || strings.ContainsFunc(name, bad) || strings.ContainsAny(value, "\r\n\x00") {
		return fmt.Errorf("header %q: %w", name, ErrHeader)
	}
	b := m.without(name)
	if b == nil {
		b = []byte("NATS/1.0\r\n\r\n")
	}
	b = append(b[:len(b)-len(lineEnd)], name...)
	b = append(append(append(b, ": "...), value...), lineEnd...)
	m.newHeader = append(b, lineEnd...)
	return nil
}

// DeleteHeader removes a header, whose name is in any case. If the plugin was not shown
// all headers, the answer to the question is a failure, of [ErrPartial].
func (m *Message) DeleteHeader(name string) {
	switch {
	case len(m.Values(name)) == 0:
	case m.partial:
		m.broken = fmt.Errorf("header %q: %w", name, ErrPartial)
	default:
		m.newHeader = m.without(name)
	}
}

// without returns the block without the lines of a header, or nil if there is no
// block.
func (m *Message) without(name string) []byte {
	old := m.block()
	if len(old) == 0 {
		return nil
	}
	first, _, _ := bytes.Cut(old, lineEnd)
	b := append(append(make([]byte, 0, len(old)+64), first...), lineEnd...)
	eachLine(old, func(line []byte, n, _ string) {
		if !strings.EqualFold(n, name) {
			b = append(append(b, line...), lineEnd...)
		}
	})
	return append(b, lineEnd...)
}

// mostReply is how many bytes a frame of replies may have.
const mostReply = 64 << 20

// mostChanged is how many bytes the message may have after a change.
func (m *Message) mostChanged() int {
	if m.MaxPayload > 0 {
		return min(m.MaxPayload, mostReply)
	}
	return mostReply
}

// SetPayload puts another payload in the place of the message's. It is the message's
// from then on, and not to be changed before the method has returned.
func (m *Message) SetPayload(b []byte) {
	if b == nil {
		b = []byte{}
	}
	m.newPayload = b
}

var lineEnd = []byte("\r\n")

// eachLine calls f for the lines of a block after the first.
func eachLine(block []byte, f func(line []byte, name, value string)) {
	_, rest, _ := bytes.Cut(block, lineEnd)
	for len(rest) > 0 {
		var line []byte
		if line, rest, _ = bytes.Cut(rest, lineEnd); len(line) == 0 {
			return
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		f(line, string(bytes.TrimSpace(name)), string(bytes.TrimSpace(value)))
	}
}
