//go:build linux

package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// stat is what moonbench needs of /proc/PID/stat.
type stat struct {
	group int           // process group
	cpu   time.Duration // utime + stime, in steps of 10 ms
}

func readStat(path string) (stat, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return stat{}, err
	}
	st, err := parseStat(b)
	if err != nil {
		return stat{}, fmt.Errorf("%s: %w", path, err)
	}
	return st, nil
}

// parseStat takes the fields of proc(5) "stat" apart. The second one is the
// program's name in parentheses, which may itself hold blanks and parentheses:
// what counts begins behind the last one.
func parseStat(b []byte) (stat, error) {
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return stat{}, fmt.Errorf("no program name in %q", b)
	}
	f := bytes.Fields(b[i+1:]) // f[0] is field 3, the state
	const group, utime, stime = 5 - 3, 14 - 3, 15 - 3
	if len(f) <= stime {
		return stat{}, fmt.Errorf("%d fields behind the program name, need %d", len(f), stime+1)
	}
	var st stat
	var err error
	if st.group, err = strconv.Atoi(string(f[group])); err != nil {
		return stat{}, fmt.Errorf("process group: %w", err)
	}
	var ticks int64
	for _, n := range []int{utime, stime} {
		v, err := strconv.ParseInt(string(f[n]), 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("CPU ticks: %w", err)
		}
		ticks += v
	}
	st.cpu = time.Duration(ticks) * tick
	return st, nil
}

// sumSchedstat adds up the run time of all live threads of the process in dir.
func sumSchedstat(dir string) (time.Duration, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "task", "*", "schedstat"))
	if err != nil {
		return 0, err
	}
	if len(paths) == 0 {
		return 0, fmt.Errorf("%s: no task with a schedstat file", dir)
	}
	var sum time.Duration
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if os.IsNotExist(err) {
			continue // the thread ended meanwhile
		}
		if err != nil {
			return 0, err
		}
		d, err := parseSchedstat(b)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", p, err)
		}
		sum += d
	}
	return sum, nil
}

// parseSchedstat returns the first of the three numbers: ns spent on a CPU.
func parseSchedstat(b []byte) (time.Duration, error) {
	f := bytes.Fields(b)
	if len(f) != 3 {
		return 0, fmt.Errorf("want 3 numbers, got %q", b)
	}
	ns, err := strconv.ParseInt(string(f[0]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("run time: %w", err)
	}
	return time.Duration(ns), nil
}

func readRSS(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := parseRSS(b)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// parseRSS finds the line "VmRSS:   1234 kB" and returns it in bytes.
func parseRSS(b []byte) (int64, error) {
	for line := range bytes.Lines(b) {
		v, ok := bytes.CutPrefix(line, []byte("VmRSS:"))
		if !ok {
			continue
		}
		f := bytes.Fields(v)
		if len(f) != 2 || string(f[1]) != "kB" {
			return 0, fmt.Errorf("unexpected line %q", line)
		}
		kb, err := strconv.ParseInt(string(f[0]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("VmRSS: %w", err)
		}
		return kb << 10, nil
	}
	return 0, fmt.Errorf("no VmRSS line: the process has no memory (a zombie?)")
}
