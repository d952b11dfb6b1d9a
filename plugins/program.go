package plugins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// program is go-plugin's runner of the process. It is our own so that the process
// can be ended while it is being started, and with it all that it has started; so
// that its end is seen though something else holds its pipes; and so that what it
// writes is read in any case.
type program struct {
	o      *Options
	cmd    *exec.Cmd
	dir    string // where it has to serve; set before it runs
	hello  *handshake
	stderr *lines
	ended  chan struct{} // closed when the process has ended
	err    error         // how it ended; set before ended is closed

	mu struct {
		sync.Mutex
		pid    int  // 0 before it runs
		killed bool // it is not to run
		over   bool // there is nothing to kill, and the pid may be somebody else's
	}
}

// pipeDelay is for how long its pipes are read when the process has ended, if
// something else holds them open.
const pipeDelay = 100 * time.Millisecond

// newProgram returns a program that is not started. What it writes to its
// standard error goes to stderr; spoke is called when it writes to its standard
// output what it should not.
func newProgram(o *Options, stderr *lines, spoke func()) *program {
	r := &program{o: o, cmd: exec.Command(o.Command, o.Args...), hello: newHandshake(spoke), stderr: stderr, ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr, r.cmd.WaitDelay = r.hello, stderr, pipeDelay
	ownGroup(r.cmd)
	endWithBroker(r.cmd)
	return r
}

// errStopped is why a program does not start that was stopped before.
var errStopped = errors.New("it was stopped before it ran")

// Start implements go-plugin's Runner, as the other methods do.
func (r *program) Start(context.Context) error {
	began := make(chan error)
	go r.run(began)
	return <-began
}

// run starts the process, tells began what came of it, and waits for the end.
func (r *program) run(began chan<- error) {
	// The process is told to end when the thread ends that has started it, so that has
	// to stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, err := r.begin()
	began <- err
	if err == nil {
		r.reap(pid)
	}
}

// begin starts the process. What it may use is limited from then on, before it can
// have started anything itself.
func (r *program) begin() (pid int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.killed {
		return 0, errStopped
	}
	if err := r.cmd.Start(); err != nil {
		return 0, err
	}
	pid = r.cmd.Process.Pid
	if err := limit(pid, r.o); err != nil {
		killGroup(r.cmd)
		_ = r.cmd.Wait() // it was killed
		return 0, fmt.Errorf("limiting what it may use: %w", err)
	}
	r.mu.pid = pid
	return pid, nil
}

// reap waits for the end of the process, and ends what it has left behind.
func (r *program) reap(pid int) {
	defer close(r.ended)
	if awaitExit(pid) {
		r.mu.Lock()
		killGroup(r.cmd) // it is not reaped, so the pid is still its own
		r.mu.over = true
		r.mu.Unlock()
	}
	err := r.cmd.Wait()
	r.mu.Lock()
	r.mu.over = true
	r.mu.Unlock()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		r.err = err
	}
	r.hello.end()
	r.stderr.end()
}

// pid returns the process ID, or 0 before it runs.
func (r *program) pid() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.pid
}

// exit says how the process has ended, and whether it has, for which it waits at
// most d.
func (r *program) exit(d time.Duration) (how string, ended bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.ended:
	case <-t.C:
		select {
		case <-r.ended:
		default:
			return "", false
		}
	}
	if r.err == nil {
		return "exit status 0", true
	}
	return r.err.Error(), true
}

// Wait returns when the process has ended.
func (r *program) Wait(context.Context) error {
	<-r.ended
	return r.err
}

// Kill ends the process and what it has started.
func (r *program) Kill(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.killed = true
	if r.mu.pid > 0 && !r.mu.over {
		killGroup(r.cmd)
	}
	return nil
}

// Stdout is where the handshake comes from, and nothing else.
func (r *program) Stdout() io.ReadCloser { return r.hello.out }

// Stderr is empty: the program's is read elsewhere.
func (r *program) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name is the path of the program.
func (r *program) Name() string { return r.cmd.Path }

// ID is the process ID; "" before it runs.
func (r *program) ID() string {
	if pid := r.pid(); pid > 0 {
		return strconv.Itoa(pid)
	}
	return ""
}

// Diagnose has nothing to add.
func (r *program) Diagnose(context.Context) string { return "" }

// PluginToHost says where the program serves. Nothing but a socket in its directory
// will do, as that is what keeps others out. It comes between the handshake and what
// go-plugin makes of it, which is not to see a certificate that it has not asked for.
func (r *program) PluginToHost(network, address string) (string, string, error) {
	if network != socketNetwork || network == "unix" && !within(r.dir, address) {
		return "", "", handshakeError("it serves at " + network + " " + brief(address) + ": want a " + socketNetwork + " socket in the directory PLUGIN_UNIX_SOCKET_DIR")
	}
	if r.o.NoMTLS && r.hello.certified {
		return "", "", handshakeError("it has a certificate, and mtls is false: have it serve without TLS when PLUGIN_CLIENT_CERT is absent, or set mtls to true")
	}
	return network, address, nil
}

// within reports whether a file is in a directory, by whatever name.
func within(dir, file string) bool {
	a, err := filepath.EvalSymlinks(filepath.Dir(file))
	if err != nil {
		return false
	}
	b, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(b, a)
	return err == nil && filepath.IsLocal(rel)
}

// HostToPlugin leaves addresses as they are.
func (r *program) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// handshakeError is what is wrong with a handshake that go-plugin would take.
type handshakeError string

func (e handshakeError) Error() string { return string(e) }

// handshake passes on the first line that is written to it, and drops the rest.
type handshake struct {
	out       *io.PipeReader
	in        *io.PipeWriter
	spoke     func() // called at the first of the rest
	line      []byte // as far as it has come
	certified bool   // it has a certificate; set before it is passed on
	over      bool   // it has ended
	more      bool   // there was more
}

// mostHandshake is how long the first line may be.
const mostHandshake = 16 << 10

// certificateField is the place of the certificate in the line.
const certificateField = 5

func newHandshake(spoke func()) *handshake {
	h := &handshake{spoke: spoke}
	h.out, h.in = io.Pipe()
	return h
}

// Write implements io.Writer. It never fails, and is not called twice at a time.
func (h *handshake) Write(b []byte) (int, error) {
	n := len(b)
	if !h.over {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		h.line = append(h.line, line[:min(len(line), mostHandshake-len(h.line))]...)
		if !ended && len(h.line) < mostHandshake {
			return n, nil
		}
		h.end()
		b = rest
	}
	if len(b) > 0 && !h.more {
		h.more = true
		h.spoke()
	}
	return n, nil
}

// end passes on the line, and has whoever reads it see its end.
func (h *handshake) end() {
	if h.over {
		return
	}
	h.over = true
	fields := bytes.Split(h.line, []byte("|"))
	h.certified = len(fields) > certificateField && len(bytes.TrimSpace(fields[certificateField])) > 0
	if len(h.line) > 0 {
		_, _ = h.in.Write(h.line) // go-plugin reads to the end
	}
	_ = h.in.Close()
	h.line = nil
}
