package listen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"
	"pgregory.net/rapid"
)

// appendMasked appends a frame as a client sends it.
func appendMasked(b []byte, first byte, key [4]byte, payload []byte) []byte {
	start := len(b)
	b = appendFrame(b, first, nil)[:start+1]
	switch n := len(payload); {
	case n <= 125:
		b = append(b, masked|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, masked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|127), uint64(n))
	}
	b = append(b, key[:]...)
	for i, c := range payload {
		b = append(b, c^key[i%4])
	}
	return b
}

// decode takes stream apart as RFC 6455 says, simply: all at once.
func decode(stream []byte, deflate bool) (data []byte, controls []string, ok bool) {
	var message []byte
	open, packed := false, false
	defer func() {
		if open && packed { // the beginning of what it will be
			plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(message)))
			data = append(data, plain...)
			ok = ok && (err == nil || err == io.ErrUnexpectedEOF)
		}
	}()
	for len(stream) >= 2 {
		first, second := stream[0], stream[1]
		size, at := uint64(second&127), 2
		switch {
		case size == 126:
			at = 4
		case size == 127:
			at = 10
		}
		if at <= len(stream) && at == 4 {
			size = uint64(binary.BigEndian.Uint16(stream[2:]))
		} else if at <= len(stream) && at == 10 {
			size = binary.BigEndian.Uint64(stream[2:])
		}
		op := first & 15
		isControl := op >= 8
		switch {
		case first&0x30 != 0, second&0x80 == 0, size > 1<<63-1, op > 2 && op < 8, op > 10,
			first&0x40 != 0 && (!deflate || op == 0 || isControl),
			isControl && (first&0x80 == 0 || second&127 > 125),
			op == 0 && !open, !isControl && op != 0 && open:
			return data, controls, false
		}
		if len(stream) < at+4 {
			break
		}
		key := stream[at : at+4]
		whole := uint64(len(stream)-at-4) >= size
		payload := bytes.Clone(stream[at+4:])
		if whole {
			payload = payload[:size]
		}
		for i := range payload {
			payload[i] ^= key[i%4]
		}
		if isControl && !whole {
			break
		}
		stream = stream[at+4+len(payload):]
		if isControl {
			controls = append(controls, string(rune('0'+op))+string(payload))
			continue
		}
		if op != 0 {
			packed, message = first&0x40 != 0, nil
		}
		open = first&0x80 == 0 || !whole
		if !packed {
			data = append(data, payload...)
			continue
		}
		if message = append(message, payload...); !open {
			plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(append(message, tail...))))
			if data = append(data, plain...); err != nil {
				return data, controls, false
			}
		}
	}
	return data, controls, true
}

// scripted is a connection that yields a stream in pieces and keeps what is
// written.
type scripted struct {
	net.Conn
	stream []byte
	piece  func() int
	said   bytes.Buffer
}

func (s *scripted) Read(p []byte) (int, error) {
	if len(s.stream) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), max(1, s.piece()))], s.stream)
	s.stream = s.stream[n:]
	return n, nil
}

func (s *scripted) Write(b []byte) (int, error)      { return s.said.Write(b) }
func (s *scripted) Close() error                     { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }

// run reads all of a stream, through reads of some sizes.
func run(stream []byte, deflate bool, piece, room func() int) (data, said []byte, err error) {
	s := &scripted{stream: bytes.Clone(stream), piece: piece}
	c := newWebSocketConn(s, deflate, false)
	buf := make([]byte, 1<<17)
	for {
		n, err := c.Read(buf[:min(max(1, room()), len(buf))])
		data = append(data, buf[:n]...)
		if err != nil {
			return data, s.said.Bytes(), err
		}
	}
}

// FuzzFrames: whatever a client sends is taken as the simple decoder takes it,
// however it is cut.
func FuzzFrames(f *testing.F) {
	key := [4]byte{1, 2, 3, 4}
	d := deflaters.New().(*deflater)
	text := []byte(strings.Repeat("PUB foo 5\r\nhello\r\n", 20))
	packed := bytes.Clone(d.deflate(text))
	for _, stream := range [][]byte{
		appendMasked(nil, fin|opBinary, key, []byte("PING\r\n")),
		appendMasked(nil, fin|opText, key, text),
		appendMasked(appendMasked(appendMasked(nil, opBinary, key, text[:3]), fin|opPing, key, []byte("x")), fin|opContinue, key, text[3:]),
		appendMasked(nil, fin|compressed|opBinary, key, packed),
		appendMasked(appendMasked(nil, compressed|opBinary, key, packed[:9]), fin|opContinue, key, packed[9:]),
		appendMasked(appendMasked(nil, compressed|opBinary, key, nil), fin|opContinue, key, nil),
		appendMasked(nil, fin|opClose, key, []byte{3, 232}),
		appendMasked(nil, fin|opBinary, key, make([]byte, 70000)),
		{fin | opBinary, masked | 127, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0},
		{fin | opBinary, 3, 'a', 'b', 'c'},
	} {
		f.Add(stream, true, uint8(1), uint8(200))
		f.Add(stream, false, uint8(7), uint8(3))
		f.Add(stream, true, uint8(255), uint8(16))
	}
	f.Fuzz(func(t *testing.T, stream []byte, deflate bool, piece, room uint8) {
		want, controls, ok := decode(stream, deflate)
		for _, c := range controls {
			ok = ok && c[0] != '0'+opClose // nothing counts behind it
		}
		data, _, err := run(stream, deflate,
			func() int { return int(piece) * int(piece) }, func() int { return int(room) * int(room) })
		if !bytes.HasPrefix(want, data) {
			t.Fatalf("read %q, want a beginning of %q", data, want)
		}
		if !ok {
			return // how much of it was read before depends on the cut
		}
		if err != io.EOF {
			t.Fatalf("got %v", err)
		}
		if _, _, plain := decode(stream, false); plain && len(data) != len(want) {
			t.Fatalf("read %d bytes, want %d", len(data), len(want))
		}
	})
}

// TestFrames: messages of any size, in fragments, with control frames between
// them and compressed or not, come out as they went in.
func TestFrames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		deflate := rapid.Bool().Draw(t, "deflate")
		d := deflaters.Get().(*deflater)
		defer deflaters.Put(d)
		var stream, want []byte
		pings := 0
		for range rapid.IntRange(0, 8).Draw(t, "messages") {
			text := bytes.Repeat([]byte("some text "), rapid.SampledFrom([]int{0, 1, 12, 13, 300, 6553, 6554}).Draw(t, "size"))
			want = append(want, text...)
			first := byte(rapid.SampledFrom([]int{opText, opBinary}).Draw(t, "kind"))
			if deflate && rapid.Bool().Draw(t, "compressed") {
				text, first = bytes.Clone(d.deflate(text)), first|compressed
			}
			for {
				n := rapid.IntRange(0, len(text)).Draw(t, "fragment")
				last := rapid.Bool().Draw(t, "last")
				if last {
					n, first = len(text), first|fin
				}
				key := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "key"))
				stream = appendMasked(stream, first, key, text[:n])
				if rapid.Bool().Draw(t, "ping") {
					pings++
					stream = appendMasked(stream, fin|opPing, key, []byte("p"))
				}
				if text, first = text[n:], opContinue; last {
					break
				}
			}
		}
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{1, 5, 100, 4096, 1 << 20}), 10, 10)
		pieces, rooms, i := sizes.Draw(t, "pieces"), sizes.Draw(t, "rooms"), 0
		data, said, err := run(stream, deflate,
			func() int { i++; return pieces[i%len(pieces)] }, func() int { return rooms[i%len(rooms)] })
		if err != io.EOF || !bytes.Equal(data, want) {
			t.Fatalf("got %d bytes and %v, want %d", len(data), err, len(want))
		}
		if pongs := bytes.Repeat([]byte{fin | opPong, 1, 'p'}, pings); !bytes.Equal(said, pongs) {
			t.Fatalf("answered %q, want %q", said, pongs)
		}
	})
}

// TestFramesBad: what a client must not send ends the connection; it is told
// why.
func TestFramesBad(t *testing.T) {
	t.Parallel()
	key := [4]byte{9, 8, 7, 6}
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	for name, c := range map[string]struct {
		stream []byte
		status int
		want   string
	}{
		"no mask":                  {[]byte{fin | opBinary, 0}, statusProtocol, "not masked"},
		"reserved bit":             {[]byte{fin | 0x20 | opBinary, masked}, statusProtocol, "reserved"},
		"compressed":               {[]byte{fin | compressed | opBinary, masked}, statusProtocol, "not agreed on"},
		"kind":                     {[]byte{fin | 3, masked}, statusProtocol, "kind 3"},
		"control kind":             {[]byte{fin | 11, masked}, statusProtocol, "kind 11"},
		"length":                   {[]byte{fin | opBinary, masked | 127, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, statusProtocol, "2^63"},
		"continuation":             {[]byte{fin | opContinue, masked}, statusProtocol, "does not continue"},
		"second beginning":         {appendMasked([]byte{opBinary, masked, 0, 0, 0, 0}, opBinary, key, nil), statusProtocol, "begins before"},
		"second, after a fragment": {appendMasked(appendMasked(nil, opText, key, nil), fin|opText, key, nil), statusProtocol, "begins before"},
		"long ping":                {appendMasked(nil, fin|opPing, key, make([]byte, 126)), statusProtocol, "control frame"},
		"ping in fragments":        {appendMasked(nil, opPing, key, nil), statusProtocol, "control frame"},
		"half a status":            {appendMasked(nil, fin|opClose, key, []byte{3}), statusProtocol, "half a status"},
		"invalid status":           {appendMasked(nil, fin|opClose, key, []byte{3, 237}), statusProtocol, "1005"},
		"reserved status":          {appendMasked(nil, fin|opClose, key, []byte{3, 248}), statusProtocol, "1016"},
		"reason":                   {appendMasked(nil, fin|opClose, key, []byte{3, 232, 255}), statusInvalid, "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := appendMasked(nil, fin|opBinary, key, []byte("good"))
			data, said, err := run(append(good, c.stream...), false, func() int { return 1000 }, func() int { return 100 })
			if string(data) != "good" {
				t.Errorf("read %q before", data)
			}
			if err == nil || !strings.HasPrefix(err.Error(), "websocket: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			closed(t, said, c.status, c.want)
		})
	}
	for name, c := range map[string]struct {
		message []byte
		status  int
		want    string
	}{
		"damaged": {[]byte{0xff, 0xff, 0xff}, statusInvalid, "damaged"},
		"cut":     {[]byte{0, 9, 0}, statusInvalid, "damaged"},
		"bomb":    {bytes.Clone(d.deflate(make([]byte, maxInflated+1))), statusTooBig, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &scripted{stream: appendMasked(nil, fin|compressed|opBinary, key, c.message), piece: func() int { return 1 << 16 }}
			conn := newWebSocketConn(s, true, false)
			p, read, err := make([]byte, 1<<16), 0, error(nil)
			for n := 0; err == nil; read += n {
				n, err = conn.Read(p)
			}
			if read > maxInflated+len(p) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("read %d bytes and got %v, want %q", read, err, c.want)
			}
			closed(t, s.said.Bytes(), c.status, c.want)
			if _, again := conn.Read(p); !errors.Is(again, err) {
				t.Errorf("then got %v, want the same", again)
			}
		})
	}
}

// closed checks that said is one Close frame.
func closed(t *testing.T, said []byte, status int, why string) {
	t.Helper()
	if len(said) < 4 || said[0] != fin|opClose || int(said[1]) != len(said)-2 {
		t.Fatalf("answered %q, want one Close frame", said)
	}
	if got := int(binary.BigEndian.Uint16(said[2:])); got != status || !strings.Contains(string(said[4:]), why) {
		t.Errorf("closed with %d %q, want %d %q", got, said[4:], status, why)
	}
}

// TestFramesLastBlock: a message may say of one of its blocks that it is the
// last; what comes behind is not read into the next message. RFC 7692 §7.2.3.4.
func TestFramesLastBlock(t *testing.T) {
	t.Parallel()
	hello := []byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}
	var stream []byte
	for range 2 {
		stream = appendMasked(stream, fin|compressed|opText, [4]byte{}, hello)
	}
	data, _, err := run(stream, true, func() int { return 3 }, func() int { return 100 })
	if string(data) != "HelloHello" || err != io.EOF {
		t.Errorf("read %q, %v", data, err)
	}
}

// TestWaitingIsFree: a connection that waits between messages holds no buffer.
func TestWaitingIsFree(t *testing.T) {
	t.Parallel()
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	s := &scripted{piece: func() int { return 1 << 20 }}
	c := newWebSocketConn(s, true, false)
	s.stream = appendMasked(nil, fin|compressed|opBinary, [4]byte{1}, bytes.Clone(d.deflate([]byte("hello"))))
	p := make([]byte, 100)
	for range 2 { // the end of the message is seen at its end
		if _, err := c.Read(p); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
	if c.buf != nil || c.in != nil || len(c.raw) > 0 {
		t.Errorf("it holds %v %v %q", c.buf != nil, c.in != nil, c.raw)
	}
}

func BenchmarkUnmask(b *testing.B) {
	b.ReportAllocs()
	f := frames{key: [4]byte{1, 2, 3, 4}}
	buf := make([]byte, 64<<10)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		f.unmask(buf, buf[14:])
	}
}
