package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// Template is an INFO line whose parts that differ from connection to
// connection are left open: every connection is greeted with one, and encoding
// JSON costs more than all the rest of a greeting. It is immutable.
type Template struct {
	pieces [][]byte // one more than holes
	holes  []hole
}

// hole is a value that Append fills in.
type hole uint8

const (
	holeID hole = iota
	holeIP
	holeAccount
	holeMaxPayload
	holeSystem
	holeNonce
)

// Own is what an INFO says of one connection.
type Own struct {
	ID         uint64
	IP         string // empty for a connection inside the process
	Nonce      string // empty for none; heeded where the template was made with one
	Account    string // heeded where the template has one
	System     bool   // Account is the system account
	MaxPayload int    // bytes
}

// What stands in the holes while a template is made: no INFO says so.
const (
	markID         = 1<<64 - 1
	markIP         = "\x00ip"
	markAccount    = "\x00account"
	markMaxPayload = 1<<63 - 1
	markNonce      = "\x00nonce"
)

// NewTemplate returns a template of i. Its ClientID, ClientIP and MaxPayload are
// left open, and its RemoteAccount with IsSystem, and its Nonce, if it has one.
func NewTemplate(i Info) *Template {
	i.ClientID, i.ClientIP, i.MaxPayload = markID, markIP, markMaxPayload
	if i.RemoteAccount != "" {
		i.RemoteAccount, i.IsSystem = markAccount, true
	}
	if i.Nonce != "" {
		i.Nonce = markNonce
	}
	rest := AppendInfo(nil, &i)
	t := new(Template)
	// With its key each mark is unique: in a value the quotes are escaped.
	for _, h := range []struct {
		key, mark string
		hole      hole
	}{
		{`"max_payload":`, strconv.FormatInt(markMaxPayload, 10), holeMaxPayload},
		{`"client_id":`, strconv.FormatUint(markID, 10), holeID},
		{``, `,"client_ip":"\u0000ip"`, holeIP}, // left out where there is no address
		{``, `,"nonce":"\u0000nonce"`, holeNonce},
		{`"remote_account":"`, `\u0000account`, holeAccount},
		{``, `,"acc_is_sys":true`, holeSystem},
	} {
		before, after, found := bytes.Cut(rest, []byte(h.key+h.mark))
		if !found {
			continue
		}
		t.pieces = append(t.pieces, slices.Concat(before, []byte(h.key)))
		t.holes = append(t.holes, h.hole)
		rest = after
	}
	t.pieces = append(t.pieces, rest)
	return t
}

// Append appends the INFO line for one connection.
func (t *Template) Append(dst []byte, o *Own) []byte {
	for i, h := range t.holes {
		dst = append(dst, t.pieces[i]...)
		switch h {
		case holeID:
			dst = strconv.AppendUint(dst, o.ID, 10)
		case holeMaxPayload:
			dst = strconv.AppendInt(dst, int64(o.MaxPayload), 10)
		case holeIP:
			dst = appendField(dst, `,"client_ip":"`, o.IP) // an address: nothing to escape
		case holeNonce:
			dst = appendField(dst, `,"nonce":"`, o.Nonce) // base64
		case holeAccount:
			dst = appendJSON(dst, o.Account)
		case holeSystem:
			if o.System {
				dst = append(dst, `,"acc_is_sys":true`...)
			}
		}
	}
	return append(dst, t.pieces[len(t.holes)]...)
}

// appendField appends a field, unless its value is empty.
func appendField(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	return append(append(append(dst, key...), value...), '"')
}

// appendJSON appends s as the inside of a JSON string.
func appendJSON(dst []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("wire: a string cannot be encoded: " + err.Error())
	}
	return append(dst, quoted[1:len(quoted)-1]...)
}
