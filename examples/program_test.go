//go:build unix

package examples_test

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for a program, on a machine with other tests to
// run.
const patience = time.Minute

// build builds commands and returns the folder that they are in.
func build(t *testing.T, packages ...string) string {
	t.Helper()
	bin := t.TempDir()
	c := exec.Command("go", append([]string{"build", "-pgo=off", "-o", bin + "/"}, packages...)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", c.Args, err, out)
	}
	return bin
}

// program runs beside the test, until that ends.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string // for clients, if it is a server
	done chan struct{}

	mu      sync.Mutex
	printed string        // so far; guarded by mu
	more    chan struct{} // closed when there is more; guarded by mu
}

func run(t *testing.T, path string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(path, args...), done: make(chan struct{}), more: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		t.Fatal(err)
	}
	go p.follow(r)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended already
		<-p.done
		_ = p.cmd.Wait() // killed
	})
	return p
}

// follow reads what the program prints, until it ends.
func (p *program) follow(r *os.File) {
	defer close(p.done)
	defer r.Close()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		p.mu.Lock()
		p.printed += lines.Text() + "\n"
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
}

// await waits until what was printed has a match, and returns its groups.
func (p *program) await(expr string) []string {
	p.t.Helper()
	re, late := regexp.MustCompile(expr), time.After(patience)
	for ended := false; ; {
		p.mu.Lock()
		printed, more := p.printed, p.more
		p.mu.Unlock()
		if m := re.FindStringSubmatch(printed); m != nil {
			return m
		}
		if ended {
			p.t.Fatalf("%q ended, and did not print %s, but:\n%s", p.cmd.Args, expr, printed)
		}
		select {
		case <-more:
		case <-p.done:
			ended = true
		case <-late:
			p.t.Fatalf("%q did not print %s within %v, but:\n%s", p.cmd.Args, expr, patience, printed)
		}
	}
}

// Addr implements servertest.Instance.
func (p *program) Addr() string { return p.addr }

// LameDuck implements servertest.Instance.
func (p *program) LameDuck() { p.signal(syscall.SIGUSR2) }

// Shutdown implements servertest.Instance.
func (p *program) Shutdown() { p.signal(syscall.SIGTERM) }

func (p *program) signal(s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Errorf("signalling %q: %v", p.cmd.Args, err)
	}
}
