package plugintool

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // the command line is wrong
)

const usage = `usage: moonwire plugin new NAME --lang go|node [--dir DIR] [--moonwire PATH]

Writes a plugin to begin with: a program, its test, a server.conf and a README.
NAME has lower case letters, digits and "-". Files that are there stay as they
are: then nothing is written.

`

// usageError is a command line that is wrong.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Run runs a sub-command, and returns the exit code: 0, 1 if it could not do what it
// should, and 2 if the command line is wrong.
func Run(args []string, stdout, stderr io.Writer) int {
	err := run(args, stdout)
	var wrong usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		help(stdout)
		return exitOK
	}
	for line := range strings.Lines(err.Error() + "\n") {
		fmt.Fprint(stderr, "moonwire plugin: "+line)
	}
	if errors.As(err, &wrong) {
		fmt.Fprintln(stderr, "moonwire plugin: see moonwire plugin -h")
		return exitUsage
	}
	return exitFailed
}

func run(args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return usagef("say what is to be done: new writes a plugin")
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		return flag.ErrHelp
	case "new":
	default:
		return usagef("there is no command %q: must be new", args[0])
	}
	o, err := parse(args[1:])
	if err != nil {
		return err
	}
	return create(o, stdout)
}

// newFlags returns the flags of new, which set o.
func newFlags(o *options) *flag.FlagSet {
	f := flag.NewFlagSet("new", flag.ContinueOnError)
	f.SetOutput(io.Discard) // Run tells the error
	f.Usage = func() {}
	f.StringVar(&o.lang, "lang", "", "`language` of the plugin: go or node")
	f.StringVar(&o.dir, "dir", "", "`folder` of the plugin (default one of its name)")
	f.StringVar(&o.moonwire, "moonwire", "", "`folder` of the sources of Moonwire (default those that the program was built of, or that one is in)")
	return f
}

// parse reads the arguments of new: flags may stand behind the name.
func parse(args []string) (options, error) {
	var o options
	var names []string
	f := newFlags(&o)
	for {
		if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
			return o, err
		} else if err != nil {
			return o, usageError{err}
		}
		if f.NArg() == 0 {
			break
		}
		names, args = append(names, f.Arg(0)), f.Args()[1:]
	}
	if len(names) != 1 {
		return o, usagef("new takes one name, and got %d", len(names))
	}
	o.name = names[0]
	return o, o.check()
}

func help(w io.Writer) {
	fmt.Fprint(w, usage)
	f := newFlags(new(options))
	f.SetOutput(w)
	f.PrintDefaults()
}
