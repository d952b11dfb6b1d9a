//go:build unix

package listen

import (
	"io"
	"net"
	"syscall"
)

// peekSocket waits for the first byte of a socket and leaves it there. It
// reports ok false if nc is none.
func peekSocket(nc net.Conn) (first byte, ok bool, err error) {
	socket, ok := nc.(syscall.Conn)
	if !ok {
		return 0, false, nil
	}
	rc, err := socket.SyscallConn()
	if err != nil {
		return 0, true, err
	}
	var (
		b [1]byte
		n int
	)
	waited := rc.Read(func(fd uintptr) bool {
		for {
			n, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
			if err != syscall.EINTR {
				return err != syscall.EAGAIN
			}
		}
	})
	switch {
	case waited != nil:
		return 0, true, waited
	case err != nil:
		return 0, true, err
	case n == 0:
		return 0, true, io.EOF
	}
	return b[0], true, nil
}

// private gives a socket that is not yet bound the mode that its file will have,
// on systems that heed it.
func private(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
}
