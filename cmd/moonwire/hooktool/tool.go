package hooktool

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"moonwire/server"
)

// Program is what the tools have of the program that they are a part of.
type Program struct {
	Stdout, Stderr io.Writer
	Environ        []string // as os.Environ
	// Engines are what runs the hooks of a configuration; each call is for
	// another server. Nil: a configuration cannot have hooks.
	Engines func() []server.Option
	// Reload has a running broker read its configuration again: the process with
	// an id, or with one in a file of that name; "" is the one that runs. Nil:
	// that cannot be done here.
	Reload func(whom string) error
}

// command is one sub-command.
type command struct {
	name, args, doc string
	run             func(t *tool, args []string) error
}

func commands() []command {
	return []command{
		{"check", "[-c CONF] [SCRIPT...]", "Load hooks and say what they ask for.", (*tool).check},
		{"test", "[flags] PATH...", "Run the tests of scripts: *_test.lua beside them, or in all of a folder.", (*tool).test},
		{"bench", "[flags] SCRIPT", "Measure what each function of a script costs.", (*tool).bench},
		{"explain", "[flags] [SCRIPT...] QUESTION", "Say step by step what hooks and permissions decide, and why.", (*tool).explain},
		{"replay", "[flags] LOG [SCRIPT]", "Ask hooks again what a log says that they decided, and show what is different.", (*tool).replay},
		{"reload", "[flags] [NAME]", "Check a configuration, and have the broker take it.", (*tool).reload},
		{"conform", "[flags] CMD [ARGS...]", "Hold a plugin to the protocol, as the broker would run it.", (*tool).conform},
		{"stub", "[FILE]", "Write the annotations for editors (LuaLS), to a file or the standard output.", (*tool).stub},
	}
}

// tool is one run.
type tool struct {
	Program
	ctx     context.Context
	command command
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // a test failed, or a script is wrong
	exitUsage  = 2 // the command line is wrong
)

// errFailed is the error for what was told already.
var errFailed = errors.New("failed")

// usageError is a command line that is wrong.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Run runs a sub-command, and returns the exit code: 0, 1 if a script or a test is
// wrong, and 2 if the command line is.
func Run(ctx context.Context, args []string, p Program) int {
	if len(args) == 0 {
		usage(p.Stderr)
		return exitUsage
	}
	if slices.Contains([]string{"-h", "--help", "-help", "help"}, args[0]) {
		usage(p.Stdout)
		return exitOK
	}
	list := commands()
	i := slices.IndexFunc(list, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		fmt.Fprintf(p.Stderr, "moonwire hook: there is no command %q\n", args[0])
		usage(p.Stderr)
		return exitUsage
	}
	t := &tool{Program: p, ctx: ctx, command: list[i]}
	err := t.command.run(t, args[1:])
	var wrong usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &wrong):
		t.complain(err)
		fmt.Fprintln(p.Stderr, t.synopsis())
		return exitUsage
	case !errors.Is(err, errFailed):
		t.complain(err)
	}
	return exitFailed
}

// complain writes each line of an error behind the name of the command.
func (t *tool) complain(err error) {
	for line := range strings.Lines(err.Error() + "\n") {
		fmt.Fprintf(t.Stderr, "moonwire hook %s: %s", t.command.name, line)
	}
}

func (t *tool) synopsis() string {
	return fmt.Sprintf("usage: moonwire hook %s %s", t.command.name, t.command.args)
}

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: moonwire hook COMMAND [arguments]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-8s %-28s %s\n", c.name, c.args, c.doc)
	}
	fmt.Fprint(w, "\nmoonwire hook COMMAND -h shows the flags of a command.\n")
}

// flags returns the set of flags of the sub-command.
func (t *tool) flags() *flag.FlagSet {
	f := flag.NewFlagSet(t.command.name, flag.ContinueOnError)
	f.SetOutput(t.Stdout)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "%s\n\n%s\n", t.synopsis(), t.command.doc)
		if t.command.name == "explain" {
			fmt.Fprintf(f.Output(), "QUESTION is %s.\n", questions)
		}
		f.PrintDefaults()
	}
	return f
}

// parse parses flags, wherever they stand among the arguments; what comes after
// "--" is none.
func parse(f *flag.FlagSet, args []string) (rest []string, err error) {
	out := f.Output()
	f.SetOutput(io.Discard) // the error is told once, by Run
	usage := f.Usage
	f.Usage = func() {}
	for {
		before := len(args)
		if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
			f.SetOutput(out)
			usage()
			return nil, err
		} else if err != nil {
			return nil, usageError{err}
		}
		if n := before - f.NArg(); n > 0 && args[n-1] == "--" {
			return append(rest, f.Args()...), nil
		}
		if f.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
}
