package hooks

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// Field is a set of parts of a call.
type Field uint32

const (
	FieldUser Field = 1 << iota
	FieldAccount
	FieldClient // the ID
	FieldName
	FieldHost
	FieldKind
	FieldSubject
	FieldReply
	FieldQueue
	FieldOriginalSubject
	FieldSize
	FieldTags    // all of them
	FieldHeaders // all of them
	FieldPayload
	FieldConnect // what connects says of itself, but for secrets
	FieldSecrets // password, token, JWT and signature of a connect
	FieldOther   // what is not in the call: time, stored values, the network
	numFields    = iota
)

// cacheable are the fields that a decision may be kept by, besides single tags
// and headers.
const cacheable = FieldUser | FieldAccount | FieldClient | FieldName | FieldHost | FieldKind |
	FieldSubject | FieldReply | FieldQueue

var fieldNames = [numFields]string{
	"user", "account", "client", "name", "host", "kind", "subject", "reply", "queue",
	"original_subject", "size", "tags", "headers", "payload", "connect", "secrets", "other",
}

// String returns the names in the set, in order and with commas between them.
func (f Field) String() string {
	var names []string
	for ; f != 0; f &= f - 1 {
		if i := bits.TrailingZeros32(uint32(f)); i < numFields {
			names = append(names, fieldNames[i])
		}
	}
	return strings.Join(names, ",")
}

// Fields names parts of a call: those in Set, and single tags and headers.
type Fields struct {
	Set           Field
	Tags, Headers []string
}

// ParseFields reads names such as "user", "subject", "tags.role" and "header.X".
func ParseFields(names []string) (f Fields, err error) {
	for _, n := range names {
		if tag, ok := strings.CutPrefix(n, "tags."); ok && tag != "" {
			f.Tags = append(f.Tags, tag)
		} else if h, ok := strings.CutPrefix(n, "header."); ok && h != "" {
			f.Headers = append(f.Headers, h)
		} else if i := slices.Index(fieldNames[:], n); i >= 0 {
			f.Set |= 1 << i
		} else {
			return Fields{}, fmt.Errorf("field %q: want one of %q, tags.NAME or header.NAME", n, fieldNames)
		}
	}
	return f, nil
}

// Names returns the names of all that f has, as [ParseFields] reads them.
func (f Fields) Names() (names []string) {
	if f.Set != 0 {
		names = strings.Split(f.Set.String(), ",")
	}
	for _, t := range f.Tags {
		names = append(names, "tags."+t)
	}
	for _, h := range f.Headers {
		names = append(names, "header."+h)
	}
	return names
}

// empty reports whether f names nothing.
func (f Fields) empty() bool { return f.Set == 0 && len(f.Tags)+len(f.Headers) == 0 }

// beyond returns what of f is not within g.
func (f Fields) beyond(g Fields) Field {
	rest := f.Set &^ g.Set
	for _, t := range f.Tags {
		if !slices.Contains(g.Tags, t) {
			rest |= FieldTags
		}
	}
	for _, h := range f.Headers {
		if !containsFold(g.Headers, h) {
			rest |= FieldHeaders
		}
	}
	return rest
}

// CachePolicy lets answers of a hook at rewrite, publish or subscribe be kept.
type CachePolicy struct {
	// By is what the answer depends on, of user, account, client, name, host,
	// kind, subject, reply, queue, and single tags and headers. An answer for
	// which the hook looked at more is not kept.
	By Fields
	// TTL is how long an answer is kept, and NegativeTTL a Deny. Zero: not at
	// all.
	TTL, NegativeTTL time.Duration
}

// ttl is how long an answer is to be kept.
func (p *CachePolicy) ttl(r *Result) time.Duration {
	d := p.TTL
	if r.Verdict == Deny {
		d = p.NegativeTTL
	}
	if r.NoCache {
		return 0
	}
	if r.TTL > 0 {
		d = min(d, r.TTL)
	}
	return d
}
