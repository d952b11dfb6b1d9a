//go:build linux

package poll

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// ErrAgain says that a socket has no data to read or no room to write.
var ErrAgain = errors.New("would block")

// Dial connects to addr over TCP and returns a blocking socket whose calls
// fail after timeout. It sets TCP_NODELAY. Call SetNonblock before it is
// watched.
func Dial(addr netip.AddrPort, timeout time.Duration) (int, error) {
	fd, err := newSocket(addr, 0)
	if err != nil {
		return -1, err
	}
	tv := unix.NsecToTimeval(int64(timeout))
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv),
	)
	if err == nil {
		err = unix.Connect(fd, sockaddr(addr))
	}
	if errors.Is(err, unix.EINTR) {
		err = finishConnect(fd, timeout)
	}
	if err != nil {
		Close(fd)
		return -1, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	return fd, nil
}

// finishConnect waits for a connect that a signal has interrupted: it goes on
// by itself and must not be called again.
func finishConnect(fd int, timeout time.Duration) error {
	end := time.Now().Add(timeout)
	for {
		left := time.Until(end)
		if left <= 0 {
			return unix.ETIMEDOUT
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(left.Milliseconds())+1)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return err
		case err == nil && n > 0:
			code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			if err == nil && code != 0 {
				err = unix.Errno(code)
			}
			return err
		}
	}
}

// StartDial begins to connect to addr from the source address, which may be
// zero to leave the choice to the kernel, and returns a non-blocking socket at
// once. The socket becomes writable when it is connected; a failure shows at
// the first read or write.
func StartDial(addr netip.AddrPort, source netip.Addr) (int, error) {
	fd, err := newSocket(addr, unix.SOCK_NONBLOCK)
	if err != nil {
		return -1, err
	}
	if source.IsValid() {
		// Many connections a second from one address run out of ports. This
		// option lets the kernel choose the port with the peer in mind.
		err = errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
			unix.Bind(fd, sockaddr(netip.AddrPortFrom(source, 0))),
		)
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr(addr))
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.EINTR) {
		Close(fd)
		return -1, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	return fd, nil
}

// Listen returns a non-blocking listening socket and its address.
func Listen(addr netip.AddrPort) (int, netip.AddrPort, error) {
	fd, err := newSocket(addr, unix.SOCK_NONBLOCK)
	if err != nil {
		return -1, netip.AddrPort{}, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(fd, sockaddr(addr)),
	)
	if err == nil {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	if err != nil {
		Close(fd)
		return -1, netip.AddrPort{}, fmt.Errorf("listening on %s: %w", addr, err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		Close(fd)
		return -1, netip.AddrPort{}, fmt.Errorf("listening on %s: %w", addr, err)
	}
	return fd, addrPort(sa), nil
}

// Accept takes a connection from a listening socket, non-blocking and with
// TCP_NODELAY. It returns ErrAgain if there is none.
func Accept(listener int) (int, error) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return -1, wrap("accepting", err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		Close(fd)
		return -1, fmt.Errorf("accepting: %w", err)
	}
	return fd, nil
}

func newSocket(addr netip.AddrPort, flags int) (int, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	if err != nil {
		return -1, fmt.Errorf("creating a socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		Close(fd)
		return -1, fmt.Errorf("creating a socket: %w", err)
	}
	return fd, nil
}

// SetNonblock makes reads and writes return ErrAgain instead of waiting.
func SetNonblock(fd int) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("making a socket non-blocking: %w", err)
	}
	return nil
}

// SetReceiveBuffer asks for a receive buffer of about size bytes: what is not
// read and does not fit waits in the server. With 1 the kernel gives the
// smallest that it can.
func SetReceiveBuffer(fd, size int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size); err != nil {
		return fmt.Errorf("setting a receive buffer: %w", err)
	}
	return nil
}

// ReadFrom reads what is there into b. It returns io.EOF at the end of the
// stream and ErrAgain if nothing is there.
func ReadFrom(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Read(fd, b)
		switch {
		case err == nil && n == 0 && len(b) > 0:
			return 0, io.EOF
		case err == nil:
			return n, nil
		case !errors.Is(err, unix.EINTR):
			return 0, wrap("reading", err)
		}
	}
}

// WriteTo writes as much of b as fits. It returns ErrAgain if nothing does.
func WriteTo(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Write(fd, b)
		switch {
		case err == nil:
			return n, nil
		case !errors.Is(err, unix.EINTR):
			return 0, wrap("writing", err)
		}
	}
}

func wrap(doing string, err error) error {
	if errors.Is(err, unix.EAGAIN) {
		return ErrAgain
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Close closes fd.
func Close(fd int) { _ = unix.Close(fd) }

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
