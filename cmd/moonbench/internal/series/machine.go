//go:build linux

package series

import (
	"bytes"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Machine is where a series ran.
type Machine struct {
	CPU    string `json:"cpu"`    // model name; empty if unknown
	CPUs   int    `json:"cpus"`   // that moonbench may use
	Kernel string `json:"kernel"` // release
	Arch   string `json:"arch"`
	Go     string `json:"go"` // that built moonbench
}

func describeMachine() Machine {
	m := Machine{CPUs: runtime.NumCPU(), Arch: runtime.GOARCH, Go: runtime.Version()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = modelName(b)
	}
	return m
}

// modelName finds the first "model name : …" in /proc/cpuinfo; other
// architectures than x86 may not have one.
func modelName(cpuinfo []byte) string {
	for line := range bytes.Lines(cpuinfo) {
		k, v, ok := bytes.Cut(line, []byte(":"))
		if ok && string(bytes.TrimSpace(k)) == "model name" {
			return string(bytes.TrimSpace(v))
		}
	}
	return ""
}
