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
)

// What stands in the holes while a template is made: no INFO says so.
const (
	markID      = 1<<64 - 1
	markIP      = "\x00ip"
	markAccount = "\x00account"
)

// NewTemplate returns a template of i. Its ClientID and ClientIP are left open,
// and its RemoteAccount if it has one.
func NewTemplate(i Info) *Template {
	i.ClientID, i.ClientIP = markID, markIP
	if i.RemoteAccount != "" {
		i.RemoteAccount = markAccount
	}
	rest := AppendInfo(nil, &i)
	t := new(Template)
	// With its key each mark is unique: in a value the quotes are escaped.
	for _, h := range []struct {
		key, mark string
		hole      hole
	}{
		{`"client_id":`, strconv.FormatUint(markID, 10), holeID},
		{``, `,"client_ip":"\u0000ip"`, holeIP}, // left out where there is no address
		{`"remote_account":"`, `\u0000account`, holeAccount},
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

// Append appends the INFO line for one connection. ip may be empty.
func (t *Template) Append(dst []byte, id uint64, ip, account string) []byte {
	for i, h := range t.holes {
		dst = append(dst, t.pieces[i]...)
		switch h {
		case holeID:
			dst = strconv.AppendUint(dst, id, 10)
		case holeIP:
			if ip != "" {
				dst = append(dst, `,"client_ip":"`...)
				dst = append(dst, ip...) // an address: nothing to escape
				dst = append(dst, '"')
			}
		case holeAccount:
			dst = appendJSON(dst, account)
		}
	}
	return append(dst, t.pieces[len(t.holes)]...)
}

// appendJSON appends s as the inside of a JSON string.
func appendJSON(dst []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("wire: a string cannot be encoded: " + err.Error())
	}
	return append(dst, quoted[1:len(quoted)-1]...)
}
