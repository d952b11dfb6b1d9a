//go:build !linux

package hookbench

import "time"

// began is what the time of the process is counted from.
var began = time.Now()

// processTime returns the time that has passed: elsewhere than on Linux, the
// machine should do nothing else.
func processTime() (time.Duration, error) { return time.Since(began), nil }
