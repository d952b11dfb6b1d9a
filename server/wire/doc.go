// Package wire turns bytes into commands of the NATS text protocol and back.
//
// It is pure: no sockets, no locks, no logging, and no state but the parser's
// own limits. It imports the standard library only.
//
// A [Parser] is asked for one operation at a time with [Parser.Next]. What it
// hands out aliases the caller's buffer (or, for commands that are written in
// an unusual way, the parser's arena) and is valid until the caller changes
// the buffer or calls [Parser.Reset]. A message keeps its tail, the bytes from
// behind the subject to the end of the payload, exactly as the wire of a
// receiver wants them behind "MSG subject sid ": delivery is a splice, not a
// new encoding.
//
// Encoders append to the caller's slice. Errors come in one type, [Error]:
// the text is the wire's, byte for byte, and Close says whether the connection
// survives it; all of them stand in errors.go.
//
// Example: read the commands of a buffer.
//
//	p := wire.Parser{MaxControlLine: 4096, MaxPayload: 1 << 20}
//	for len(buf) > 0 {
//		op, n, err := p.Next(buf)
//		if err != nil || op == wire.OpNone {
//			break // a protocol error, or more bytes are needed
//		}
//		buf = buf[n:]
//	}
package wire
