//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
)

const (
	crlf     = "\r\n"
	pingLine = "PING\r\n"
	pongLine = "PONG\r\n"

	maxLine = 32 << 10 // of a control line; INFO is the longest
	maxBody = 64 << 20
)

// delivery is one message as a handler sees it. It is valid until the handler
// returns.
type delivery struct {
	body   []byte // header block and payload
	header int    // bytes of header block
	reply  []byte // reply subject, empty if there is none
}

// payload is the body without the header block.
func (d *delivery) payload() []byte { return d.body[d.header:] }

// handler is a connection's role as far as it receives.
type handler interface {
	message(c *conn, d *delivery) error
	pong(c *conn) error
	info(c *conn) error
}

// lineCache holds the control line of the last message: as a rule the next one
// has the same, and one comparison replaces the parsing.
type lineCache struct {
	line []byte // with its CRLF; empty if there is none
	body int    // bytes of header block and payload
	d    delivery
}

// consume hands all complete messages in b to the connection's handler and
// returns what is left: the beginning of an incomplete one.
func (c *conn) consume(b []byte) ([]byte, error) {
	k := &c.cache
	for len(b) > 0 && !c.closed {
		n := len(k.line)
		if n == 0 || len(b) < n || !bytes.Equal(b[:n], k.line) {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				if len(b) > maxLine {
					return b, fmt.Errorf("the server sent a line of more than %d B", maxLine)
				}
				return b, nil
			}
			if c.isMessage(b) {
				if err := k.set(b[:i+1]); err != nil {
					return b, err
				}
				continue
			}
			if err := c.control(b[:i+1]); err != nil {
				return b, err
			}
			b = b[i+1:]
			continue
		}
		end := n + k.body
		if len(b) < end+2 {
			return b, nil
		}
		if b[end] != '\r' || b[end+1] != '\n' {
			return b, errors.New("the server sent a payload without CRLF behind it")
		}
		k.d.body = b[n:end]
		if err := c.handler.message(c, &k.d); err != nil {
			return b, err
		}
		b = b[end+2:]
	}
	return nil, nil
}

// isMessage reports whether a line begins a message. The copying forwarder
// hands on what it reads, so that its messages begin as they were published.
func (c *conn) isMessage(line []byte) bool {
	return bytes.HasPrefix(line, []byte("MSG ")) || bytes.HasPrefix(line, []byte("HMSG ")) ||
		c.raw && (bytes.HasPrefix(line, []byte("PUB ")) || bytes.HasPrefix(line, []byte("HPUB ")))
}

// control handles a line that does not begin a message.
func (c *conn) control(line []byte) error {
	switch {
	case bytes.HasPrefix(line, []byte("PONG")):
		return c.handler.pong(c)
	case bytes.HasPrefix(line, []byte("PING")):
		c.out = append(c.out, pongLine...)
		return nil // the loop flushes after each read
	case bytes.HasPrefix(line, []byte("INFO ")):
		return c.handler.info(c)
	case bytes.HasPrefix(line, []byte("+OK")):
		return nil
	case bytes.HasPrefix(line, []byte("-ERR")):
		return fmt.Errorf("the server says %s", bytes.TrimSpace(line))
	}
	return fmt.Errorf("the server sent a line that a client does not know: %.80q", line)
}

// set takes a message's control line apart and remembers it.
func (k *lineCache) set(line []byte) error {
	k.line = append(k.line[:0], line...)
	var f [6][]byte
	n, ok := splitFields(k.line, f[:])
	// Behind the verb: subject, sid (not in a forwarded publish), perhaps a
	// reply, perhaps the header's size, the whole size.
	withHeader := line[0] == 'H'
	fixed := 4
	if bytes.HasSuffix(f[0], []byte("PUB")) {
		fixed--
	}
	if withHeader {
		fixed++
	}
	if !ok || n < fixed || n > fixed+1 {
		k.line = k.line[:0]
		return fmt.Errorf("the server sent a message with wrong fields: %.80q", line)
	}
	k.d = delivery{}
	size, okSize := parseSize(f[n-1])
	header, okHeader := 0, true
	if withHeader {
		header, okHeader = parseSize(f[n-2])
	}
	if !okSize || !okHeader || header > size {
		k.line = k.line[:0]
		return fmt.Errorf("the server sent a message with a wrong size: %.80q", line)
	}
	if n == fixed+1 {
		reply := n - 2
		if withHeader {
			reply--
		}
		k.d.reply = f[reply]
	}
	k.body, k.d.header = size, header
	return nil
}

// splitFields splits a control line at blanks into f and returns how many
// fields there are; ok is false if f is too short.
func splitFields(line []byte, f [][]byte) (n int, ok bool) {
	start := -1
	for i, b := range line {
		blank := b == ' ' || b == '\t' || b == '\r' || b == '\n'
		switch {
		case !blank && start < 0:
			start = i
		case blank && start >= 0:
			if n == len(f) {
				return n, false
			}
			f[n] = line[start:i]
			n++
			start = -1
		}
	}
	return n, true
}

func parseSize(b []byte) (int, bool) {
	v := 0
	for _, d := range b {
		if d < '0' || d > '9' || v > maxBody {
			return 0, false
		}
		v = v*10 + int(d-'0')
	}
	return v, len(b) > 0 && v <= maxBody
}
