//go:build linux

package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Source names where CPU time is read from.
type Source string

// The sources, best first.
const (
	SourceClock     Source = "process clock"       // clock_gettime, 1 ns, all threads
	SourceSchedstat Source = "task schedstat"      // /proc/PID/task/*/schedstat, 1 ns, live threads
	SourceStat      Source = "utime+stime (10 ms)" // /proc/PID/stat, clock ticks, all threads
)

const (
	tick            = time.Second / 100 // USER_HZ, fixed by the kernel's ABI
	clockPerProcess = 2                 // CPUCLOCK_SCHED of a whole process
	maxPID          = 1 << 22           // PID_MAX_LIMIT
)

// Meter reads the cost of one process, or of one process group. A Meter is not
// safe for concurrent use.
type Meter struct {
	root   string // normally "/proc"; immutable
	pid    int    // the process, or the leader of the group; immutable
	group  bool   // count every process of the group; immutable
	source Source // immutable
	pids   []int  // the processes counted since Refresh
}

// Watch returns a Meter for the process pid. It fails if there is no such
// process or its CPU time cannot be read.
func Watch(pid int) (*Meter, error) { return newMeter("/proc", pid, false) }

// WatchGroup returns a Meter for all processes of the group that pid leads:
// a server started as a command, with its helpers. Which processes those are
// is looked up now and at each Refresh.
func WatchGroup(pid int) (*Meter, error) { return newMeter("/proc", pid, true) }

func newMeter(root string, pid int, group bool) (*Meter, error) {
	if pid < 1 || pid > maxPID {
		return nil, fmt.Errorf("there is no process %d", pid)
	}
	m := &Meter{root: root, pid: pid, group: group}
	if err := m.Refresh(); err != nil {
		return nil, err
	}
	var errs []error
	for _, s := range []Source{SourceClock, SourceSchedstat, SourceStat} {
		m.source = s
		if _, err := m.CPU(); err != nil {
			errs = append(errs, err)
			continue
		}
		return m, nil
	}
	return nil, errors.Join(errs...)
}

// Source tells where CPU reads from.
func (m *Meter) Source() Source { return m.source }

// Refresh looks up anew which processes belong to the group. It costs a walk
// over /proc: call it before a measured window, not inside.
func (m *Meter) Refresh() error {
	if !m.group {
		m.pids = []int{m.pid}
		return nil
	}
	entries, err := os.ReadDir(m.root)
	if err != nil {
		return fmt.Errorf("listing processes: %w", err)
	}
	m.pids = m.pids[:0]
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		st, err := readStat(filepath.Join(m.root, e.Name(), "stat"))
		if err == nil && st.group == m.pid {
			m.pids = append(m.pids, pid)
		}
	}
	if len(m.pids) == 0 {
		return fmt.Errorf("process group %d has no process", m.pid)
	}
	return nil
}

// CPU returns the CPU time, user and system, that the watched processes have
// used so far. The difference of two calls is the cost in between.
func (m *Meter) CPU() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range m.pids {
		d, err := m.cpuOf(pid)
		if err != nil {
			return 0, fmt.Errorf("reading CPU time of process %d: %w", pid, err)
		}
		sum += d
	}
	return sum, nil
}

func (m *Meter) cpuOf(pid int) (time.Duration, error) {
	dir := filepath.Join(m.root, strconv.Itoa(pid))
	switch m.source {
	case SourceClock:
		return processClock(pid)
	case SourceSchedstat:
		return sumSchedstat(dir)
	default:
		st, err := readStat(filepath.Join(dir, "stat"))
		return st.cpu, err
	}
}

// RSS returns the resident memory of the watched processes in bytes. Pages
// that several of them share count once for each.
func (m *Meter) RSS() (int64, error) {
	var sum int64
	for _, pid := range m.pids {
		n, err := readRSS(filepath.Join(m.root, strconv.Itoa(pid), "status"))
		if err != nil {
			return 0, fmt.Errorf("reading resident memory of process %d: %w", pid, err)
		}
		sum += n
	}
	return sum, nil
}

// processClock reads the CPU clock of another process. The clock id is the
// one's complement of the PID, shifted past the three bits of the clock type.
func processClock(pid int) (time.Duration, error) {
	var ts unix.Timespec
	id := int32(^pid)<<3 | clockPerProcess
	if err := unix.ClockGettime(id, &ts); err != nil {
		return 0, fmt.Errorf("process clock: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
