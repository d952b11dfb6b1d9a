package hooktool

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"moonwire/plugins/conform"
)

// conform holds a plugin to the protocol.
func (t *tool) conform(args []string) error {
	f := t.flags()
	var o conform.Options
	env := make(environment)
	config := f.String("config", "", "what the plugin gets as its configuration: a JSON `object`, or a file that holds one")
	f.Var(env, "env", "a variable of its environment as `NAME=VALUE`; may be given more than once")
	tls := f.String("mtls", "both", "whether it is started with mutual TLS: `on|off|both`")
	f.DurationVar(&o.Timeout, "timeout", 2*time.Second, "for which `duration` an answer is waited for")
	f.DurationVar(&o.StartTimeout, "start-timeout", 10*time.Second, "the `duration` that it may take until it is configured")
	f.IntVar(&o.Calls, "calls", 100_000, "the `number` of questions that it has to bear")
	f.IntVar(&o.Clients, "clients", 1000, "the `number` of connections that it has to know at a time")
	asJSON := f.Bool("json", false, "print the report as JSON")
	verbose := f.Bool("v", false, "show what the plugin writes, and what a broker says of it")
	command, err := parseBefore(f, args)
	if err != nil {
		return err
	}
	switch {
	case len(command) == 0:
		return usagef("say how the plugin is started: its program, and that one's arguments")
	case o.Timeout <= 0 || o.StartTimeout <= 0 || o.Calls < 1 || o.Clients < 1:
		return usagef("-timeout, -start-timeout, -calls and -clients are more than 0")
	}
	if err := findable(command[0]); err != nil {
		return err
	}
	o.Command, o.Args, o.Env = command[0], command[1:], env
	var ok bool
	if o.TLS, ok = map[string]conform.TLS{"both": conform.Both, "on": conform.With, "off": conform.Without}[*tls]; !ok {
		return usagef("-mtls: %q is none of on, off, both", *tls)
	}
	if o.Config, err = settings(*config); err != nil {
		return usageError{err}
	}
	if *verbose {
		o.Log = logOnto(t.Stderr)
	}
	lines := checkLines{to: t.Stdout}
	if !*asJSON {
		o.Done = lines.check
	}
	report, err := conform.Run(t.ctx, o)
	lines.end()
	if err != nil {
		return err
	}
	if *asJSON {
		err = t.conformJSON(command, report)
	} else {
		fmt.Fprintf(t.Stdout, "%d ok, %d failed, %d skipped\n", report.Count(conform.OK), report.Count(conform.Failed), report.Count(conform.Skipped))
	}
	if err == nil && report.Count(conform.Failed) > 0 {
		err = errFailed
	}
	return err
}

// findable returns an error for a program that is here, but is looked for elsewhere.
func findable(program string) error {
	if _, err := exec.LookPath(program); err == nil || filepath.Base(program) != program {
		return nil // what else is wrong is seen when it is started
	}
	if _, err := os.Stat(program); err != nil {
		return nil
	}
	return usagef("%s is looked for in PATH, and is not there: write ./%s for the file in this folder", program, program)
}

// checkLines prints a line for each check, and one for those that are skipped in a
// row for the same reason.
type checkLines struct {
	to      io.Writer
	skipped []string // their names
	why     string   // they were
}

func (l *checkLines) check(c conform.Check) {
	if c.Result == conform.Skipped && c.Detail == l.why {
		l.skipped = append(l.skipped, c.Name)
		return
	}
	l.end()
	if c.Result == conform.Skipped {
		l.skipped, l.why = []string{c.Name}, c.Detail
		return
	}
	line := fmt.Sprintf("%-7s  %s", c.Result, c.Name)
	if c.Detail != "" {
		line += ": " + c.Detail
	}
	fmt.Fprintf(l.to, "%s (%s)\n", line, c.Took.Round(time.Millisecond))
}

// end prints what waits for more of the same.
func (l *checkLines) end() {
	if len(l.skipped) > 0 {
		fmt.Fprintf(l.to, "%-7s  %s: %s\n", conform.Skipped, strings.Join(l.skipped, ", "), l.why)
	}
	l.skipped, l.why = nil, ""
}

// conformJSON prints a report for programs.
func (t *tool) conformJSON(command []string, r conform.Report) error {
	type check struct {
		Name   string         `json:"name"`
		Result conform.Result `json:"result"`
		Detail string         `json:"detail,omitempty"`
		TookMS int64          `json:"took_ms"`
	}
	out := struct {
		Command []string `json:"command"`
		OK      int      `json:"ok"`
		Failed  int      `json:"failed"`
		Skipped int      `json:"skipped"`
		Checks  []check  `json:"checks"`
	}{Command: command, OK: r.Count(conform.OK), Failed: r.Count(conform.Failed), Skipped: r.Count(conform.Skipped)}
	for _, c := range r {
		out.Checks = append(out.Checks, check{c.Name, c.Result, c.Detail, c.Took.Milliseconds()})
	}
	e := json.NewEncoder(t.Stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// parseBefore parses the flags before the first argument: what follows is a
// command line of its own.
func parseBefore(f *flag.FlagSet, args []string) (rest []string, err error) {
	out, usage := f.Output(), f.Usage
	f.SetOutput(io.Discard) // the error is told once, by Run
	f.Usage = func() {}
	err = f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(out)
		usage()
		return nil, err
	case err != nil:
		return nil, usageError{err}
	}
	return f.Args(), nil
}

// settings reads a JSON object that is given, or the file that holds it.
func settings(given string) (m map[string]any, err error) {
	if !strings.HasPrefix(strings.TrimSpace(given), "{") {
		return readSettings(given)
	}
	if err := json.Unmarshal([]byte(given), &m); err != nil {
		return nil, fmt.Errorf("-config: it is no JSON object: %w", err)
	}
	return m, nil
}

// environment is the flag -env.
type environment map[string]string

// String implements flag.Value.
func (e environment) String() string {
	return strings.Join(slices.Sorted(maps.Keys(e)), ",")
}

// Set implements flag.Value.
func (e environment) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return errors.New("want NAME=VALUE")
	}
	e[name] = value
	return nil
}

// logOnto returns a log of lines for people.
func logOnto(w io.Writer) *zap.Logger {
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(zapcore.EncoderConfig{
		MessageKey: "msg", LevelKey: "level", EncodeLevel: zapcore.LowercaseLevelEncoder, ConsoleSeparator: "  ",
	}), zapcore.Lock(zapcore.AddSync(w)), zap.DebugLevel))
}
