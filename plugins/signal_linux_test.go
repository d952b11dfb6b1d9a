package plugins

import (
	"syscall"
	"testing"
)

// stopProcess has a process stand still.
func stopProcess(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}
