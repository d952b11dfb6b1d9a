package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// The pause before the next try of an accept that failed: it doubles from
// minPause to maxPause.
const (
	minPause = 10 * time.Millisecond
	maxPause = time.Second
)

// noKeepAlive leaves TCP's own probes off: the broker's PINGs find a dead peer,
// and the options cost four system calls for each connection.
var noKeepAlive = net.ListenConfig{KeepAlive: -1}

// TCP listens on host and port; port -1 or 0 takes a free one. The error names
// the address.
func TCP(host string, port int) (net.Listener, error) {
	address := net.JoinHostPort(host, strconv.Itoa(max(port, 0)))
	l, err := noKeepAlive.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	return l, nil
}

// Accept hands each connection of l to handle, until l is closed. handle must
// not block.
func Accept(l net.Listener, log *zap.Logger, handle func(net.Conn)) {
	p := patient{l, log}
	for {
		nc, err := p.Accept()
		if err != nil {
			return
		}
		handle(nc)
	}
}

// patient is a listener whose Accept fails only when it is closed.
type patient struct {
	net.Listener
	log *zap.Logger
}

// Accept implements net.Listener.
func (p patient) Accept() (net.Conn, error) {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		nc, err := p.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return nc, err
		}
		p.log.Error(fmt.Sprintf("Accepting connections on %s failed, trying again in %s: %v", p.Addr(), pause, err))
		time.Sleep(pause)
	}
}

// Pipe returns the two ends of a connection inside the process.
func Pipe() (client, server net.Conn) { return net.Pipe() }
