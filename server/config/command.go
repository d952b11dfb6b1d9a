package config

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"moonwire/server/spelling"
)

// Action is what a command line asks for.
type Action int

// The actions.
const (
	Run        Action = iota // run the broker with the options
	TestConfig               // say that the configuration is valid, and exit
	Signal                   // send a signal to a running broker and exit
	Help                     // print Usage and exit
	Version                  // print the version and exit
)

// Command is a command line that was understood.
type Command struct {
	// Action says what to do. Unless it is Run or TestConfig, no options are set.
	Action Action
	// Signal is the argument of that action: what to do, and perhaps "=" and to
	// whom, by process id or by the name of a file that holds it.
	Signal string
	// Options are complete: defaults are filled in.
	Options Options
	// Warnings are about what works but is probably not meant.
	Warnings []string
}

// Parse reads a command line (without the name of the program), the file that
// it or the environment names, and the environment as os.Environ returns it.
// Flags win over the environment, which wins over the file. Flags are those of
// package flag: one or two dashes, "-x v" or "-x=v".
//
// The error joins all problems that were found. After a flag that does not
// exist nothing more is looked at.
func Parse(args, environ []string) (*Command, error) {
	l := newLoader()
	given, err := parseFlags(args, l.schema.flagItems())
	if err != nil {
		return nil, err
	}
	if given.action > TestConfig {
		return &Command{Action: given.action, Signal: given.signal}, nil
	}
	env := l.environment(environ)
	flags := l.flags(given.flags)
	path, ok := flags["ConfigFile"].(string)
	if !ok {
		path, _ = env["ConfigFile"].(string)
	}
	opts, warnings, err := l.load(l.file(path), env, flags)
	if err != nil {
		return nil, err
	}
	if given.action == TestConfig && path == "" {
		return nil, errors.New("flag -t: no configuration to check; name one with -c")
	}
	return &Command{Action: given.action, Options: opts, Warnings: warnings}, nil
}

// given is what stands on a command line.
type given struct {
	action Action
	signal string
	flags  []givenFlag // in order
}

type givenFlag struct {
	name, value string
	item        *item
}

// flagValue appends what package flag finds to a command line.
type flagValue struct {
	name string
	item *item
	to   *given
}

// String returns "": the default stands in the table.
func (f *flagValue) String() string { return "" }

// IsBoolFlag tells package flag that no value needs to follow.
func (f *flagValue) IsBoolFlag() bool { return f.item.kind == boolean || f.item.arg == "" }

// Set never fails: values are checked with those of the other sources.
func (f *flagValue) Set(value string) error {
	f.to.flags = append(f.to.flags, givenFlag{f.name, value, f.item})
	return nil
}

// parseFlags splits a command line. It looks at no value.
func parseFlags(args []string, items []*item) (*given, error) {
	g := new(given)
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	var names []string
	for _, it := range items {
		for _, name := range it.flags {
			fs.Var(&flagValue{name, it, g}, name, "")
			names = append(names, name)
		}
	}
	if err := fs.Parse(args); err != nil {
		return nil, flagError(err, names)
	}
	secret := false
	var options []givenFlag
	for _, f := range g.flags {
		if f.item.kind != action {
			secret = secret || f.item.secret
			options = append(options, f)
			continue
		}
		on, ok := parseBool(f.value)
		switch {
		case f.item.does == Signal:
			g.signal, on = f.value, true
		case !ok:
			return nil, fmt.Errorf("flag %s: must be given without a value", dashed(f.name))
		}
		if on {
			g.action = max(g.action, f.item.does)
		}
	}
	g.flags = options
	if g.action > TestConfig || fs.NArg() == 0 {
		return g, nil
	}
	switch word := strings.ToLower(fs.Arg(0)); {
	case word == "version":
		g.action = Version
	case word == "help":
		g.action = Help
	case secret: // it may be the rest of a password with a blank in it
		return nil, errors.New("unexpected argument after the flags; only help and version may stand there")
	default:
		return nil, fmt.Errorf("unexpected argument %q; only help and version may stand there", fs.Arg(0))
	}
	return g, nil
}

// flagError words an error of package flag, without the value behind "=".
func flagError(err error, names []string) error {
	msg := err.Error()
	if name, ok := strings.CutPrefix(msg, "flag provided but not defined: -"); ok {
		hint := ""
		if n := spelling.Nearest(name, names); n != "" && len(name) > 2 {
			hint = "; did you mean " + dashed(n) + "?"
		}
		return fmt.Errorf("unknown flag %s%s", dashed(name), hint)
	}
	msg, _, _ = strings.Cut(msg, "=")
	return errors.New(msg)
}

// flags translates the flags in their order: of two for the same option the
// later one wins. Those that take a block away come last.
func (l *loader) flags(given []givenFlag) source {
	s := make(source)
	slices.SortStableFunc(given, func(a, b givenFlag) int {
		return cmp.Compare(btoi(a.item.kind == presence), btoi(b.item.kind == presence))
	})
	for _, g := range given {
		at := position{layer: layerFlag, source: "flag " + dashed(g.name)}
		newTranslation(l.rep).item(g.item, &node{value: plain(g.value), at: at}, g.item.scope, s.at(g.item.scope))
	}
	return s
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// dashed writes a flag the way usage does: one dash before short names and
// before capitals, else two.
func dashed(name string) string {
	if len(name) <= 2 || name == strings.ToUpper(name) {
		return "-" + name
	}
	return "--" + name
}
