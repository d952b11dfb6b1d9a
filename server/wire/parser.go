package wire

import (
	"encoding/binary"
	"math/bits"
)

// Op is one operation of the client protocol.
type Op uint8

// The operations that [Parser.Next] reports.
const (
	OpNone    Op = iota // incomplete: more bytes are needed
	OpPub               // PUB or HPUB, in Parser.Pub
	OpSub               // in Parser.Sub
	OpUnsub             // in Parser.Unsub
	OpPing              //
	OpPong              //
	OpConnect           // JSON in Parser.Arg
	OpInfo              // JSON in Parser.Arg
	OpOK                // ignored
	OpErr               // text in Parser.Arg
)

// NoHeader is the Header of a message that came with PUB.
const NoHeader = -1

// Pub is a PUB or HPUB. Its slices alias the parsed buffer or the parser's
// arena: valid until the buffer changes or [Parser.Reset].
type Pub struct {
	Subject []byte
	Reply   []byte // nil when there is none
	// Tail is what follows the sid in the MSG or HMSG of this message:
	// "[reply ][hdr ]size CRLF payload CRLF".
	Tail   []byte
	Header int // bytes of the header block; NoHeader for PUB
	Size   int // bytes of header block and payload
}

// Body returns header block and payload, without the final CRLF.
func (p *Pub) Body() []byte {
	end := len(p.Tail) - 2
	return p.Tail[end-p.Size : end]
}

// Sub is a SUB; Queue is nil for a plain subscription.
type Sub struct {
	Subject, Queue, Sid []byte
}

// Unsub is an UNSUB. Max is 0 for "remove now", which is also the meaning of
// a max that is no number (protocol.md §1.7).
type Unsub struct {
	Sid []byte
	Max int
}

// Parser cuts a stream into operations. It holds no input between calls: the
// caller presents the unconsumed bytes again, with more behind them. The zero
// value refuses everything; set the limits first. Not safe for concurrent use.
type Parser struct {
	MaxControlLine int  // bytes of the arguments of one operation
	MaxPayload     int  // bytes of header block and payload
	Headers        bool // HPUB is allowed

	// The operation that Next reported last.
	Pub   Pub
	Sub   Sub
	Unsub Unsub
	Arg   []byte

	// Need is set when Next returns OpNone: how many bytes the operation at
	// the head of the buffer takes in all, or 0 while that is not known.
	Need int
	// Head is set when Next returns OpNone or an error and the control line
	// of a PUB or HPUB was complete: Pub.Subject and Pub.Reply are valid,
	// the payload is still to come (or broken).
	Head bool

	// Ignoring is the operation whose line is being dropped up to its end,
	// OpNone for none. With the unconsumed input it is all that a stream
	// leaves behind in a parser: another one may go on with both.
	Ignoring Op

	arena []byte // normalised tails since Reset
}

// arenaKeep is the largest arena that survives a Reset.
const arenaKeep = 64 << 10

// Reset gives up the memory behind the tails of unusual messages. The caller
// resets when nothing that Next handed out is in use any more.
func (p *Parser) Reset() {
	if cap(p.arena) > arenaKeep {
		p.arena = nil
	}
	p.arena = p.arena[:0]
}

// The first four bytes of the plain spellings, as a little-endian word.
const (
	wordPub  = uint32('P') | uint32('U')<<8 | uint32('B')<<16 | uint32(' ')<<24
	wordHPub = uint32('H') | uint32('P')<<8 | uint32('U')<<16 | uint32('B')<<24
)

// Next reports the operation at the head of b and how many bytes it takes.
// OpNone means that b holds no complete operation yet (see Need and Head); the
// bytes it takes, if any, need not be presented again. An error is final: the connection's input can no longer be understood.
func (p *Parser) Next(b []byte) (Op, int, *Error) {
	p.Need, p.Head = 0, false
	if p.Ignoring != OpNone {
		return p.ignore(b)
	}
	if len(b) > 5 {
		switch binary.LittleEndian.Uint32(b) {
		case wordPub:
			if n := p.plainPub(b, 4, false); n > 0 {
				return OpPub, n, nil
			}
		case wordHPub:
			if b[4] == ' ' && p.Headers {
				if n := p.plainPub(b, 5, true); n > 0 {
					return OpPub, n, nil
				}
			}
		}
	}
	return p.careful(b)
}

// plainPub parses a complete message that is written the usual way: one blank
// between arguments, CRLF behind them, within all limits. It returns 0 for
// whatever is not so; careful then finds out why.
func (p *Parser) plainPub(b []byte, start int, header bool) int {
	blank := indexBlank(b[start:])
	if blank <= 0 || b[start+blank] != ' ' {
		return 0
	}
	subject := b[start : start+blank]
	tail := start + blank + 1
	var reply []byte
	n, at := number(b, tail)
	if at == tail || at >= len(b) || b[at] != '\r' && (!header || b[at] != ' ') {
		// No number, or not one alone: a reply.
		blank = indexBlank(b[at:])
		if at += blank; blank < 0 || at == tail || b[at] != ' ' {
			return 0
		}
		reply = b[tail:at]
		first := at + 1
		if n, at = number(b, first); at == first {
			return 0
		}
	}
	hdr, size := NoHeader, n
	if header {
		if at >= len(b) || b[at] != ' ' {
			return 0
		}
		first := at + 1
		hdr = n
		if size, at = number(b, first); at == first || hdr <= 0 || hdr > size {
			return 0
		}
	}
	total := at + 2 + size + 2
	if total > len(b) || b[at] != '\r' || b[at+1] != '\n' || b[total-2] != '\r' || b[total-1] != '\n' ||
		at-start > p.MaxControlLine || size > p.MaxPayload {
		return 0
	}
	m := &p.Pub
	m.Subject = subject
	m.Reply = reply
	m.Tail = b[tail:total]
	m.Header = hdr
	m.Size = size
	return total
}

// number reads the decimal number of at most nine digits that begins at i, and
// returns it with the position behind it; i itself if there is no such number.
func number(b []byte, i int) (n, end int) {
	end = i
	for end < len(b) {
		d := b[end] - '0'
		if d > 9 {
			break
		}
		n = n*10 + int(d)
		if end++; end-i > 9 {
			return 0, i
		}
	}
	return n, end
}

// indexBlank returns the position of the first byte of b that is a blank or a
// control character (at most 0x20), or -1.
func indexBlank(b []byte) int {
	const (
		low  = 0x2121212121212121
		high = 0x8080808080808080
	)
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if hit := (x - low) & ^x & high; hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for ; i < len(b); i++ {
		if b[i] <= ' ' {
			return i
		}
	}
	return -1
}
