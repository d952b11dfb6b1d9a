//go:build unix

package plugins

import (
	"os/exec"
	"syscall"
)

// socketNetwork is where plugins serve.
const socketNetwork = "unix"

// ownGroup has the program start in a process group of its own, so that a signal
// from the terminal is the broker's alone and all that it starts can be ended. A
// process that leaves the group on purpose is not.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends a process that was started, and what it has started.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
