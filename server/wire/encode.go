package wire

import (
	"bytes"
	"strconv"
)

// The answers without arguments.
const (
	OK   = "+OK\r\n"
	Ping = "PING\r\n"
	Pong = "PONG\r\n"
)

// AppendError appends the -ERR line of e; nothing when e has no text.
func AppendError(dst []byte, e *Error) []byte {
	if e.Text == "" {
		return dst
	}
	dst = append(dst, "-ERR '"...)
	dst = append(dst, e.Text...)
	return append(dst, "'\r\n"...)
}

// AppendPrefix appends "HMSG subject sid ", what stands before the tail of a
// message with headers. Without its first byte it is the prefix of a message
// that has none.
func AppendPrefix(dst, subject []byte, sid string) []byte {
	dst = append(dst, "HMSG "...)
	dst = append(dst, subject...)
	dst = append(dst, ' ')
	dst = append(dst, sid...)
	return append(dst, ' ')
}

// AppendTail appends the tail of a message, from its parts; reply and header may
// be empty.
func AppendTail(dst, reply, header, payload []byte) []byte {
	if len(reply) > 0 {
		dst = append(append(dst, reply...), ' ')
	}
	if len(header) > 0 {
		dst = append(strconv.AppendInt(dst, int64(len(header)), 10), ' ')
	}
	dst = append(strconv.AppendInt(dst, int64(len(header)+len(payload)), 10), "\r\n"...)
	return append(append(append(dst, header...), payload...), "\r\n"...)
}

// AppendStripped appends the tail of m without its header block, for a
// receiver that takes none (protocol.md §1.2).
func AppendStripped(dst []byte, m *Pub) []byte {
	return AppendTail(dst, m.Reply, nil, m.Body()[max(m.Header, 0):])
}

// The status lines that tell a requester that no answer comes. Client libraries
// go by the number.
const (
	// NoResponders: nobody took the request (protocol.md §1.9).
	NoResponders = "NATS/1.0 503"
	// Denied: a hook denies the request.
	Denied = "NATS/1.0 503 Permissions Violation"
)

// AppendStatus appends the message that tells a requester that no answer comes to
// its request on subject: a status line in the headers, and no payload, delivered
// on the reply subject to the requester's own subscription sid. It returns the size
// of the headers as well.
func AppendStatus(dst []byte, line string, reply []byte, sid string, subject []byte) (out []byte, size int) {
	const field, end = "\r\nNats-Subject: ", "\r\n\r\n"
	size = len(line) + len(field) + len(subject) + len(end)
	dst = AppendPrefix(dst, reply, sid)
	dst = strconv.AppendInt(dst, int64(size), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(size), 10)
	dst = append(dst, "\r\n"...)
	dst = append(append(dst, line...), field...)
	return append(append(dst, subject...), end+"\r\n"...), size
}

// NextFrame reads the MSG or HMSG at the head of b into m and returns how many
// bytes the frame takes. It understands what this package's encoders write;
// for anything else it returns 0.
func NextFrame(b []byte, m *Pub) int {
	eol := bytes.IndexByte(b, '\n') - 1 // a subject may hold a CR
	if eol < 0 || b[eol] != '\r' {
		return 0
	}
	header := b[0] == 'H'
	var at [6]int // where each argument begins
	n := 0
	for i := 0; i < eol && n < len(at); n++ {
		at[n] = i
		next := bytes.IndexByte(b[i:eol], ' ')
		if next < 0 {
			i = eol + 1
		} else {
			i += next + 1
		}
	}
	sizes := 1
	if header {
		sizes = 2
	}
	if n != 3+sizes && n != 4+sizes {
		return 0
	}
	m.Subject = b[at[1] : at[2]-1]
	m.Reply = nil
	if n == 4+sizes {
		m.Reply = b[at[3] : at[4]-1]
	}
	m.Header = NoHeader
	if header {
		m.Header = digits(b[at[n-2] : at[n-1]-1])
	}
	m.Size = digits(b[at[n-1]:eol])
	total := eol + 2 + m.Size + 2
	if m.Size < 0 || total > len(b) {
		return 0
	}
	m.Tail = b[at[3]:total]
	return total
}
