//go:build unix && !linux

package conn

import "syscall"

// readNow reads what there is.
func readNow(fd int, b []byte) (int, error) { return syscall.Read(fd, b) }

// writeNow writes what the socket takes.
func writeNow(fd int, b []byte) (int, error) { return syscall.Write(fd, b) }
