package monitor

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// residentMemory returns the resident memory of the process in bytes.
func residentMemory() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return runtimeMemory() // no /proc, as in a bare chroot
	}
	fields := bytes.Fields(data) // pages: total, resident, shared, …
	if len(fields) < 2 {
		return runtimeMemory()
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return runtimeMemory()
	}
	return pages * int64(os.Getpagesize())
}

// cpuTime returns the CPU time that the process has used, in user and system mode.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return runtimeCPU()
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
