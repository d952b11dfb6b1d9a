//go:build unix

package moonwire_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for a program, which a fresh machine with
// other tests to run may have to fetch and to compile first.
const patience = 4 * time.Minute

// output is what a program has printed so far.
type output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{} // closed at the next write
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return o.buf.Write(p)
}

// now returns what was printed, and a channel that is closed when there is
// more.
func (o *output) now() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.buf.String(), o.changed
}

// job is a program that runs beside the test.
type job struct {
	cmd    *exec.Cmd
	output output // standard output and standard error
	done   chan struct{}
}

// startJob starts a program in a process group of its own. It is killed when
// the test ends before it.
func startJob(t *testing.T, dir string, env []string, name string, args ...string) *job {
	t.Helper()
	j := &job{cmd: exec.Command(name, args...), done: make(chan struct{})}
	j.cmd.Dir, j.cmd.Env = dir, env
	j.cmd.Stdout, j.cmd.Stderr = &j.output, &j.output
	j.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(j.done)
		_ = j.cmd.Wait() // the state says it all
	}()
	t.Cleanup(func() {
		select {
		case <-j.done:
		default:
			j.signal(syscall.SIGKILL)
			<-j.done
		}
	})
	return j
}

// signal reaches the program and what it has started, as a key press does. It
// is for a program that was not waited for yet.
func (j *job) signal(sig syscall.Signal) {
	_ = syscall.Kill(-j.cmd.Process.Pid, sig) // it may have ended already
}

// printed returns the output so far.
func (j *job) printed() string {
	text, _ := j.output.now()
	return text
}

// await waits until the output has a match and returns its groups. It returns
// nil when the program ends without.
func (j *job) await(t *testing.T, expr string) []string {
	t.Helper()
	re := regexp.MustCompile(expr)
	late := time.After(patience)
	for ended := false; ; {
		text, changed := j.output.now()
		if m := re.FindStringSubmatch(text); m != nil {
			return m
		}
		if ended {
			return nil
		}
		select {
		case <-changed:
		case <-j.done:
			ended = true
		case <-late:
			t.Fatalf("%q did not print %s within %s, but:\n%s", j.cmd.Args, expr, patience, text)
		}
	}
}

// wait waits for the end and returns the exit code.
func (j *job) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-j.done:
	case <-time.After(patience):
		t.Fatalf("%q did not end within %s; it printed:\n%s", j.cmd.Args, patience, j.printed())
	}
	return j.cmd.ProcessState.ExitCode()
}

// environment is a small environment for programs: the caller's has settings
// of whoever runs the test. Go's commands find their caches, and install into a
// folder of their own. The folders of path come first.
func environment(t *testing.T, path ...string) []string {
	t.Helper()
	home, bin := t.TempDir(), t.TempDir()
	path = append([]string{bin}, append(path, os.Getenv("PATH"))...)
	env := []string{
		"PATH=" + strings.Join(path, string(os.PathListSeparator)),
		"GOBIN=" + bin, "HOME=" + home, "TMPDIR=" + home, "LC_ALL=C",
		"XDG_CONFIG_HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CACHE_HOME=" + home,
	}
	vars := []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOROOT", "GOFLAGS", "GOPROXY", "GOTOOLCHAIN"}
	values, err := exec.Command("go", append([]string{"env"}, vars...)...).Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	for i, value := range strings.Split(string(values), "\n") {
		if value != "" {
			env = append(env, vars[i]+"="+value)
		}
	}
	return env
}
