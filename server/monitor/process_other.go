//go:build !linux

package monitor

import "time"

// residentMemory returns about the resident memory of the process in bytes.
func residentMemory() int64 { return runtimeMemory() }

// cpuTime returns about the CPU time that the process has used.
func cpuTime() time.Duration { return runtimeCPU() }
