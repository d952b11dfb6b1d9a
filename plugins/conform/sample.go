package conform

import (
	"fmt"
	"strings"

	"moonwire/hooks"
	hookv1 "moonwire/plugins/api/v1"
)

// global is the account of those who have none.
const global = "$G"

// clientFields are those that a plugin is told of a client.
const clientFields = hooks.FieldUser | hooks.FieldAccount | hooks.FieldClient | hooks.FieldName |
	hooks.FieldHost | hooks.FieldKind | hooks.FieldTags | hooks.FieldConnect

// header is a block of headers.
const header = "NATS/1.0\r\nConform: 1\r\n\r\n"

// literal returns a subject that a pattern matches, with a text in the place of
// wildcards.
func literal(pattern, text string) string {
	tokens := strings.Split(pattern, ".")
	for i, t := range tokens {
		if t == "*" || t == ">" {
			tokens[i] = text
		}
	}
	return strings.Join(tokens, ".")
}

// asked is a subject that a registration is for.
func asked(r *hooks.Registration, text string) string {
	switch {
	case r.Point == hooks.AtConnect:
		return ""
	case len(r.Subjects) > 0:
		return literal(r.Subjects[0], text)
	}
	return text
}

// client returns a connection that a registration is for.
func client(r *hooks.Registration, id uint64) *hooks.Client {
	c := &hooks.Client{ID: id, Name: "conform", Host: "127.0.0.1", Kind: "STANDARD", Lang: "go", Version: "1"}
	if r.Point == hooks.AtConnect {
		return c
	}
	c.User, c.Account = fmt.Sprintf("user%d", id), global
	if len(r.Accounts) > 0 {
		c.Account = r.Accounts[0]
	}
	return c
}

// call returns a question that a registration is for. Text stands for wildcards
// and in all other places where a client chooses the bytes.
func call(r *hooks.Registration, id uint64, text string) *hooks.Call {
	c := hooks.NewCall()
	c.Client, c.MaxPayload = client(r, id), 8<<20
	switch r.Point {
	case hooks.AtConnect:
		c.Connect = &hooks.ConnectInfo{User: "conform", Password: text}
		return c
	case hooks.AtSubscribe:
		c.Queue = []byte(text)
	default:
		c.Reply, c.Header = []byte(text), []byte(header)
		c.Size = len(c.Header)
	}
	c.Subject = []byte(asked(r, text))
	if r.Point == hooks.AtInspect {
		c.Payload = []byte(text)
		c.Size += len(text)
	}
	return c
}

// wantsClient reports whether a registration is told of clients.
func wantsClient(r *hooks.Registration) bool {
	return r.Fields.Set&clientFields != 0 || len(r.Fields.Tags) > 0
}

// record is what the plugin is told of a client that a registration is for.
func record(r *hooks.Registration, ref uint64) *hookv1.Client {
	c, f := client(r, ref), r.Fields.Set
	out := &hookv1.Client{Ref: ref}
	if f&hooks.FieldClient != 0 {
		out.Id = c.ID
	}
	for _, x := range [...]struct {
		field hooks.Field
		to    *string
		from  string
	}{
		{hooks.FieldUser, &out.User, c.User},
		{hooks.FieldAccount, &out.Account, c.Account},
		{hooks.FieldName, &out.Name, c.Name},
		{hooks.FieldHost, &out.Host, c.Host},
		{hooks.FieldKind, &out.Kind, c.Kind},
	} {
		if f&x.field != 0 {
			*x.to = x.from
		}
	}
	return out
}

// request is a question that a registration is for as the protocol has it, with
// the fields that it wants. Who asks, and for how long, is left to the caller.
func request(list []hooks.Registration, i int) *hookv1.Request {
	r := &list[i]
	q := &hookv1.Request{Registration: uint32(i), Point: numbers[r.Point]}
	f := r.Fields.Set
	if r.Point == hooks.AtConnect {
		q.Connect = &hookv1.Connect{}
		if f&hooks.FieldConnect != 0 {
			q.Connect.User = "conform"
		}
		if f&hooks.FieldSecrets != 0 {
			q.Connect.Password = "conform"
		}
		return q
	}
	if f&hooks.FieldSubject != 0 {
		q.Subject = []byte(asked(r, "conform"))
	}
	if f&hooks.FieldPayload != 0 && r.Point == hooks.AtInspect {
		q.Payload = []byte("conform")
	}
	if f&hooks.FieldSize != 0 && r.Point != hooks.AtSubscribe {
		q.Size = uint32(len(q.GetPayload()))
	}
	return q
}

var numbers = [hooks.Points]hookv1.Point{
	hooks.AtConnect:   hookv1.Point_POINT_CONNECT,
	hooks.AtRewrite:   hookv1.Point_POINT_REWRITE,
	hooks.AtPublish:   hookv1.Point_POINT_PUBLISH,
	hooks.AtSubscribe: hookv1.Point_POINT_SUBSCRIBE,
	hooks.AtInspect:   hookv1.Point_POINT_INSPECT,
	hooks.AtEvent:     hookv1.Point_POINT_EVENT,
}

// questions are the places of the registrations that are asked something: all but
// those at event.
func questions(list []hooks.Registration) (places []int) {
	for i := range list {
		if list[i].Point != hooks.AtEvent {
			places = append(places, i)
		}
	}
	return places
}
