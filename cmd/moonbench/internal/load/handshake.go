//go:build linux

package load

import (
	"bytes"
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
}

// greeted is a socket after the handshake.
type greeted struct {
	fd   int
	info serverInfo
	rest []byte // what came behind the PONG
}

// greet connects, sends CONNECT, the lines (SUBs), and a PING, and waits for
// the PONG: from then on the subscriptions are in place. The socket is
// non-blocking.
func greet(addr netip.AddrPort, lines []byte) (greeted, error) {
	fd, err := poll.Dial(addr, handshakeTimeout)
	if err != nil {
		return greeted{}, err
	}
	g, err := greetOn(fd, lines)
	if err == nil {
		err = poll.SetNonblock(fd)
	}
	if err != nil {
		poll.Close(fd)
		return greeted{}, err
	}
	return g, nil
}

func greetOn(fd int, lines []byte) (greeted, error) {
	g := greeted{fd: fd}
	out := append(append([]byte(connectLine), lines...), pingLine...)
	var in []byte
	sawInfo := false
	for {
		line, rest, ok := bytes.Cut(in, []byte("\n"))
		switch {
		case !ok:
			buf := make([]byte, 4<<10)
			n, err := poll.ReadFrom(fd, buf)
			if errors.Is(err, io.EOF) {
				return g, errors.New("the server closed the connection during the handshake")
			}
			if errors.Is(err, poll.ErrAgain) {
				return g, fmt.Errorf("no answer for %v during the handshake", handshakeTimeout)
			}
			if err != nil {
				return g, err
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
			if err := writeAll(fd, out); err != nil {
				return g, err
			}
		case bytes.HasPrefix(line, []byte("PING")):
			if err := writeAll(fd, []byte(pongLine)); err != nil {
				return g, err
			}
		case bytes.HasPrefix(line, []byte("PONG")):
			g.rest = bytes.Clone(rest)
			return g, nil
		case bytes.HasPrefix(line, []byte("-ERR")):
			return g, fmt.Errorf("the server says %s", bytes.TrimSpace(line))
		}
		in = rest
	}
}

// writeAll writes all of b to a blocking socket.
func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := poll.WriteTo(fd, b)
		if errors.Is(err, poll.ErrAgain) {
			return fmt.Errorf("the server took no data for %v during the handshake", handshakeTimeout)
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
