package listen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
	"unicode/utf8"
)

// Status codes of a Close frame, RFC 6455 §7.4.1.
const (
	statusNormal     = 1000
	statusProtocol   = 1002
	statusNoStatus   = 1005 // never sent
	statusInvalid    = 1007
	statusTooBig     = 1009
	statusTLS        = 1015 // never sent
	firstStatus      = 1000
	firstReserved    = 1016
	firstRegistered  = 3000
	firstNeverStatus = 5000
)

const (
	// maxFrame is how much of what is written goes into one frame, and
	// browserFrame how much when the peer is a browser: they take small frames
	// better.
	maxFrame     = 64 << 10
	browserFrame = 4 << 10
	// compressAbove is the size above which a frame is compressed.
	compressAbove = 64
	// maxInflated is how long a message may be that comes compressed. It is
	// handed on in pieces, so this bounds work, not memory.
	maxInflated = 64 << 20
	// lastWord is how long closing waits for the Close frame to leave.
	lastWord = 100 * time.Millisecond
)

// frameBuffers hold frames on their way out.
var frameBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, maxFrame+maxFrame/browserFrame*maxHeader)
	return &b
}}

// rawBuffers hold what was read where messages may be compressed.
var rawBuffers = sync.Pool{New: func() any { b := make([]byte, maxFrame); return &b }}

// WebSocketConn is a connection to a WebSocket client, RFC 6455: a stream of
// bytes as any other, in which the boundaries of messages are lost. Each Write
// is a binary message, or several if it is long. One goroutine reads at a time,
// and one writes; the rest may be called from any. A Write that failed was the
// last one, as part of a frame may have left.
//
// Pings are answered while reading. Reads, writes and deadlines are those of the
// connection below; a read deadline that passes inside a compressed message ends
// the connection. Read returns io.EOF when the client closes. An error that is
// no error of the connection below begins with "websocket:" and says what the
// client did wrong; the client was told.
type WebSocketConn struct {
	net.Conn // below; immutable

	most    int  // bytes of a frame; immutable
	deflate bool // immutable

	// Reading only.
	frames frames
	raw    []byte    // read and not taken apart yet, if messages may be compressed
	buf    *[]byte   // where raw lies; nil while there is none
	in     *inflater // not nil within a compressed message
	source source
	broken error // what every Read returns from now on

	right  sync.Mutex // to write to Conn; like its own lock, it is held meanwhile
	failed error      // of a write: half a frame may have left; guarded by right

	mu struct {
		sync.Mutex
		pong    []byte // frame to be written; only the last one counts
		goodbye []byte // frame to be written, and nothing behind it
		closing bool   // goodbye was set
		status  []byte // of the Close frame, and why
	}
}

func newWebSocketConn(nc net.Conn, deflate, browser bool) *WebSocketConn {
	c := &WebSocketConn{Conn: nc, most: maxFrame, deflate: deflate}
	if browser {
		c.most = browserFrame
	}
	c.frames.deflate = deflate
	c.source.c = c
	c.SetCloseStatus(statusNormal, "")
	return c
}

// Read implements net.Conn.
func (c *WebSocketConn) Read(p []byte) (n int, err error) {
	for n == 0 && c.broken == nil && len(p) > 0 {
		switch {
		case c.in != nil:
			n, c.broken = c.inflate(p)
		case !c.deflate:
			if n, err = c.Conn.Read(p); n == 0 {
				return 0, err
			}
			n, _, c.broken = c.take(p, p[:n])
		default:
			if err := c.fill(p); err != nil {
				return 0, err
			}
			var rest []byte
			now := c.raw[:min(len(p), len(c.raw))]
			n, rest, c.broken = c.take(p, now)
			c.used(len(now) - len(rest))
		}
	}
	if n > 0 {
		return n, nil // what broke comes next
	}
	return 0, c.broken
}

// take writes the data that lies in b to p, which is as long or longer and may
// begin where b does. It stops where a compressed message begins.
func (c *WebSocketConn) take(p, b []byte) (n int, rest []byte, err error) {
	for len(b) > 0 {
		var (
			found   piece
			payload []byte
		)
		found, payload, b, err = c.frames.next(b)
		switch {
		case err != nil:
			return n, nil, c.fail(statusProtocol, err.Error())
		case found == pieceData:
			c.frames.unmask(p[n:], payload)
			n += len(payload)
		case found == pieceDeflated:
			c.in = inflating(&c.source)
			return n, b, nil
		case found == pieceControl:
			if err := c.control(payload); err != nil {
				return n, nil, err
			}
		}
	}
	return n, nil, nil
}

// fill waits for input, if there is none, and puts it into raw. Until it comes
// p holds it, so that a connection that waits has no buffer.
func (c *WebSocketConn) fill(p []byte) error {
	if len(c.raw) > 0 {
		return nil
	}
	n, err := c.Conn.Read(p[:min(len(p), maxFrame)])
	if n == 0 {
		return err
	}
	c.buf = rawBuffers.Get().(*[]byte)
	c.raw = (*c.buf)[:copy(*c.buf, p[:n])]
	return nil
}

// used drops n bytes of raw.
func (c *WebSocketConn) used(n int) {
	if c.raw = c.raw[n:]; len(c.raw) == 0 && c.buf != nil {
		rawBuffers.Put(c.buf)
		c.buf, c.raw = nil, nil
	}
}

// inflate reads from a compressed message.
func (c *WebSocketConn) inflate(p []byte) (n int, err error) {
	n, err = c.in.r.Read(p)
	if err == io.EOF { // what a client adds behind its last block has no meaning
		_, err = io.Copy(io.Discard, c.in.in)
		if err == nil && c.source.err == nil {
			c.in.free()
			c.in = nil
			return n, nil
		}
	}
	switch c.in.total += n; {
	case c.source.err != nil:
		return n, c.source.err
	case err != nil:
		return n, c.fail(statusInvalid, "compressed message is damaged")
	case c.in.total > maxInflated:
		return n, c.fail(statusTooBig, fmt.Sprintf("compressed message is longer than %d bytes", maxInflated))
	}
	return n, nil
}

// source yields the compressed bytes of one message.
type source struct {
	c     *WebSocketConn
	err   error  // why the connection yields no more
	ended bool   // all has come from the client
	tail  string // what is left to add then
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (n int, err error) {
	for n == 0 && !s.ended && s.err == nil {
		n, s.err = s.c.compressed(p)
	}
	switch {
	case n > 0 || s.err != nil:
		return n, s.err
	case s.tail == "":
		s.ended = false // for the next message
		return 0, io.EOF
	}
	n = copy(p, s.tail)
	s.tail = s.tail[n:]
	return n, nil
}

// compressed reads from a compressed message as it is.
func (c *WebSocketConn) compressed(p []byte) (n int, err error) {
	if f := &c.frames; !f.within || f.left > 0 { // otherwise a frame without payload ends here
		if err := c.fill(p); err != nil {
			return 0, err
		}
	}
	now := c.raw[:min(len(p), len(c.raw))]
	found, payload, rest, err := c.frames.next(now)
	switch {
	case err != nil:
		err = c.fail(statusProtocol, err.Error())
	case found == pieceData:
		c.frames.unmask(p, payload)
		n = len(payload)
		if c.frames.ended {
			c.source.ended, c.source.tail = true, tail
		}
	case found == pieceControl:
		err = c.control(payload)
	}
	c.used(len(now) - len(rest))
	return n, err
}

// control heeds a control frame.
func (c *WebSocketConn) control(payload []byte) error {
	switch c.frames.op() {
	case opPing:
		c.say(opPong, payload)
	case opClose:
		if status, why := wrong(payload); status != 0 {
			return c.fail(status, why)
		}
		c.say(opClose, payload)
		return io.EOF
	}
	return nil
}

// wrong says what is wrong with a Close frame, and with which status it is
// answered.
func wrong(payload []byte) (status int, why string) {
	if len(payload) == 0 {
		return 0, ""
	}
	if len(payload) == 1 {
		return statusProtocol, "close frame has half a status"
	}
	switch s := int(binary.BigEndian.Uint16(payload)); {
	case s < firstStatus, s == 1004, s == statusNoStatus, s == 1006, s == statusTLS,
		s >= firstReserved && s < firstRegistered, s >= firstNeverStatus:
		return statusProtocol, fmt.Sprintf("close frame has the invalid status %d", s)
	}
	if !utf8.Valid(payload[2:]) {
		return statusInvalid, "close frame has a reason that is not UTF-8"
	}
	return 0, ""
}

// fail tells the client what it did wrong, and returns that.
func (c *WebSocketConn) fail(status int, why string) error {
	c.say(opClose, closePayload(status, why))
	return errors.New("websocket: " + why)
}

func closePayload(status int, why string) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(status))
	return append(b, why[:min(len(why), maxControl-len(b))]...)
}

// Write implements net.Conn. Frames and their headers leave in one piece. After
// the Close frame, the client's or ours, it returns net.ErrClosed.
func (c *WebSocketConn) Write(b []byte) (n int, err error) {
	c.right.Lock()
	defer c.speak()
	defer c.right.Unlock()
	buf := frameBuffers.Get().(*[]byte)
	defer frameBuffers.Put(buf)
	for n < len(b) {
		if c.closing() {
			return n, net.ErrClosed
		}
		out, took := (*buf)[:0], 0
		for took < len(b)-n && took+c.most <= maxFrame {
			next := b[n+took:]
			next = next[:min(len(next), c.most)]
			out = c.appendData(out, next)
			took += len(next)
		}
		if err := c.put(out); err != nil {
			return n, err
		}
		n += took
	}
	return n, nil
}

// put writes frames to the connection below. The caller has the right to.
func (c *WebSocketConn) put(b []byte) error {
	if c.failed == nil {
		_, c.failed = c.Conn.Write(b)
	}
	return c.failed
}

// appendData appends b as a message of one frame, compressed if that is agreed
// on and makes it shorter.
func (c *WebSocketConn) appendData(out, b []byte) []byte {
	if c.deflate && len(b) > compressAbove {
		d := deflaters.Get().(*deflater)
		defer deflaters.Put(d)
		if short := d.deflate(b); len(short) < len(b) {
			return appendFrame(out, fin|compressed|opBinary, short)
		}
	}
	return appendFrame(out, fin|opBinary, b)
}

func (c *WebSocketConn) closing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.closing
}

// say sends a control frame: now, or when who writes has finished.
func (c *WebSocketConn) say(op byte, payload []byte) {
	c.mu.Lock()
	if !c.mu.closing {
		if op == opClose {
			c.mu.goodbye = appendFrame(nil, fin|op, payload)
			c.mu.closing = true
		} else {
			c.mu.pong = appendFrame(c.mu.pong[:0], fin|op, payload)
		}
	}
	c.mu.Unlock()
	c.speak()
}

// speak writes the control frames that are to be written, unless somebody
// writes already, who will do it.
func (c *WebSocketConn) speak() {
	for c.unsaid() && c.right.TryLock() {
		c.mu.Lock()
		b := append(c.mu.pong, c.mu.goodbye...)
		c.mu.pong, c.mu.goodbye = nil, nil
		c.mu.Unlock()
		_ = c.put(b) // if it fails so does what comes next
		c.right.Unlock()
	}
}

func (c *WebSocketConn) unsaid() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.mu.pong)+len(c.mu.goodbye) > 0
}

// SetCloseStatus sets what CloseWrite and Close tell the client: a status of RFC
// 6455 §7.4.1, such as 1001 when the server goes away, 1002 for an error of
// protocol, 1008 for a refusal, 1009 for a message that is too big, 1011 for a
// fault here, and a text of which 123 bytes are sent. Without it that is 1000.
func (c *WebSocketConn) SetCloseStatus(status int, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.status = closePayload(status, text)
}

// CloseWrite sends the Close frame, unless there was one. The client answers
// with its own, which Read returns as io.EOF.
func (c *WebSocketConn) CloseWrite() error {
	c.mu.Lock()
	status := c.mu.status
	c.mu.Unlock()
	c.say(opClose, status)
	return nil
}

// Close implements net.Conn. It sends the Close frame, unless there was one or
// a Write is under way, and waits for up to 100 ms until that has left.
func (c *WebSocketConn) Close() error {
	if !c.closing() {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(lastWord))
		_ = c.CloseWrite()
	}
	return c.Conn.Close()
}
