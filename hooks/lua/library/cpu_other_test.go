//go:build !unix

package library

import (
	"testing"
	"time"
)

var began = time.Now()

// cpuTime is the time of a clock, where nothing tells how long the process has been
// busy.
func cpuTime(testing.TB) time.Duration { return time.Since(began) }
