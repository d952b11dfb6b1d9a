//go:build linux

package target

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"moonwire/cmd/moonbench/internal/proc"
)

const (
	readyTimeout = 15 * time.Second // from start to the first PONG
	stopGrace    = 3 * time.Second  // from SIGTERM to SIGKILL
	pipeGrace    = time.Second      // for output that descendants hold open
	startTries   = 3                // a free port may be taken by the time it is used
	outputKept   = 4 << 10          // bytes of output shown when a server fails
)

// Target is a server to measure.
type Target interface {
	// Label is the name shown in reports.
	Label() string
	// Start makes the server ready to serve. The caller must Stop it.
	Start(ctx context.Context) (*Server, error)
}

// Server is a running server. Its fields are immutable.
type Server struct {
	Addr  string      // host:port of the client port
	Meter *proc.Meter // its CPU time and memory
	TLS   *tls.Config // whom its clients trust; nil without TLS

	// ProfileAddr is the host:port of the profiling endpoint; empty if the
	// command line has no {prof}.
	ProfileAddr string

	command *command // nil for a server that was not started here
	keys    *keys    // nil without TLS
}

// Stop ends the server and its whole process group, and returns when it is
// gone. A server that was running before is left alone. Stop may be called
// more than once.
func (s *Server) Stop() {
	if s.command != nil {
		s.command.stop()
	}
	s.keys.remove()
}

// Running is a server that somebody else started.
type Running struct {
	Name string // shown in reports
	Addr string // host:port
	PID  int    // its process
}

// Label implements Target.
func (r Running) Label() string { return r.Name }

// Start checks that the server answers and can be measured.
func (r Running) Start(ctx context.Context) (*Server, error) {
	m, err := proc.Watch(r.PID)
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", r.Name, err)
	}
	if err := ping(ctx, r.Addr, nil); err != nil {
		return nil, fmt.Errorf("server %s at %s: %w", r.Name, r.Addr, err)
	}
	return &Server{Addr: r.Addr, Meter: m}, nil
}

// Command is a server that is started fresh each time.
type Command struct {
	Name string // shown in reports
	Line string // the command line, see the package comment

	// TLSLine is the command line for TLS scenarios, with {cert} and {key}
	// besides; "" if the server is to be left out of them.
	TLSLine string

	keys *keys // set by StartTLS
}

// Label implements Target.
func (c Command) Label() string { return c.Name }

// Validate reports whether the command lines can be split, name a program and
// have all places that must be filled in.
func (c Command) Validate() error {
	_, _, err := c.parse(0, 0)
	return errors.Join(err, c.validateTLS())
}

// Profiled reports whether the server will have a ProfileAddr.
func (c Command) Profiled() bool { return strings.Contains(c.Line, profPlace) }

// What a command line is filled in with.
const (
	portPlace = "{port}"
	profPlace = "{prof}"
)

func (c Command) parse(port, prof int) (env, argv []string, err error) {
	words, err := splitWords(c.Line)
	if err != nil {
		return nil, nil, fmt.Errorf("command of server %s: %w", c.Name, err)
	}
	env, argv = splitEnv(words)
	if len(argv) == 0 {
		return nil, nil, fmt.Errorf("command of server %s names no program: %q", c.Name, c.Line)
	}
	if !strings.Contains(c.Line, portPlace) {
		return nil, nil, fmt.Errorf("command of server %s has no {port}: %q", c.Name, c.Line)
	}
	fill := strings.NewReplacer(portPlace, strconv.Itoa(port), profPlace, strconv.Itoa(prof))
	for i := range argv {
		argv[i] = fill.Replace(argv[i])
	}
	return env, argv, nil
}

// Start runs the command and waits until it answers a PING on 127.0.0.1. It
// fails with the end of the command's output if the process exits first.
func (c Command) Start(ctx context.Context) (*Server, error) {
	var last error
	for range startTries {
		s, err := c.startOnce(ctx)
		if err == nil {
			return s, nil
		}
		last = err
		if !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return nil, fmt.Errorf("server %s: %w", c.Name, last)
}

func (c Command) startOnce(ctx context.Context) (*Server, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	env, argv, err := c.parse(ports[0], ports[1])
	if err != nil {
		return nil, err
	}
	c.keys.fill(argv)
	cmd, err := startCommand(env, argv)
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: local(ports[0]), command: cmd}
	if c.Profiled() {
		s.ProfileAddr = local(ports[1])
	}
	if err := cmd.waitReady(ctx, s.Addr, c.keys.client()); err != nil {
		cmd.stop()
		return nil, cmd.withOutput(err)
	}
	if s.Meter, err = cmd.watch(ports[0]); err != nil {
		cmd.stop()
		return nil, cmd.withOutput(err)
	}
	return s, nil
}

// watch returns the meter of a command that is ready. It fails if who answers
// on the port is somebody else, who was faster.
func (c *command) watch(port int) (*proc.Meter, error) {
	m, err := proc.WatchGroup(c.pid)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errTaken, err)
	}
	own, err := m.Listens(port)
	if err == nil && !own {
		err = fmt.Errorf("%w: another process listens on port %d", errTaken, port)
	}
	return m, err
}

// errTaken is wrapped by errors that say that another server has the port.
var errTaken = errors.New("address already in use")

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts finds n different ports that are free now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer l.Close() // held until all are found, so that none comes twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// command is a started process group.
type command struct {
	pid  int           // the leader, whose PID is the group's; immutable
	out  *tailWriter   // immutable
	gone chan struct{} // closed when the leader has been waited for
}

// startCommand starts argv in a new process group. The goroutine that starts
// it stays locked to its thread until the process ends, because the kernel
// sends the parent-death signal when that thread exits.
func startCommand(env, argv []string) (*command, error) {
	c := &command{out: &tailWriter{}, gone: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(c.gone)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), env...)
		cmd.Stdout, cmd.Stderr = c.out, c.out
		cmd.WaitDelay = pipeGrace
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			started <- fmt.Errorf("starting: %w", err)
			return
		}
		c.pid = cmd.Process.Pid
		started <- nil
		_ = cmd.Wait() // its exit status says nothing: it is killed by us
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// stop ends the whole group and waits for the leader.
func (c *command) stop() {
	_ = syscall.Kill(-c.pid, syscall.SIGTERM) // the group may be gone already
	t := time.NewTimer(stopGrace)
	defer t.Stop()
	select {
	case <-c.gone:
	case <-t.C:
	}
	_ = syscall.Kill(-c.pid, syscall.SIGKILL) // also descendants that outlive the leader
	<-c.gone
}

func (c *command) withOutput(err error) error {
	if out := strings.TrimSpace(c.out.String()); out != "" {
		return fmt.Errorf("%w; its output ends with:\n%s", err, out)
	}
	return err
}

// waitReady tries to talk to addr until it answers or there is no point.
func (c *command) waitReady(ctx context.Context, addr string, secure *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		err := ping(ctx, addr, secure)
		if err == nil || errors.Is(err, ErrNoTLS) {
			return err
		}
		select {
		case <-c.gone:
			return errors.New("exited before it answered a PING")
		case <-ctx.Done():
			return fmt.Errorf("no answer to PING: %w (last attempt: %w)", context.Cause(ctx), err)
		case <-retry.C:
		}
	}
}

// ping connects as a client would and waits for a PONG. secure is nil without
// TLS.
func ping(ctx context.Context, addr string, secure *tls.Config) error {
	d := net.Dialer{Timeout: time.Second}
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	plain := nc
	stop := context.AfterFunc(ctx, func() { _ = plain.Close() })
	defer stop()
	if secure != nil {
		if nc, err = upgrade(nc, secure); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(nc, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n"); err != nil {
		return err
	}
	r := bufio.NewReader(nc)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(line, "PONG"):
			return nil
		case strings.HasPrefix(line, "-ERR"):
			return fmt.Errorf("server says %s", strings.TrimSpace(line))
		}
	}
}

// tailWriter keeps the end of what is written to it. It is safe for concurrent
// use.
type tailWriter struct {
	mu  sync.Mutex
	buf []byte // guarded by mu
}

// Write implements io.Writer; it never fails.
func (w *tailWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, p...)
	if n := len(w.buf) - outputKept; n > 0 {
		w.buf = append(w.buf[:0], w.buf[n:]...)
	}
	return len(p), nil
}

// String returns the end of the output.
func (w *tailWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.buf)
}
