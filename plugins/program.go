package plugins

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
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
	cmd    *exec.Cmd
	hello  *handshake
	stderr *lines
	ended  chan struct{} // closed when the process has ended
	err    error         // how it ended; set before ended is closed

	mu struct {
		sync.Mutex
		pid    int  // 0 before it runs
		killed bool // it is not to run
		reaped bool // the pid may be somebody else's
	}
}

// pipeDelay is for how long its pipes are read when the process has ended, if
// something else holds them open.
const pipeDelay = 100 * time.Millisecond

// newProgram returns a program that is not started. What it writes to its
// standard error goes to stderr; spoke is called when it writes to its standard
// output what it should not.
func newProgram(o *Options, stderr *lines, spoke func()) *program {
	r := &program{cmd: exec.Command(o.Command, o.Args...), hello: newHandshake(spoke), stderr: stderr, ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr, r.cmd.WaitDelay = r.hello, stderr, pipeDelay
	ownGroup(r.cmd)
	return r
}

// errStopped is why a program does not start that was stopped before.
var errStopped = errors.New("it was stopped before it ran")

// Start implements go-plugin's Runner, as the other methods do.
func (r *program) Start(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.killed {
		return errStopped
	}
	if err := r.cmd.Start(); err != nil {
		return err
	}
	r.mu.pid = r.cmd.Process.Pid
	go r.reap(r.mu.pid)
	return nil
}

// reap waits for the end of the process, and ends what it has left behind.
func (r *program) reap(pid int) {
	defer close(r.ended)
	if awaitExit(pid) {
		killGroup(r.cmd) // it is not reaped, so the pid is still its own
	}
	err := r.cmd.Wait()
	r.mu.Lock()
	r.mu.reaped = true
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
	if r.mu.pid > 0 && !r.mu.reaped {
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

// PluginToHost says where the program serves. Nothing but its socket will do: the
// directory of that is what keeps others out.
func (r *program) PluginToHost(network, address string) (string, string, error) {
	if network != socketNetwork {
		return "", "", &addressError{network, address}
	}
	return network, address, nil
}

// HostToPlugin leaves addresses as they are.
func (r *program) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// addressError is for a program that serves where it should not.
type addressError struct{ network, address string }

func (e *addressError) Error() string {
	return "it serves at " + e.network + " " + e.address + ": want a " + socketNetwork + " socket in the directory PLUGIN_UNIX_SOCKET_DIR"
}

// handshake passes on the first line that is written to it, and drops the rest.
type handshake struct {
	out   *io.PipeReader
	in    *io.PipeWriter
	spoke func() // called at the first of the rest
	n     int    // bytes of the line
	over  bool   // the line has ended
	more  bool   // there was more
}

// mostHandshake is how long the first line may be.
const mostHandshake = 16 << 10

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
		line = line[:min(len(line), mostHandshake-h.n)]
		_, _ = h.in.Write(line) // go-plugin reads to the end
		h.n += len(line)
		if !ended && h.n < mostHandshake {
			return n, nil
		}
		h.over = true
		h.end()
		b = rest
	}
	if len(b) > 0 && !h.more {
		h.more = true
		h.spoke()
	}
	return n, nil
}

// end has whoever reads the line see its end.
func (h *handshake) end() { _ = h.in.Close() }
