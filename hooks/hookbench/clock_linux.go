package hookbench

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// processTime returns the CPU time that the process has had so far.
func processTime() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		return 0, fmt.Errorf("reading the CPU time of the process: %w", err)
	}
	return time.Duration(t.Nano()), nil
}
