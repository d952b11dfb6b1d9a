package account

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"moonwire/server/interest"
)

// Info is who sent a request, as the service is told in the header
// Nats-Request-Info. The fields and their order are nats-server's.
type Info struct {
	Start      *time.Time    `json:"start,omitempty"` // of the connection
	Host       string        `json:"host,omitempty"`
	ID         uint64        `json:"id,omitempty"`
	Account    string        `json:"acc,omitempty"`
	Service    string        `json:"svc,omitempty"` // the account that the request came through, if not directly
	User       string        `json:"user,omitempty"`
	Name       string        `json:"name,omitempty"`
	Lang       string        `json:"lang,omitempty"`
	Version    string        `json:"ver,omitempty"`
	RTT        time.Duration `json:"rtt,omitempty"` // nanoseconds
	Server     string        `json:"server,omitempty"`
	Cluster    string        `json:"cluster,omitempty"`
	JWT        string        `json:"jwt,omitempty"`
	IssuerKey  string        `json:"issuer_key,omitempty"`
	NameTag    string        `json:"name_tag,omitempty"`
	Tags       []string      `json:"tags,omitempty"`
	Kind       string        `json:"kind,omitempty"`        // Client …
	ClientType string        `json:"client_type,omitempty"` // nats …
}

// Requester is a publisher that can say who it is. The [interest.Sink] of a
// target may be one; of others a service hears the account alone. Both methods
// are called while the requester publishes, with no lock held.
type Requester interface {
	// RTT is the round trip time of the connection; 0 if it is not known yet.
	RTT() time.Duration
	// Info is all that a service may be told. Account and Service are filled
	// in by the account.
	Info() Info
}

// infoKey is the header that tells a service who asks.
const infoKey = "Nats-Request-Info"

// info appends what the service is told, as JSON, of a request with a header
// block head.
func (s *service) info(dst []byte, b interest.Batch, t *terms, head []byte) []byte {
	who, _ := b.Publisher().Sink.(Requester)
	if !b.Relayed() && !t.share && !s.to.IsSystem {
		return s.brief(dst, who)
	}
	var i Info
	known := b.Relayed() && json.Unmarshal(field(head, infoKey), &i) == nil
	switch {
	case who == nil:
	case !known && t.share:
		i = who.Info()
	case t.share || s.to.IsSystem:
		all := who.Info()
		i.Server, i.Cluster = all.Server, all.Cluster
	}
	if known {
		i.Service = s.of.Name
	} else {
		i.Account = s.of.Name
		if who != nil {
			i.RTT = who.RTT()
		}
	}
	text, err := json.Marshal(i)
	if err != nil { // a time out of range
		return s.brief(dst, who)
	}
	return append(dst, text...)
}

// brief appends what a service is told that nothing is shared with.
func (s *service) brief(dst []byte, who Requester) []byte {
	dst = append(append(dst, `{"acc":`...), s.name...)
	if who != nil {
		if rtt := who.RTT(); rtt > 0 {
			dst = strconv.AppendInt(append(dst, `,"rtt":`...), int64(rtt), 10)
		}
	}
	return append(dst, '}')
}

const (
	firstLine = "NATS/1.0"
	crlf      = "\r\n"
)

// appendHead appends the header block head with info in place of what it says of
// the requester itself. A block that is none becomes one.
func appendHead(dst, head, info []byte) []byte {
	lines, ok := bytes.CutSuffix(head, []byte(crlf+crlf))
	first, rest, _ := bytes.Cut(lines, []byte(crlf))
	if !ok {
		first, rest = nil, nil
	}
	if len(first) == 0 {
		first = []byte(firstLine)
	}
	dst = append(append(dst, first...), crlf...)
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte(crlf))
		if !is(line, infoKey) {
			dst = append(append(dst, line...), crlf...)
		}
	}
	dst = append(append(dst, infoKey+": "...), info...)
	return append(dst, crlf+crlf...)
}

// is reports whether a header line has a key.
func is(line []byte, key string) bool {
	return len(line) > len(key) && line[len(key)] == ':' && strings.EqualFold(string(line[:len(key)]), key)
}

// field returns the first value of a key in a header block, or nil.
func field(head []byte, key string) []byte {
	for len(head) > 0 {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte(crlf))
		if is(line, key) {
			return bytes.TrimSpace(line[len(key)+1:])
		}
	}
	return nil
}

// RequestInfo returns who sent a request, which has a header block head, and
// whether that says so. Whoever is in the account itself may say what he likes.
func RequestInfo(head []byte) (who Info, ok bool) {
	ok = json.Unmarshal(field(head, infoKey), &who) == nil
	return who, ok
}
