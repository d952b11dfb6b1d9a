package builtin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"moonwire/hooks"
	"moonwire/server/subject"
)

// StampOptions are those of a [Stamp]. The zero value is ready.
type StampOptions struct {
	// Fields are what is written, in this order but for times, which are last:
	// user, account, client (the ID of the connection, unique for the life of a
	// broker), name (what the client calls itself, which is no proof of anything),
	// host (its address without the port), kind (the way it came: STANDARD,
	// WEBSOCKET, IN_PROCESS), time (when the broker looked at the batch of messages
	// that it came in, RFC 3339 in UTC with nine digits of a second) and unix_nano
	// (the same in nanoseconds since 1970). Default all but unix_nano.
	Fields []string
	// Headers are names of headers by field, where they are not to be the default:
	// Moonwire-User, Moonwire-Account, Moonwire-Client, Moonwire-Name,
	// Moonwire-Host, Moonwire-Kind, Moonwire-Time and Moonwire-Unix-Nano. At most
	// 64 bytes; none may begin with Nats-. The name of a field that is not written
	// counts as well: clients cannot send it.
	Headers map[string]string
	// Subjects are patterns of the messages that are stamped. Default all.
	Subjects []string
	// Clock tells the time. Default time.Now.
	Clock func() time.Time
}

// Stamp writes into the headers of messages what the broker knows of their sender,
// at inspect. Values are written behind the first line, and all other headers stay
// as they are, in order and bytes, and so does a status in the first line.
//
// What makes it worth trust: headers under the names of all eight fields, in any
// case, are taken from what clients send, also where nothing is put in their place:
// the user of somebody anonymous, or a field that is not among Fields. A block of
// headers that readers might read in different ways is denied, with a reason for
// the log: without NATS/1.0, with names that are not of printable ASCII, with
// control characters other than tabs in values, lines without a colon or with a
// blank in front, or with bytes behind the empty line.
//
// In values, what is not printable, blanks at the ends and the percent sign are
// written as in a URL: %0D for a carriage return. So a value cannot end its line,
// and no two senders look the same. A name longer than 256 bytes is cut.
//
// A message that is larger than MaxPayload with its stamps is a failure of kind
// oversize. On_error decides then: "allow" and "skip" let such messages through as
// the client wrote them, with whatever its headers claim. Leave it at drop, or
// deny.
//
// The messages of a client without support for headers are stamped as well, and a
// receiver without it gets the payload alone.
type Stamp struct {
	fields   []int       // that are written and of the client; by their place in stampFields
	times    []int       // that are written and of the moment
	names    []string    // of the headers of all fields, by their place
	subjects []string    // nil for all
	read     hooks.Field // what the stamps are made of
	key      *stampKey   // by which clients hold their lines
	clock    func() time.Time
}

// stampKey is the key of a client's lines, the same for all engines of one hook. It
// has a size, as pointers to values without one may be equal.
type stampKey struct{ _ byte }

// stamped is what a client holds.
type stamped struct {
	by    *Stamp
	lines []byte // immutable
}

// stampField is one thing that the broker knows.
type stampField struct {
	name, header string
	read         hooks.Field
	of           func(c *hooks.Client) string // nil for times
	nanos        bool                         // of times: a number, not a text
}

// mostLabel is how many bytes of the name of a client are written: it is of the
// client's own making, and all its receivers get it with each message.
const mostLabel = 256

// stampTime is RFC 3339 with all nine digits, so that texts sort as times do.
const stampTime = "2006-01-02T15:04:05.000000000Z07:00"

// stampFields are all fields.
var stampFields = []stampField{
	{name: "user", header: "Moonwire-User", read: hooks.FieldUser, of: func(c *hooks.Client) string { return c.User }},
	{name: "account", header: "Moonwire-Account", read: hooks.FieldAccount, of: func(c *hooks.Client) string { return c.Account }},
	{name: "client", header: "Moonwire-Client", read: hooks.FieldClient, of: func(c *hooks.Client) string { return strconv.FormatUint(c.ID, 10) }},
	{name: "name", header: "Moonwire-Name", read: hooks.FieldName, of: func(c *hooks.Client) string { return cut(c.Name, mostLabel) }},
	{name: "host", header: "Moonwire-Host", read: hooks.FieldHost, of: func(c *hooks.Client) string { return c.Host }},
	{name: "kind", header: "Moonwire-Kind", read: hooks.FieldKind, of: func(c *hooks.Client) string { return c.Kind }},
	{name: "time", header: "Moonwire-Time", read: hooks.FieldOther},
	{name: "unix_nano", header: "Moonwire-Unix-Nano", read: hooks.FieldOther, nanos: true},
}

// defaultFields are what is written when nobody says so.
var defaultFields = []string{"user", "account", "client", "name", "host", "kind", "time"}

func stampFieldNames() (names []string) {
	for _, f := range stampFields {
		names = append(names, f.name)
	}
	return names
}

// NewStamp returns a stamp. Old is the engine that it replaces, or nil. The error
// holds all that is wrong with the options.
func NewStamp(o StampOptions, old hooks.Engine) (*Stamp, error) {
	return newStamp(o, old, &problems{hook: stampName})
}

func newStamp(o StampOptions, old hooks.Engine, p *problems) (*Stamp, error) {
	s := &Stamp{subjects: slices.Clone(o.Subjects), key: new(stampKey), read: hooks.FieldHeaders | hooks.FieldSize, clock: o.Clock}
	if before, ok := old.(*Stamp); ok && before != nil {
		s.key = before.key
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.nameAll(o.Headers, p)
	if len(o.Fields) == 0 {
		o.Fields = defaultFields
	}
	s.choose(o.Fields, p)
	checkSubjects(o.Subjects, "subjects", p)
	if err := p.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// nameAll gives all fields the names of their headers.
func (s *Stamp) nameAll(headers map[string]string, p *problems) {
	all := stampFieldNames()
	for _, f := range stampFields {
		s.names = append(s.names, f.header)
	}
	for _, field := range sortedKeys(headers) {
		i := slices.Index(all, field)
		if i < 0 {
			p.add("headers."+field, "%s", unknown("field", field, all))
			continue
		}
		s.names[i] = headers[field]
		if why := checkName(headers[field]); why != "" {
			p.add("headers."+field, "%s", why)
		}
	}
	for i, name := range s.names {
		for j := range i {
			if strings.EqualFold(name, s.names[j]) {
				p.add("headers."+all[i], "%q is the header of %s already", name, all[j])
			}
		}
	}
}

// choose sets which fields are written.
func (s *Stamp) choose(fields []string, p *problems) {
	all := stampFieldNames()
	for n, field := range fields {
		i := slices.Index(all, field)
		switch {
		case i < 0:
			p.add("fields", "%s", unknown("field", field, all))
			continue
		case slices.Contains(fields[:n], field):
			p.add("fields", "%q is there twice", field)
			continue
		}
		s.read |= stampFields[i].read
		if stampFields[i].of != nil {
			s.fields = append(s.fields, i)
		} else {
			s.times = append(s.times, i)
		}
	}
}

// Registrations asks for messages at inspect.
func (s *Stamp) Registrations() []hooks.Registration {
	return []hooks.Registration{{Point: hooks.AtInspect, Subjects: s.subjects, Fields: hooks.Fields{Set: s.read}}}
}

// Do stamps the messages of a batch.
func (s *Stamp) Do(_ context.Context, _ int, calls []*hooks.Call) error {
	var moment [256]byte
	var room [1 << 10]byte
	times := s.appendTimes(moment[:0])
	block := room[:0]
	for _, c := range calls {
		block = s.stamp(c, block[:0], s.lines(c.Client), times)
	}
	return nil
}

// stamp gives one message its stamps. It makes the new block in dst, and returns
// that for its memory.
func (s *Stamp) stamp(c *hooks.Call, dst, lines, times []byte) []byte {
	status, others := []byte(version+crlf), []byte(crlf)
	if len(c.Header) > 0 {
		var why string
		if status, others, why = cutStatus(c.Header); why != "" {
			deny(c, why)
			return dst
		}
	}
	dst = append(dst, status...)
	dst = append(dst, lines...)
	dst = append(dst, times...)
	added := len(lines) + len(times)
	dst, why := appendOthers(dst, others, s.names)
	switch {
	case why != "":
		deny(c, why)
	case added == 0 && (len(c.Header) == 0 || len(dst) == len(c.Header)): // nothing to add, and nothing taken away
	case c.MaxPayload > 0 && len(dst)+len(c.Payload) > c.MaxPayload:
		c.Err = &hooks.Error{Kind: hooks.KindOversize, Err: fmt.Errorf(
			"the message has %d bytes, and %d with its stamps: the most is %d; raise max_payload, or let the stamp write fewer fields",
			c.Size, len(dst)+len(c.Payload), c.MaxPayload)}
	default:
		c.Out.Verdict, c.Out.Header = hooks.Replace, c.Copy(dst)
	}
	return dst
}

// deny denies a message whose headers cannot be trusted to read the same for all.
// That is no failure of the hook: clients could have the breaker open.
func deny(c *hooks.Call, why string) {
	c.Out.Verdict, c.Out.Reason = hooks.Deny, "the block of headers is malformed: "+why
}

// lines returns the lines that all messages of a client get.
func (s *Stamp) lines(c *hooks.Client) []byte {
	if held, ok := c.Extension(s.key).(*stamped); ok && held.by == s {
		return held.lines
	}
	held := &stamped{by: s}
	for _, i := range s.fields {
		if v := stampFields[i].of(c); v != "" {
			held.lines = appendLine(held.lines, s.names[i], v)
		}
	}
	c.Extend(s.key, held)
	return held.lines
}

// appendTimes appends the lines that all messages of a batch get.
func (s *Stamp) appendTimes(dst []byte) []byte {
	if len(s.times) == 0 {
		return dst
	}
	now := s.clock().UTC()
	for _, i := range s.times {
		dst = append(dst, s.names[i]...)
		dst = append(dst, ": "...)
		if stampFields[i].nanos {
			dst = strconv.AppendInt(dst, now.UnixNano(), 10)
		} else {
			dst = now.AppendFormat(dst, stampTime)
		}
		dst = append(dst, crlf...)
	}
	return dst
}

// Notify does nothing: no events are asked for.
func (s *Stamp) Notify(int, []hooks.Event) {}

// Close does nothing: what clients hold ends with them, or is overwritten.
func (s *Stamp) Close(context.Context) error { return nil }

// cut returns the first n bytes of a text, or fewer where a character would be torn.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// checkSubjects tells of patterns that are not valid.
func checkSubjects(patterns []string, key string, p *problems) {
	for _, s := range patterns {
		if !subject.ValidPattern(s) || strings.ContainsAny(s, " \t\r\n") {
			p.add(key, "%q is not a valid subject", s)
		}
	}
}
