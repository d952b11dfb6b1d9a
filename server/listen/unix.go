package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// Unix listens on a Unix domain socket that only the user of the process may
// connect to. A socket file on which nobody listens any more is replaced; the
// error says so if somebody does, or if the file is something else. Closing the
// listener removes the file.
func Unix(path string) (net.Listener, error) {
	l, err := listenUnix(path)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err = removeStale(path); err == nil {
			l, err = listenUnix(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("listening: %w", err)
	}
	return l, nil
}

func listenUnix(path string) (net.Listener, error) {
	lc := net.ListenConfig{Control: private}
	return lc.Listen(context.Background(), "unix", path)
}

// removeStale removes a socket that refuses connections.
func removeStale(path string) error {
	if i, err := os.Lstat(path); err != nil || i.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and is no socket; remove it, or choose another path", path)
	}
	nc, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = nc.Close()
		return fmt.Errorf("somebody listens on %s already", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("finding out who listens on %s: %w", path, err)
	}
	return os.Remove(path)
}
