//go:build linux

package load

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"moonwire/cmd/moonbench/internal/poll"
)

const handshakeTimeout = 20 * time.Second

const connectLine = `CONNECT {"verbose":false,"pedantic":false,"lang":"moonbench","version":"1","protocol":1,"headers":true,"echo":true}` + crlf

// serverInfo is what moonbench reads from INFO.
type serverInfo struct {
	Name       string `json:"server_name"`
	Version    string `json:"version"`
	MaxPayload int64  `json:"max_payload"`
	// RawForward says that the server is moonbench's own forwarder, which
	// hands on publishes as it reads them.
	RawForward bool `json:"moonbench_raw"`

	TLSRequired  bool `json:"tls_required"`
	TLSAvailable bool `json:"tls_available"`
}

// greeted is a socket after the handshake.
type greeted struct {
	fd     int
	info   serverInfo
	rest   []byte  // what came behind the PONG
	secure *secure // nil without TLS
}

// greet connects, sends CONNECT, the lines (SUBs), and a PING, and waits for
// the PONG: from then on the subscriptions are in place. The socket is
// non-blocking. With cfg it speaks TLS from INFO on; the error wraps ErrUnable
// if the server does not offer that.
func greet(addr netip.AddrPort, lines []byte, cfg *tls.Config) (greeted, error) {
	fd, err := poll.Dial(addr, handshakeTimeout)
	if err != nil {
		return greeted{}, err
	}
	g, err := greetOn(fd, lines, cfg)
	if err == nil {
		err = poll.SetNonblock(fd)
	}
	if err != nil {
		poll.Close(fd)
		return greeted{}, err
	}
	return g, nil
}

func greetOn(fd int, lines []byte, cfg *tls.Config) (greeted, error) {
	g := greeted{fd: fd}
	var peer io.ReadWriter = patient(fd)
	out := append(append([]byte(connectLine), lines...), pingLine...)
	var in []byte
	buf := make([]byte, 4<<10)
	sawInfo := false
	for {
		line, rest, ok := bytes.Cut(in, []byte("\n"))
		switch {
		case !ok:
			n, err := peer.Read(buf)
			if err != nil {
				return g, sealedError(err)
			}
			in = append(in, buf[:n]...)
			continue
		case bytes.HasPrefix(line, []byte("INFO ")):
			if sawInfo {
				break
			}
			sawInfo = true
			if err := json.Unmarshal(line[len("INFO "):], &g.info); err != nil {
				return g, fmt.Errorf("reading INFO: %w", err)
			}
			if cfg != nil {
				var err error
				if g.secure, err = startTLS(fd, &g.info, rest, cfg); err != nil {
					return g, err
				}
				peer, rest = g.secure.tls, nil
			}
			if _, err := peer.Write(out); err != nil {
				return g, err
			}
		case bytes.HasPrefix(line, []byte("PING")):
			if _, err := io.WriteString(peer, pongLine); err != nil {
				return g, err
			}
		case bytes.HasPrefix(line, []byte("PONG")):
			g.rest = bytes.Clone(rest)
			if g.secure == nil {
				return g, nil
			}
			more, err := g.secure.detach()
			g.rest = append(g.rest, more...)
			return g, err
		case bytes.HasPrefix(line, []byte("-ERR")):
			return g, fmt.Errorf("the server says %s", bytes.TrimSpace(line))
		}
		in = rest
	}
}

// patient is a blocking socket during the handshake.
type patient int

// Read implements io.Reader.
func (p patient) Read(b []byte) (int, error) {
	n, err := poll.ReadFrom(int(p), b)
	switch {
	case errors.Is(err, io.EOF):
		return n, errors.New("the server closed the connection during the handshake")
	case errors.Is(err, poll.ErrAgain):
		return n, fmt.Errorf("no answer for %v during the handshake", handshakeTimeout)
	}
	return n, err
}

// Write implements io.Writer.
func (p patient) Write(b []byte) (int, error) {
	for sent := 0; sent < len(b); {
		n, err := poll.WriteTo(int(p), b[sent:])
		if errors.Is(err, poll.ErrAgain) {
			err = fmt.Errorf("the server took no data for %v during the handshake", handshakeTimeout)
		}
		if err != nil {
			return sent, err
		}
		sent += n
	}
	return len(b), nil
}
