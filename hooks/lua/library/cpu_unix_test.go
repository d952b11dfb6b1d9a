//go:build unix

package library

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime is how long the process has been busy. Unlike the time of a clock it does
// not grow while others have the processor.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
