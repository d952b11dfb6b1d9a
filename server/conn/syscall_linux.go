package conn

import (
	"syscall"
	"unsafe"
)

// The sockets never block. So the scheduler need not hear of these calls: what
// it does around an ordinary one costs more than some of them, and wakes its
// monitoring thread, which then looks around every 20 µs, again and again while
// the rest of the process waits for input.

// readNow reads what there is.
func readNow(fd int, b []byte) (int, error) {
	n, _, e := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if e != 0 {
		return -1, e
	}
	return int(n), nil
}

// writeNow writes what the socket takes.
func writeNow(fd int, b []byte) (int, error) {
	n, _, e := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if e != 0 {
		return -1, e
	}
	return int(n), nil
}
