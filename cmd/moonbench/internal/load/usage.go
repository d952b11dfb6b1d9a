//go:build linux

package load

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// ownCPU is the CPU time that this process has used so far; 0 if the kernel
// does not tell.
func ownCPU() time.Duration {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// fileLimit is how many file descriptors this process may have. The Go runtime
// has raised it to what the system allows.
func fileLimit() uint64 {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return math.MaxUint64 // unknown: the system will tell
	}
	return r.Cur
}
