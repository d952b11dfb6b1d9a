package plugins

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// endWithBroker has the program told to end when the broker was killed, which a
// program that is written without an SDK may not notice. Those of the SDKs see it by
// themselves, and finish what they have begun. What it has started is told nothing.
func endWithBroker(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM }

// limit bounds the memory and the files of a process. It raises no bound that is
// there, which most may not.
func limit(pid int, o *Options) error {
	for _, l := range []struct {
		name string
		what int
		most int64
	}{{"memory", unix.RLIMIT_AS, o.Memory}, {"files", unix.RLIMIT_NOFILE, o.Files}} {
		if l.most == 0 {
			continue
		}
		var r unix.Rlimit
		err := unix.Prlimit(pid, l.what, nil, &r)
		if err == nil {
			r.Max = min(r.Max, uint64(l.most))
			r.Cur = r.Max
			err = unix.Prlimit(pid, l.what, &r, nil)
		}
		if err != nil {
			return fmt.Errorf("limits.%s: %v", l.name, err) // not for who may not execute it
		}
	}
	return nil
}

// awaitExit waits until a child of this process has ended, and leaves it to be
// reaped. It reports false if it cannot be waited for.
func awaitExit(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}
