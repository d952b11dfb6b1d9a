package plugins

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// limit bounds the memory and the files of a process.
func limit(pid int, o *Options) error {
	for _, l := range []struct {
		name string
		what int
		most int64
	}{{"memory", unix.RLIMIT_AS, o.Memory}, {"files", unix.RLIMIT_NOFILE, o.Files}} {
		if l.most == 0 {
			continue
		}
		r := unix.Rlimit{Cur: uint64(l.most), Max: uint64(l.most)}
		if err := unix.Prlimit(pid, l.what, &r, nil); err != nil {
			return fmt.Errorf("limits.%s: %w", l.name, err)
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
