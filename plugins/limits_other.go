//go:build !linux

package plugins

import (
	"errors"
	"os/exec"
)

// endWithBroker is not there: a program has to look itself whether the broker is.
func endWithBroker(*exec.Cmd) {}

// limit refuses what cannot be done here, rather than to leave it out.
func limit(_ int, o *Options) error {
	if o.Memory > 0 {
		return errors.New("limits.memory: it can be had on Linux only; leave it out")
	}
	return nil
}

// awaitExit is not there: what a process leaves behind when it ends by itself
// stays.
func awaitExit(int) bool { return false }
