//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // a run failed
	exitUsage  = 2 // the command line makes no sense
)

const usage = `usage: moonbench COMMAND [flags]

  run    measure one or more servers
  list   show the scenarios
  hooks  make the page of what hooks cost
  floor  serve as the forwarder that only copies bytes

moonbench COMMAND -h shows the flags.
`

// errUsage is wrapped by errors about the command line.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	var err error
	switch args[0] {
	case "run":
		err = runCommand(ctx, args[1:], stdout, stderr)
	case "list":
		err = listCommand(args[1:], stdout, stderr)
	case "hooks":
		err = hooksCommand(args[1:], stderr)
	case "floor":
		err = floorCommand(ctx, args[1:], stdout, stderr)
	case "-h", "-help", "--help", "help":
		fmt.Fprint(stdout, usage)
	default:
		err = fmt.Errorf("%w: unknown command %q; there are run, list, hooks and floor", errUsage, args[0])
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "moonbench: interrupted")
		return exitFailed
	}
	fmt.Fprintln(stderr, "moonbench:", err)
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailed
}
