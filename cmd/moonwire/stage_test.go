//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for anything.
const patience = 20 * time.Second

// stage is what a script has started and opened. One goroutine uses it.
type stage struct {
	processes map[string]*process
	peers     map[string]*peer
}

// process is a program in the background.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// stageKey finds the stage among the values of a script.
type stageKey struct{}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

// newStage returns an empty stage that is cleared at the end of the script.
func newStage(env *testscript.Env) *stage {
	s := &stage{processes: make(map[string]*process), peers: make(map[string]*peer)}
	env.Defer(func() {
		for _, p := range s.peers {
			_ = p.nc.Close()
		}
		for _, p := range s.processes {
			_ = p.cmd.Process.Kill() // it may have ended before
			<-p.done
		}
	})
	return s
}

// start runs a program in the background.
func start(ts *testscript.TestScript, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARGS…")
	}
	name := args[0]
	if _, ok := stageOf(ts).processes[name]; ok {
		ts.Fatalf("%s was started before", name)
	}
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "GOCOVERDIR=" + os.Getenv("GOCOVERDIR")}
	stdout, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	defer stdout.Close()
	stderr, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	ts.Check(cmd.Start())
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // the state says it all
	}()
	stageOf(ts).processes[name] = p
	ts.Setenv(name, strconv.Itoa(cmd.Process.Pid))
}

func processOf(ts *testscript.TestScript, name string) *process {
	p := stageOf(ts).processes[name]
	if p == nil {
		ts.Fatalf("%s was not started", name)
	}
	return p
}

// send sends a signal to a process.
func send(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: signal NAME SIGNAL")
	}
	signals := map[string]syscall.Signal{
		"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP,
		"KILL": syscall.SIGKILL, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
	}
	sig, ok := signals[args[1]]
	if !ok {
		ts.Fatalf("unknown signal %s", args[1])
	}
	ts.Check(processOf(ts, args[0]).cmd.Process.Signal(sig))
}

// exited waits for the end of a process.
func exited(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: exited NAME CODE")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	p := processOf(ts, args[0])
	select {
	case <-p.done:
	case <-time.After(patience):
		ts.Fatalf("%s did not end within %s; its stderr:\n%s", args[0], patience, ts.ReadFile(args[0]+".err"))
	}
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("%s ended with %d, want %d; its stderr:\n%s", args[0], got, want, ts.ReadFile(args[0]+".err"))
	}
	delete(stageOf(ts).processes, args[0])
}

// await waits until a file matches, told of changes by the file system.
func await(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	file, re := ts.MkAbs(args[0]), compile(ts, "(?m)"+args[1])
	w, err := fsnotify.NewWatcher()
	ts.Check(err)
	defer w.Close()
	ts.Check(w.Add(filepath.Dir(file)))
	late := time.After(patience)
	for {
		content, err := os.ReadFile(file)
		if err == nil && capture(ts, re, content) {
			return
		}
		select {
		case <-w.Events:
		case err := <-w.Errors:
			ts.Check(err)
		case <-late:
			ts.Fatalf("%s has no match for %s within %s; it is:\n%s", args[0], args[1], patience, content)
		}
	}
}

func compile(ts *testscript.TestScript, expr string) *regexp.Regexp {
	re, err := regexp.Compile(expr)
	ts.Check(err)
	return re
}

// capture reports whether text matches, and sets the variables that re names.
func capture(ts *testscript.TestScript, re *regexp.Regexp, text []byte) bool {
	m := re.FindSubmatch(text)
	for i, name := range re.SubexpNames() {
		if name != "" && i < len(m) {
			ts.Setenv(name, string(m[i]))
		}
	}
	return m != nil
}

// loopback is the address of a port on this machine.
func loopback(port string) string { return net.JoinHostPort("127.0.0.1", port) }
