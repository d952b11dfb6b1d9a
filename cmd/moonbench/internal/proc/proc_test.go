//go:build linux

package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const tail = " S 1 77 77 0 -1 4194304 88 0 1 0 89 11 3 4 20 0 1 0 129641 2654208"
	for _, tt := range []struct {
		name  string
		in    string
		want  stat
		fails string
	}{
		{name: "plain", in: "8600 (sh)" + tail, want: stat{group: 77, cpu: time.Second}},
		{name: "blanks and parentheses in the name", in: "8600 (a b) (c) )" + tail, want: stat{group: 77, cpu: time.Second}},
		{name: "no name", in: "8600 sh" + tail, fails: "no program name"},
		{name: "short", in: "8600 (sh) S 1 77", fails: "3 fields"},
		{name: "no number", in: "8600 (sh)" + strings.Replace(tail, " 89 ", " x ", 1), fails: "CPU ticks"},
		{name: "no group", in: "8600 (sh)" + strings.Replace(tail, " 77 ", " x ", 1), fails: "process group"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseStat([]byte(tt.in))
			wantError(t, err, tt.fails)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(stat{})); tt.fails == "" && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSchedstat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     time.Duration
		fails    string
	}{
		{name: "plain", in: "898175872 128832513 465\n", want: 898175872},
		{name: "short", in: "1 2\n", fails: "want 3 numbers"},
		{name: "no number", in: "x 2 3\n", fails: "run time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseSchedstat([]byte(tt.in))
			wantError(t, err, tt.fails)
			if got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestParseRSS(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     int64
		fails    string
	}{
		{name: "plain", in: "Name:\tsh\nVmHWM:\t    9 kB\nVmRSS:\t    1620 kB\nThreads:\t1\n", want: 1620 << 10},
		{name: "zombie", in: "Name:\tsh\nState:\tZ\n", fails: "no VmRSS"},
		{name: "other unit", in: "VmRSS:\t 3 MB\n", fails: "unexpected line"},
		{name: "no number", in: "VmRSS:\t x kB\n", fails: "VmRSS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseRSS([]byte(tt.in))
			wantError(t, err, tt.fails)
			if got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	switch {
	case part == "" && err != nil:
		t.Fatalf("unexpected error: %v", err)
	case part != "" && (err == nil || !strings.Contains(err.Error(), part)):
		t.Fatalf("got error %v, want it to contain %q", err, part)
	}
}

// fakeProc is a /proc with the given processes: group and CPU ticks of each.
func fakeProc(t *testing.T, procs map[int][2]int) string {
	t.Helper()
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("uptime", "1 2\n")
	for pid, p := range procs {
		write(fmt.Sprintf("%d/stat", pid), fmt.Sprintf("%d (x) S 1 %d 0 0 -1 0 0 0 0 0 %d 0 0 0 20\n", pid, p[0], p[1]))
		write(fmt.Sprintf("%d/status", pid), "VmRSS:\t 10 kB\n")
		write(fmt.Sprintf("%d/task/%d/schedstat", pid, pid), "1000 0 1\n")
		write(fmt.Sprintf("%d/task/%d/schedstat", pid, pid+1), "500 0 1\n")
	}
	return root
}

func TestMeterAddsUpItsGroup(t *testing.T) {
	t.Parallel()
	root := fakeProc(t, map[int][2]int{100: {100, 1}, 105: {100, 2}, 200: {200, 50}})
	for _, tt := range []struct {
		name   string
		group  bool
		source Source
		want   time.Duration
		rss    int64
	}{
		{name: "group, ticks", group: true, source: SourceStat, want: 30 * time.Millisecond, rss: 20 << 10},
		{name: "group, threads", group: true, source: SourceSchedstat, want: 3000, rss: 20 << 10},
		{name: "one process", source: SourceSchedstat, want: 1500, rss: 10 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &Meter{root: root, pid: 100, group: tt.group, source: tt.source}
			if err := m.Refresh(); err != nil {
				t.Fatal(err)
			}
			cpu, err := m.CPU()
			if err != nil {
				t.Fatal(err)
			}
			rss, err := m.RSS()
			if err != nil {
				t.Fatal(err)
			}
			if cpu != tt.want || rss != tt.rss {
				t.Errorf("got %v and %d B, want %v and %d B", cpu, rss, tt.want, tt.rss)
			}
		})
	}
}

// All sources must tell the same of this process, within their resolution.
func TestSourcesAgree(t *testing.T) {
	m, err := WatchGroup(syscall.Getpgrp())
	if err != nil {
		t.Fatal(err)
	}
	if m.Source() != SourceClock {
		t.Errorf("the process clock is not in use but %q", m.Source())
	}
	m, err = Watch(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	before := mustCPU(t, m)
	sum := 0
	for i := 0; mustCPU(t, m)-before < 50*time.Millisecond; i++ {
		sum += i
	}
	clock := mustCPU(t, m)
	for _, s := range []Source{SourceSchedstat, SourceStat} {
		other := *m
		other.source = s
		// The sources are read one after the other while other tests run.
		if got := mustCPU(t, &other); (got - clock).Abs() > 200*time.Millisecond {
			t.Errorf("%s says %v, the process clock %v (%d)", s, got, clock, sum)
		}
	}
	if rss, err := m.RSS(); err != nil || rss < 1<<20 {
		t.Errorf("RSS() = %d, %v", rss, err)
	}
}

func mustCPU(t *testing.T, m *Meter) time.Duration {
	t.Helper()
	d, err := m.CPU()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWatchNobody(t *testing.T) {
	t.Parallel()
	const never = 1 << 22 // above the highest PID that Linux gives
	for _, pid := range []int{never, never + 1, 0, -1} {
		if _, err := Watch(pid); err == nil {
			t.Errorf("Watch(%d) succeeds", pid)
		}
	}
	if _, err := WatchGroup(never); err == nil || !strings.Contains(err.Error(), "has no process") {
		t.Errorf("WatchGroup of a group that does not exist: %v", err)
	}
}
