package plugins

import (
	"errors"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"moonwire/hooks"
	"moonwire/plugins/api"
	"moonwire/plugins/api/frame"
	hookv1 "moonwire/plugins/api/v1"
)

// reply is a Reply of which only the parts that are seldom there are left to the
// generated code.
type reply struct {
	verdict         hookv1.Verdict
	reason, failure []byte
	identity        []byte
	subject         []byte
	message         []byte // nil: there is none
	noCache         bool
	ttl             uint32
}

// replyID returns the id of an encoded Reply.
func replyID(b []byte) (id uint64) {
	if len(b) > 0 && b[0] == byte(frame.ReplyID)<<3 { // where everybody writes it
		id, _ = protowire.ConsumeVarint(b[1:])
		return id
	}
	for r := frame.Read(b); r.Next(); {
		if r.Number == frame.ReplyID {
			id = r.Value
		}
	}
	return id
}

// read reads an encoded Reply, whose parts it keeps.
func (m *reply) read(b []byte) error {
	r := frame.Read(b)
	for r.Next() {
		var to *[]byte
		switch r.Number {
		case frame.ReplyID:
			continue
		case frame.ReplyVerdict:
			m.verdict = hookv1.Verdict(r.Value)
		case frame.ReplyNoCache:
			m.noCache = r.Value != 0
		case frame.ReplyTTL:
			m.ttl = uint32(r.Value)
		case frame.ReplyReason:
			to = &m.reason
		case frame.ReplyError:
			to = &m.failure
		case frame.ReplyIdentity:
			to = &m.identity
		case frame.ReplySubject:
			to = &m.subject
		case frame.ReplyMessage:
			to = &m.message
		default:
			continue
		}
		if (to != nil) != (r.Type == protowire.BytesType) {
			return fmt.Errorf("field %d of the reply is not of its type", r.Number)
		}
		if to != nil {
			*to = r.Bytes
		}
	}
	if err := r.Err(); err != nil {
		return fmt.Errorf("the reply is no message: %w", err)
	}
	return nil
}

// answer gives a call the plugin's reply.
func answer(c *hooks.Call, p hooks.Point, data []byte) {
	var r reply
	err := r.read(data)
	if err == nil && len(r.failure) > 0 {
		c.Err = &hooks.Error{Kind: hooks.KindRuntime, Err: errors.New("the plugin says: " + brief(api.Valid(string(r.failure))))}
		return
	}
	var out hooks.Result
	if err == nil {
		out, err = r.result(p)
	}
	if err != nil {
		c.Err = &hooks.Error{Kind: hooks.KindBadReply, Err: err}
		return
	}
	c.Out = out
}

// result is a reply as the chain wants it. What the point does not take is left
// to the chain; what would be lost on the way is refused here.
func (m *reply) result(p hooks.Point) (out hooks.Result, err error) {
	out.NoCache, out.TTL = m.noCache, time.Duration(m.ttl)*time.Millisecond
	if len(m.reason) > 0 {
		out.Reason = brief(api.Valid(string(m.reason)))
	}
	switch m.verdict {
	case hookv1.Verdict_VERDICT_PASS:
	case hookv1.Verdict_VERDICT_ALLOW:
		out.Verdict = hooks.Allow
		if m.identity != nil {
			out.Identity, err = identity(m.identity)
		}
	case hookv1.Verdict_VERDICT_DENY:
		out.Verdict = hooks.Deny
	case hookv1.Verdict_VERDICT_DROP:
		out.Verdict = hooks.Drop
	case hookv1.Verdict_VERDICT_REPLACE:
		out.Verdict = hooks.Replace
		switch {
		case p == hooks.AtRewrite:
			out.Subject = m.subject
		case p != hooks.AtInspect: // the chain refuses it
		case m.message == nil:
			return out, errors.New("a replace has no message")
		default:
			out.Header, out.Payload, err = message(m.message)
		}
	default:
		return out, fmt.Errorf("%d is no verdict", m.verdict)
	}
	if out.Verdict != hooks.Allow && m.identity != nil {
		return out, fmt.Errorf("an identity comes with %v, not with allow", out.Verdict)
	}
	return out, err
}

// message reads an encoded Message. What is not in it is nil.
func message(b []byte) (header, payload []byte, err error) {
	r := frame.Read(b)
	for r.Next() {
		switch {
		case r.Type != protowire.BytesType:
		case r.Number == frame.MessageHeader:
			header = r.Bytes
		case r.Number == frame.MessagePayload:
			payload = r.Bytes
		}
	}
	return header, payload, r.Err()
}

func identity(data []byte) (*hooks.Identity, error) {
	id := new(hookv1.Identity)
	if err := proto.Unmarshal(data, id); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	out := &hooks.Identity{
		User: id.GetUser(), Account: id.GetAccount(), Tags: id.GetTags(),
		Permissions: permissions(id.GetPermissions()),
		Limits: hooks.Limits{
			MaxSubscriptions: int(id.GetLimits().GetSubscriptions()),
			MaxPayload:       int(id.GetLimits().GetPayload()),
		},
	}
	switch e := id.GetExpires(); {
	case e < 0:
		return nil, fmt.Errorf("identity: expires is %d: want seconds since 1970", e)
	case e > 0:
		out.Expires = time.Unix(e, 0)
	}
	return out, nil
}

func permissions(p *hookv1.Permissions) *hooks.Permissions {
	if p == nil {
		return nil
	}
	out := &hooks.Permissions{
		Publish:   hooks.Rules{Allow: p.GetPublish().GetAllow(), Deny: p.GetPublish().GetDeny()},
		Subscribe: hooks.Rules{Allow: p.GetSubscribe().GetAllow(), Deny: p.GetSubscribe().GetDeny()},
	}
	if r := p.GetResponses(); r != nil {
		ms := min(max(r.GetExpiresMs(), -1), math.MaxInt64/int64(time.Millisecond))
		out.Responses = &hooks.Responses{Max: int(r.GetMax()), Expires: time.Duration(ms) * time.Millisecond}
	}
	return out
}

// registrations are what a plugin wants to be asked, as the chain wants it.
func registrations(list []*hookv1.Registration) ([]hooks.Registration, error) {
	if len(list) == 0 {
		return nil, errors.New("the plugin registers nothing")
	}
	var errs []error
	out := make([]hooks.Registration, len(list))
	for i, r := range list {
		var err error
		if out[i], err = registration(r); err != nil {
			errs = append(errs, fmt.Errorf("registration %d: %w", i, err))
		}
	}
	return out, errors.Join(errs...)
}

func registration(r *hookv1.Registration) (out hooks.Registration, err error) {
	p, ok := map[hookv1.Point]hooks.Point{
		hookv1.Point_POINT_CONNECT: hooks.AtConnect, hookv1.Point_POINT_REWRITE: hooks.AtRewrite,
		hookv1.Point_POINT_PUBLISH: hooks.AtPublish, hookv1.Point_POINT_SUBSCRIBE: hooks.AtSubscribe,
		hookv1.Point_POINT_INSPECT: hooks.AtInspect, hookv1.Point_POINT_EVENT: hooks.AtEvent,
	}[r.GetPoint()]
	if !ok {
		return out, fmt.Errorf("%d is no point", r.GetPoint())
	}
	out = hooks.Registration{
		Point: p, Accounts: r.GetAccounts(), MaxPayload: int(min(r.GetMaxPayload(), math.MaxInt32)), Events: r.GetEvents(),
	}
	for _, s := range r.GetSubjects() {
		out.Subjects = append(out.Subjects, string(s))
	}
	if out.Fields, err = fields(r.GetFields(), r.GetTags(), r.GetHeaders()); err != nil {
		return out, fmt.Errorf("fields: %w", err)
	}
	if len(r.GetFields())+len(r.GetTags())+len(r.GetHeaders()) == 0 {
		// Secrets have to be asked for by name.
		out.Fields.Set = everything
	}
	if c := r.GetCache(); c != nil {
		out.Cache = &hooks.CachePolicy{
			TTL: time.Duration(c.GetTtlMs()) * time.Millisecond, NegativeTTL: time.Duration(c.GetNegativeTtlMs()) * time.Millisecond,
		}
		if out.Cache.By, err = fields(c.GetBy(), c.GetTags(), c.GetHeaders()); err != nil {
			return out, fmt.Errorf("cache: %w", err)
		}
	}
	return out, nil
}

// everything is what a plugin gets that names no fields.
const everything = hooks.FieldUser | hooks.FieldAccount | hooks.FieldClient | hooks.FieldName | hooks.FieldHost |
	hooks.FieldKind | hooks.FieldSubject | hooks.FieldReply | hooks.FieldQueue | hooks.FieldOriginalSubject |
	hooks.FieldSize | hooks.FieldTags | hooks.FieldHeaders | hooks.FieldPayload | hooks.FieldConnect

var fieldOf = map[hookv1.Field]hooks.Field{
	hookv1.Field_FIELD_USER: hooks.FieldUser, hookv1.Field_FIELD_ACCOUNT: hooks.FieldAccount,
	hookv1.Field_FIELD_CLIENT: hooks.FieldClient, hookv1.Field_FIELD_NAME: hooks.FieldName,
	hookv1.Field_FIELD_HOST: hooks.FieldHost, hookv1.Field_FIELD_KIND: hooks.FieldKind,
	hookv1.Field_FIELD_SUBJECT: hooks.FieldSubject, hookv1.Field_FIELD_REPLY: hooks.FieldReply,
	hookv1.Field_FIELD_QUEUE: hooks.FieldQueue, hookv1.Field_FIELD_ORIGINAL_SUBJECT: hooks.FieldOriginalSubject,
	hookv1.Field_FIELD_SIZE: hooks.FieldSize, hookv1.Field_FIELD_TAGS: hooks.FieldTags,
	hookv1.Field_FIELD_HEADERS: hooks.FieldHeaders, hookv1.Field_FIELD_PAYLOAD: hooks.FieldPayload,
	hookv1.Field_FIELD_CONNECT: hooks.FieldConnect, hookv1.Field_FIELD_SECRETS: hooks.FieldSecrets,
}

// wants returns whether a set has a field of the protocol.
func wants(set hooks.Field) func(hookv1.Field) bool {
	return func(f hookv1.Field) bool { return set&fieldOf[f] != 0 }
}

func fields(set []hookv1.Field, tags, headers []string) (f hooks.Fields, err error) {
	for _, v := range set {
		one, ok := fieldOf[v]
		if !ok {
			return f, fmt.Errorf("%d is no field", v)
		}
		f.Set |= one
	}
	f.Tags, f.Headers = tags, headers
	return f, nil
}

// brief returns a text of the plugin as far as a log line bears it.
func brief(s string) string {
	const most = 512
	if len(s) > most {
		s = api.Valid(s[:most]) + "…"
	}
	return s
}
