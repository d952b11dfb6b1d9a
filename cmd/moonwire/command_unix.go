//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// commands are what -sl asks of a running broker, as of nats-server.
var commands = map[string]syscall.Signal{
	"stop":   syscall.SIGKILL,
	"quit":   syscall.SIGINT,
	"term":   syscall.SIGTERM,
	"reopen": syscall.SIGUSR1,
	"reload": syscall.SIGHUP,
	"ldm":    syscall.SIGUSR2,
}

// command does what the argument of -sl says: a command, and perhaps "=" and to
// whom. Otherwise it goes to the one process of that name.
func command(arg, name string) error {
	word, whom, _ := strings.Cut(arg, "=")
	if err := tell(word, whom, name, "=pid"); err != nil {
		return fmt.Errorf("flag -sl: %w", err)
	}
	return nil
}

// tell sends a command. How is the way to say whom, for errors.
func tell(word, whom, name, how string) error {
	sig, ok := commands[word]
	if !ok {
		return fmt.Errorf("unknown command %q; must be stop, quit, term, reopen, reload or ldm", word)
	}
	pids, err := recipients(whom, name, how)
	if err != nil {
		return err
	}
	var errs []error
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil {
			errs = append(errs, fmt.Errorf("sending %s to process %d: %w", word, pid, err))
		}
	}
	return errors.Join(errs...)
}

// recipients returns the processes that are meant: by an id, by a file that
// holds one, by the beginning of ids with "*" behind it, or by the name of the
// program.
func recipients(whom, name, how string) ([]int, error) {
	if content, err := os.ReadFile(whom); err == nil {
		whom = strings.TrimSpace(string(content))
	}
	begin, several := strings.CutSuffix(whom, "*")
	if whom != "" && !several {
		pid, err := strconv.Atoi(whom)
		if err != nil || pid <= 0 {
			return nil, fmt.Errorf("no process %q; must be a process id, or a file that holds one", whom)
		}
		return []int{pid}, nil
	}
	pids, err := running(name, begin, how)
	switch {
	case err != nil:
		return nil, err
	case len(pids) == 0:
		return nil, fmt.Errorf("no %s is running; name a process with %s", name, how)
	case len(pids) > 1 && !several:
		return nil, fmt.Errorf("several %s are running: %s; name one with %s", name, strings.Trim(fmt.Sprint(pids), "[]"), how)
	}
	return pids, nil
}

// running returns the other processes of a program, of those whose ids begin
// like that.
func running(name, begin, how string) (pids []int, err error) {
	out, err := exec.Command("pgrep", "-x", name).Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) { // it ends with 1 when it finds nothing
		return nil, fmt.Errorf("looking for %s: %w; name a process with %s", name, err, how)
	}
	for _, field := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("looking for %s: pgrep says %q", name, field)
		}
		if pid != os.Getpid() && strings.HasPrefix(field, begin) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
