package frame

import "google.golang.org/protobuf/encoding/protowire"

// The numbers of fields in hook.proto; tests at both ends hold them to it.
const (
	BatchClients, BatchRequests, BatchGone protowire.Number = 1, 2, 3

	RequestID, RequestRegistration, RequestPoint, RequestClient protowire.Number = 1, 2, 3, 4
	RequestSubject, RequestOriginal, RequestReply, RequestQueue protowire.Number = 5, 6, 7, 8
	RequestHeader, RequestPayload, RequestSize                  protowire.Number = 9, 10, 11
	RequestTimeout, RequestMaxPayload, RequestConnect           protowire.Number = 12, 13, 14

	RepliesReplies, RepliesCommands protowire.Number = 1, 2

	ReplyID, ReplyVerdict, ReplyReason, ReplyIdentity, ReplySubject protowire.Number = 1, 2, 3, 4, 5
	ReplyMessage, ReplyNoCache, ReplyTTL, ReplyError                protowire.Number = 6, 7, 8, 9

	MessageHeader, MessagePayload protowire.Number = 1, 2
)

// AppendBytes appends a field of bytes, a string or a message, also when it is
// empty.
func AppendBytes(b []byte, n protowire.Number, v []byte) []byte {
	return append(protowire.AppendVarint(protowire.AppendTag(b, n, protowire.BytesType), uint64(len(v))), v...)
}

// AppendString appends a string, unless it is empty.
func AppendString(b []byte, n protowire.Number, v string) []byte {
	if v == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
}

// AppendNumber appends a number, unless it is 0.
func AppendNumber(b []byte, n protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

// sizeBytes is how many bytes the size of a nested message takes here: always as
// many, so that it can be written when the message is. That is valid, if longer
// than it has to be.
const sizeBytes = 5

// Begin appends the start of a nested message, which goes on until [End] is
// called with the length of b as it is returned.
func Begin(b []byte, n protowire.Number) []byte {
	b = protowire.AppendTag(b, n, protowire.BytesType)
	return append(b, make([]byte, sizeBytes)...)
}

// End ends the nested message that starts at a place of b.
func End(b []byte, start int) []byte {
	n := uint64(len(b) - start)
	at := start - sizeBytes
	for i := range sizeBytes - 1 {
		b[at+i] = byte(n>>(7*i)) | 0x80
	}
	b[at+sizeBytes-1] = byte(n>>(7*(sizeBytes-1))) & 0x7f
	return b
}

// Reader reads the fields of a message: numbers and bytes. What is neither is no
// field of this protocol, and is passed over.
type Reader struct {
	Number protowire.Number
	Type   protowire.Type
	Value  uint64 // of a VarintType
	Bytes  []byte // of a BytesType; a part of what is read

	rest []byte
	err  error
}

// Read returns a reader of the fields in b.
func Read(b []byte) Reader { return Reader{rest: b} }

// Next reads the next field, and reports false at the end or at an error.
func (r *Reader) Next() bool {
	for len(r.rest) > 0 {
		var n int
		if tag := r.rest[0]; tag < 0x80 && tag >= 1<<3 { // most are of one byte
			r.Number, r.Type, n = protowire.Number(tag>>3), protowire.Type(tag&7), 1
		} else if r.Number, r.Type, n = protowire.ConsumeTag(r.rest); n < 0 {
			return r.fail(n)
		}
		r.rest = r.rest[n:]
		r.Value, r.Bytes = 0, nil
		switch r.Type {
		case protowire.VarintType:
			r.Value, n = protowire.ConsumeVarint(r.rest)
		case protowire.BytesType:
			r.Bytes, n = protowire.ConsumeBytes(r.rest)
			r.Bytes = r.Bytes[:len(r.Bytes):len(r.Bytes)]
		default:
			if n = protowire.ConsumeFieldValue(r.Number, r.Type, r.rest); n >= 0 {
				r.rest = r.rest[n:]
				continue // none that this protocol has
			}
		}
		if n < 0 {
			return r.fail(n)
		}
		r.rest = r.rest[n:]
		return true
	}
	return false
}

func (r *Reader) fail(n int) bool {
	r.err, r.rest = protowire.ParseError(n), nil
	return false
}

// Err returns why the message could not be read to its end.
func (r *Reader) Err() error { return r.err }
