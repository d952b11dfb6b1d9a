//go:build linux

package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Listens reports whether one of the watched processes, as they were at the last
// Refresh, listens on a TCP port. A server that answers there is then the one
// that is measured, and not another one that has taken the port.
func (m *Meter) Listens(port int) (bool, error) {
	sockets := make(map[string]bool)
	for _, name := range []string{"tcp", "tcp6"} {
		b, err := os.ReadFile(filepath.Join(m.root, "net", name))
		if os.IsNotExist(err) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return false, fmt.Errorf("looking for who listens: %w", err)
		}
		for line := range bytes.Lines(b) {
			if inode := listenerOn(line, port); inode != "" {
				sockets["socket:["+inode+"]"] = true
			}
		}
	}
	for _, pid := range m.pids {
		dir := filepath.Join(m.root, strconv.Itoa(pid), "fd")
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // the process has ended
		}
		for _, e := range entries {
			if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && sockets[to] {
				return true, nil
			}
		}
	}
	return false, nil
}

// listenerOn returns the inode of the socket in a line of /proc/net/tcp if it
// listens on port, and "" otherwise. Fields are: number, local address, remote
// address, state, …; the tenth is the inode.
func listenerOn(line []byte, port int) string {
	const listening = "0A"
	f := bytes.Fields(line)
	if len(f) < 10 || string(f[3]) != listening {
		return ""
	}
	if _, hex, ok := bytes.Cut(f[1], []byte(":")); !ok || string(hex) != fmt.Sprintf("%04X", port) {
		return ""
	}
	return string(f[9])
}
