package conn

import (
	"bytes"
	"encoding/json"

	"go.uber.org/zap/zapcore"

	"moonwire/server/wire"
)

// traceLevel is below debug; package log writes it as [TRC].
const traceLevel = zapcore.DebugLevel - 1

// tracedPayload is how many bytes of a payload a trace line shows.
const tracedPayload = 256

// trace logs an operation, when operations are logged.
func (c *Client) trace(arrow string, parts ...[]byte) {
	if c.slow&slowTrace == 0 {
		return
	}
	c.log.Log(traceLevel, c.String()+" - "+arrow+" ["+string(bytes.Join(parts, nil))+"]")
}

// traceMsg logs a publish with the beginning of its payload.
func (c *Client) traceMsg(m *wire.Pub) {
	if c.slow&slowTrace == 0 {
		return
	}
	op := []byte("PUB ")
	if m.Header != wire.NoHeader {
		op = []byte("HPUB ")
	}
	body := m.Body()
	head := m.Tail[:len(m.Tail)-len(body)-len("\r\n\r\n")]
	c.trace("<<-", op, m.Subject, []byte(" "), head)
	more := []byte(nil)
	if len(body) > tracedPayload {
		body, more = body[:tracedPayload], []byte("...")
	}
	c.trace("<<- MSG_PAYLOAD:", body, more)
}

// traceOutput logs what is sent: the line of each answer and message.
func (c *Client) traceOutput(data []byte) {
	var m wire.Pub
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\r\n"))
		c.log.Log(traceLevel, c.String()+" - ->> ["+string(line)+"]")
		if n := wire.NextFrame(data, &m); n > 0 {
			rest = data[n:]
		}
		data = rest
	}
}

// traceConnect logs a CONNECT as it was understood, its secrets hidden: the
// JSON itself may spell a secret in more ways than can be searched for.
func (c *Client) traceConnect(said *wire.Connect) {
	if c.slow&slowTrace == 0 {
		return
	}
	shown := *said
	for _, secret := range []*string{&shown.Password, &shown.Token, &shown.JWT, &shown.Sig, &shown.ProxySig} {
		if *secret != "" {
			*secret = "[REDACTED]"
		}
	}
	j, err := json.Marshal(shown)
	if err != nil {
		panic("conn: CONNECT cannot be encoded: " + err.Error()) // only strings and numbers
	}
	c.trace("<<-", []byte("CONNECT "), j)
}
