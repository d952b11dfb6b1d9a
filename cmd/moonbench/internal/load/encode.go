//go:build linux

package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"moonwire/cmd/moonbench/internal/scenario"
)

// The head of each payload. What follows is filler.
const (
	numberBytes    = 8
	publisherBytes = 4
	stampBytes     = numberBytes + publisherBytes
)

// subjectDigits is the width of the number of a subject: all of a publisher's
// messages have one length, so that they can be changed in place.
const subjectDigits = 7

// tokenBytes is the width of the part of a reply subject that is different in
// each request.
const tokenBytes = 8

// stamp is what a payload says about its message.
type stamp struct {
	number    uint64 // of the message within its stream
	publisher uint32
}

func readStamp(payload []byte) stamp {
	_ = payload[stampBytes-1]
	return stamp{binary.LittleEndian.Uint64(payload), binary.LittleEndian.Uint32(payload[numberBytes:])}
}

func appendPayload(b []byte, s stamp, size int) []byte {
	b = binary.LittleEndian.AppendUint64(b, s.number)
	b = binary.LittleEndian.AppendUint32(b, s.publisher)
	return append(b, filler(size-stampBytes)...)
}

// filler is the part of a payload that is the same in every message.
func filler(n int) []byte {
	const text = "the quick brown fox jumps over the lazy dog. "
	return bytes.Repeat([]byte(text), n/len(text)+1)[:n]
}

// headerBlock is a NATS header of exactly n bytes, or nil for 0.
func headerBlock(n int) []byte {
	if n == 0 {
		return nil
	}
	const head, tail = "NATS/1.0\r\nBench-Pad: ", "\r\n\r\n"
	b := append(make([]byte, 0, n), head...)
	b = append(b, bytes.Repeat([]byte{'x'}, n-len(head)-len(tail))...)
	return append(b, tail...)
}

// subject names the n-th subject of a publisher. With one subject there is no
// number.
func subject(base string, n, of int) string {
	if of <= 1 {
		return base
	}
	return fmt.Sprintf("%s.%0*d", base, subjectDigits, n)
}

// block is a run of publishes, encoded once and changed in place: numbers for
// each use, subjects and reply tokens only where they vary.
type block struct {
	buf       []byte
	count     int // messages
	size      int // bytes of each message
	stampAt   int // offset of the payload in a message
	subjectAt int // offset of the subject's number
	subjects  int // 0 if each message keeps its subject
	tokenAt   int // offset of the reply token; 0 if there is none
	tail      int // bytes behind the last message: a PING
}

// blockSpec says what a block holds.
type blockSpec struct {
	publisher uint32
	base      string // subject, or what stands before its number
	subjects  int
	inbox     string // what stands before the reply token; "" without reply
	header    int
	payload   int
	count     int
	ping      bool // end with a PING
}

func newBlock(sp blockSpec) *block {
	b := &block{count: sp.count}
	if sp.subjects > 1 && sp.count%sp.subjects != 0 {
		b.subjects = sp.subjects
	}
	head := headerBlock(sp.header)
	for i := range sp.count {
		start := len(b.buf)
		verb := "PUB "
		if head != nil {
			verb = "HPUB "
		}
		b.buf = append(b.buf, verb...)
		b.subjectAt = len(verb) + len(sp.base) + 1
		n := 0
		if sp.subjects > 0 {
			n = i % sp.subjects
		}
		b.buf = append(b.buf, subject(sp.base, n, sp.subjects)...)
		b.buf = append(b.buf, ' ')
		if sp.inbox != "" {
			b.buf = append(b.buf, sp.inbox...)
			b.tokenAt = len(b.buf) - start
			b.buf = append(b.buf, "00000000 "...)
		}
		if head != nil {
			b.buf = strconv.AppendInt(b.buf, int64(len(head)), 10)
			b.buf = append(b.buf, ' ')
		}
		b.buf = strconv.AppendInt(b.buf, int64(len(head)+sp.payload), 10)
		b.buf = append(b.buf, "\r\n"...)
		b.buf = append(b.buf, head...)
		b.stampAt = len(b.buf) - start
		b.buf = appendPayload(b.buf, stamp{publisher: sp.publisher}, sp.payload)
		b.buf = append(b.buf, "\r\n"...)
		b.size = len(b.buf) - start
	}
	if sp.ping {
		b.buf = append(b.buf, pingLine...)
		b.tail = len(pingLine)
	}
	return b
}

// fill stamps n messages from number first on and returns their bytes, valid
// until the next fill. They must not cross a multiple of count.
func (b *block) fill(first uint64, n int) []byte {
	at := int(first % uint64(b.count))
	msgs := b.buf[at*b.size : (at+n)*b.size]
	for i := range n {
		m := msgs[i*b.size:]
		number := first + uint64(i)
		binary.LittleEndian.PutUint64(m[b.stampAt:], number)
		if b.subjects > 0 {
			putDecimal(m[b.subjectAt:b.subjectAt+subjectDigits], number%uint64(b.subjects))
		}
		if b.tokenAt > 0 {
			putToken(m[b.tokenAt:b.tokenAt+tokenBytes], number)
		}
	}
	if at+n == b.count {
		return b.buf[at*b.size : (at+n)*b.size+b.tail]
	}
	return msgs
}

func putDecimal(dst []byte, v uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + v%10)
		v /= 10
	}
}

// putToken writes a token that no other number below 2^48 has. It scatters the
// numbers, as clients use random tokens.
func putToken(dst []byte, number uint64) {
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
	v := number * 0x9e3779b97f4b // odd: a bijection on 48 bits
	for i := range dst {
		dst[i] = alphabet[v&63]
		v >>= 6
	}
}

// messageSize is how many bytes a publish of the scenario takes on the wire.
func messageSize(s *scenario.Scenario) int {
	inbox := ""
	if s.Kind == scenario.Request {
		inbox = inboxOf(0)
	}
	b := newBlock(blockSpec{base: baseSubject(s, 0), subjects: s.Subjects, inbox: inbox, header: s.Header, payload: s.Payload, count: 1})
	return b.size
}

// baseSubject is the subject of publisher n, or what stands before its number.
func baseSubject(s *scenario.Scenario, n int) string {
	switch {
	case s.Kind == scenario.Request:
		return "bench.service"
	case s.Fan == scenario.Broadcast, s.Fan == scenario.Queue:
		return "bench.all"
	}
	return fmt.Sprintf("bench.%02d", n)
}

// inboxOf is what stands before the token in the reply subjects of requester n.
func inboxOf(n int) string { return fmt.Sprintf("_INBOX.moonbench%04d.", n) }
