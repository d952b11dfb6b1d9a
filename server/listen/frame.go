package listen

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The kinds of frames, RFC 6455 §5.2. Text is taken as binary is.
const (
	opContinue = 0x0
	opText     = 0x1
	opBinary   = 0x2
	opClose    = 0x8 // from here on: control frames
	opPing     = 0x9
	opPong     = 0xa
)

// Bits of the first byte of a frame, and of the second.
const (
	fin        = 0x80
	compressed = 0x40 // RFC 7692 §6
	reserved   = 0x30
	masked     = 0x80
)

const (
	maxControl = 125 // bytes in a control frame, or any whose length fits into one byte
	length16   = 126 // two bytes of length follow
	length64   = 127 // eight bytes of length follow
	maxHeader  = 14  // bytes in a header: two, a length of eight, a mask of four
)

// appendFrame appends a frame that is not masked. first is its kind with its
// bits.
func appendFrame(b []byte, first byte, payload []byte) []byte {
	b = append(b, first)
	switch n := len(payload); {
	case n <= maxControl:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, length16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, length64), uint64(n))
	}
	return append(b, payload...)
}

// piece is what [frames.next] found.
type piece uint8

const (
	pieceNone     piece = iota // more bytes are needed
	pieceData                  // of a message that is not compressed, or was announced as one that is
	pieceDeflated              // a compressed message begins
	pieceControl               // a control frame, whole
)

// frames takes the frames of a client apart, which may be cut anywhere. It
// holds no payload but that of a control frame.
type frames struct {
	deflate bool // messages may be compressed; immutable

	head [maxHeader]byte // a header that is not whole
	have int             // bytes of it

	// The frame at hand.
	within bool
	first  byte // as it came
	left   uint64
	key    [4]byte // what comes next is masked with key[0]

	open    bool // a message has begun and not ended
	ended   bool // the piece of data was the last one of its message
	control [maxControl]byte
	got     int // bytes of control
}

// op is the kind of the frame at hand.
func (f *frames) op() byte { return f.first & 0xf }

// next takes one piece off b. Data is returned as it lies in b, masked; what
// control frames hold is not.
func (f *frames) next(b []byte) (p piece, payload, rest []byte, err error) {
	if !f.within {
		n, err := f.begin(b)
		b = b[n:]
		if err != nil || !f.within {
			return pieceNone, nil, b, err
		}
		if f.first&compressed != 0 {
			return pieceDeflated, nil, b, nil
		}
	}
	n := int(min(f.left, uint64(len(b))))
	payload, rest = b[:n], b[n:]
	f.left -= uint64(n)
	f.within = f.left > 0
	if f.op() >= opClose {
		f.unmask(f.control[f.got:], payload)
		if f.got += n; f.within {
			return pieceNone, nil, rest, nil
		}
		return pieceControl, f.control[:f.got], rest, nil
	}
	f.ended = f.first&fin != 0 && !f.within
	f.open = !f.ended
	return pieceData, payload, rest, nil
}

// begin takes a header off b, or as much of it as there is.
func (f *frames) begin(b []byte) (used int, err error) {
	for f.have < 2 || f.have < headerSize(f.head[1]) {
		if used == len(b) {
			return used, nil
		}
		f.head[f.have] = b[used]
		f.have++
		used++
		if f.have == 2 {
			if err := f.check(f.head[0], f.head[1]); err != nil {
				return used, err
			}
		}
	}
	h := f.head[:f.have]
	f.have = 0
	f.first, f.got, f.within = h[0], 0, true
	copy(f.key[:], h[len(h)-4:])
	switch f.left = uint64(h[1] &^ masked); f.left {
	case length16:
		f.left = uint64(binary.BigEndian.Uint16(h[2:]))
	case length64:
		f.left = binary.BigEndian.Uint64(h[2:])
	}
	if f.left>>63 != 0 {
		return used, errors.New("frame has a length above 2^63")
	}
	return used, nil
}

// headerSize is the length of a masked header with the second byte b.
func headerSize(b byte) int {
	switch b &^ masked {
	case length16:
		return 2 + 2 + 4
	case length64:
		return 2 + 8 + 4
	}
	return 2 + 4
}

// check says what is wrong with a header by its first two bytes.
func (f *frames) check(first, second byte) error {
	switch {
	case second&masked == 0:
		return errors.New("frame is not masked")
	case first&reserved != 0:
		return errors.New("frame has reserved bits set")
	case first&compressed != 0 && !f.deflate:
		return errors.New("frame is compressed, which was not agreed on")
	}
	switch op := first & 0xf; op {
	case opText, opBinary:
		if f.open {
			return errors.New("message begins before the last one has ended")
		}
	case opContinue:
		if !f.open || first&compressed != 0 {
			return errors.New("continuation does not continue a message")
		}
	case opClose, opPing, opPong:
		if first&compressed != 0 || first&fin == 0 || second&^masked > maxControl {
			return fmt.Errorf("control frame is compressed, in fragments or longer than %d bytes", maxControl)
		}
	default:
		return fmt.Errorf("frame is of the unknown kind %d", op)
	}
	return nil
}

// unmask writes src, which is what comes next in the frame at hand, to dst in
// clear. dst may overlap src if it begins no later.
func (f *frames) unmask(dst, src []byte) {
	n := len(src)
	dst = dst[:n]
	k := uint64(binary.LittleEndian.Uint32(f.key[:]))
	k |= k << 32
	for len(src) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^k)
		dst, src = dst[8:], src[8:]
	}
	for i, b := range src {
		dst[i] = b ^ f.key[i&3]
	}
	key := f.key
	for i := range f.key {
		f.key[i] = key[(i+n)&3]
	}
}
