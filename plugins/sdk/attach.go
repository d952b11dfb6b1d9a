package sdk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"syscall"

	"moonwire/plugins/api"
)

// serveAt serves a plugin at a Unix socket until the program is interrupted.
func serveAt(path string, s *service) error {
	l, err := listenAt(path)
	if err != nil {
		return fmt.Errorf("%s: %w", api.AttachKey, err)
	}
	server := newServer(s)
	interrupted, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer end()
	defer context.AfterFunc(interrupted, server.Stop)()
	fmt.Fprintf(os.Stderr, "the plugin waits for a broker that attaches to %s\n", path)
	return server.Serve(l) // nil after Stop
}

// listenAt listens at the path of a socket, in the place of one that a program has
// left behind. Nobody but this user can connect.
func listenAt(path string) (net.Listener, error) {
	if err := removeDead(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// removeDead removes a socket that nobody serves. What is no socket, or somebody
// serves, is an error.
func removeDead(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and is no socket: name another path", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return fmt.Errorf("somebody serves at %s already: end that program first", path)
	}
	return os.Remove(path)
}
