//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"moonwire/cmd/moonbench/internal/report"
	"moonwire/cmd/moonbench/internal/scenario"
	"moonwire/cmd/moonbench/internal/series"
	"moonwire/cmd/moonbench/internal/target"
)

// letters name the servers on the command line: --a, --b … The first server is
// the subject of the report, the second its yardstick.
const letters = "abcdef"

// serverFlags is what the command line says about one server.
type serverFlags struct {
	name    string // in reports; default: the letter
	command string
	addr    string
	pid     int
	only    string // scenarios that it runs, as in runFlags.scenario; default: all that are chosen
	tls     string // command for TLS scenarios
}

// runFlags is the command line of moonbench run.
type runFlags struct {
	servers  [len(letters)]serverFlags
	scenario string
	pairs    int
	warmup   time.Duration
	measure  time.Duration
	patience time.Duration
	loops    int
	rate     int
	window   int
	quiet    bool
	profiles string
	profTime time.Duration
	out      outputs
}

// outputs are files to write the report to, besides the table on stdout.
type outputs struct{ json, markdown, plot, growth string }

func parseRun(args []string, stderr io.Writer) (*runFlags, error) {
	f := &runFlags{}
	fs := flag.NewFlagSet("moonbench run", flag.ContinueOnError)
	fs.SetOutput(stderr)
	for i := range f.servers {
		s, l := &f.servers[i], letters[i:i+1]
		fs.StringVar(&s.command, l, "", "`command` that starts server "+strings.ToUpper(l)+"; {port} becomes its port, {prof} that of its profiles")
		fs.StringVar(&s.tls, l+"-tls", "", "`command` that starts server "+strings.ToUpper(l)+" with TLS; {port}, {cert} and {key} become its port and files of a certificate")
		fs.StringVar(&s.addr, l+"-addr", "", "`host:port` of server "+strings.ToUpper(l)+" if it runs already; needs --"+l+"-pid")
		fs.IntVar(&s.pid, l+"-pid", 0, "process id of server "+strings.ToUpper(l)+" if it runs already")
		fs.StringVar(&s.name, l+"-name", "", "name of server "+strings.ToUpper(l)+" in reports")
		fs.StringVar(&s.only, l+"-only", "", "`scenarios` that server "+strings.ToUpper(l)+" runs, of those that are chosen; all if not given")
	}
	fs.StringVar(&f.scenario, "scenario", scenario.GroupQuick, "scenarios, groups or patterns, separated by commas; see moonbench list")
	fs.IntVar(&f.pairs, "pairs", 5, "how often each server runs each scenario")
	fs.DurationVar(&f.warmup, "warmup", time.Second, "load before the measured window")
	fs.DurationVar(&f.measure, "measure", 2*time.Second, "length of the measured window")
	fs.DurationVar(&f.patience, "patience", 5*time.Second, "how long nothing may arrive until it counts as lost")
	fs.IntVar(&f.loops, "loops", 0, "threads of the load generator; 0 is half the CPUs")
	fs.IntVar(&f.rate, "rate", 0, "messages published in a second in the paced scenarios, instead of their own rate")
	fs.IntVar(&f.window, "window", 0, "bytes that a publisher may be ahead of its slowest receiver, instead of the scenario's own")
	fs.BoolVar(&f.quiet, "quiet", false, "do not report each run on stderr")
	fs.StringVar(&f.profiles, "profile", "", "store CPU profiles of the servers with {prof} in this `folder`, each from a run of its own")
	fs.DurationVar(&f.profTime, "profile-time", 3*time.Second, "length of a profile, in whole seconds")
	fs.StringVar(&f.out.json, "json", "", "write everything, every run included, to this `file`")
	fs.StringVar(&f.out.markdown, "md", "", "write Markdown tables to this `file`")
	fs.StringVar(&f.out.plot, "plot", "", "draw an SVG chart into this `file`")
	fs.StringVar(&f.out.growth, "plot-growth", "", "draw cost against subscriptions and connections, of the growth scenarios, into this `file`")
	if err := fs.Parse(args); err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("%w: unexpected argument %q", errUsage, fs.Arg(0))
	}
	return f, nil
}

// config checks the flags and turns them into a series. It reports all
// problems at once.
func (f *runFlags) config() (series.Config, error) {
	cfg := series.Config{
		Pairs: f.pairs, Warmup: f.warmup, Measure: f.measure, Patience: f.patience, Loops: f.loops,
		Profiles: f.profiles, ProfileTime: f.profTime,
	}
	var errs []error
	for i := range f.servers {
		t, err := f.servers[i].target(letters[i : i+1])
		if err != nil {
			errs = append(errs, err)
		}
		only, err := f.servers[i].chosen(letters[i : i+1])
		if err != nil {
			errs = append(errs, err)
		}
		if t != nil {
			cfg.Targets, cfg.Only = append(cfg.Targets, t), append(cfg.Only, only)
		}
	}
	if len(cfg.Targets) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("no server: give --a, or --a-addr and --a-pid"))
	}
	if f.pairs < 1 {
		errs = append(errs, fmt.Errorf("--pairs is %d, must be at least 1", f.pairs))
	}
	if f.measure <= 0 || f.warmup < 0 || f.patience <= 0 {
		errs = append(errs, errors.New("--measure and --patience must be positive, --warmup not negative"))
	}
	if f.profTime <= 0 {
		errs = append(errs, errors.New("--profile-time must be positive"))
	}
	if f.loops < 0 || f.rate < 0 || f.window < 0 {
		errs = append(errs, errors.New("--loops, --rate and --window must not be negative"))
	}
	chosen, err := scenario.Select(strings.Split(f.scenario, ","))
	if err != nil {
		errs = append(errs, err)
	}
	for i := range chosen {
		if f.rate > 0 && chosen[i].Paced() {
			chosen[i].Rate, chosen[i].RatePercent = f.rate, 0
		}
		if f.window > 0 {
			chosen[i].Window = f.window
		}
	}
	cfg.Scenarios = chosen
	if len(errs) > 0 {
		return cfg, fmt.Errorf("%w: %w", errUsage, errors.Join(errs...))
	}
	return cfg, nil
}

// target is nil if the command line says nothing about this server.
func (s *serverFlags) target(letter string) (target.Target, error) {
	name := s.name
	if name == "" {
		name = strings.ToUpper(letter)
	}
	switch {
	case s.tls != "" && s.command == "":
		return nil, fmt.Errorf("--%[1]s-tls goes together with --%[1]s", letter)
	case s.command != "" && (s.addr != "" || s.pid != 0):
		return nil, fmt.Errorf("--%[1]s starts a server, --%[1]s-addr and --%[1]s-pid name a running one: give one or the other", letter)
	case s.command != "":
		c := target.Command{Name: name, Line: s.command, TLSLine: s.tls}
		return c, c.Validate()
	case s.addr != "" && s.pid != 0:
		return target.Running{Name: name, Addr: s.addr, PID: s.pid}, nil
	case s.addr != "" || s.pid != 0:
		return nil, fmt.Errorf("--%[1]s-addr and --%[1]s-pid go together", letter)
	case s.name != "" || s.only != "":
		return nil, fmt.Errorf("--%[1]s-name and --%[1]s-only are about a server that --%[1]s does not give", letter)
	}
	return nil, nil
}

// chosen is nil if the server runs all scenarios.
func (s *serverFlags) chosen(letter string) (map[string]bool, error) {
	if s.only == "" {
		return nil, nil
	}
	list, err := scenario.Select(strings.Split(s.only, ","))
	if err != nil {
		return nil, fmt.Errorf("--%s-only: %w", letter, err)
	}
	only := make(map[string]bool, len(list))
	for i := range list {
		only[list[i].Name] = true
	}
	return only, nil
}

// runCommand measures and writes the reports. What was measured before a
// failure is reported too.
func runCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parseRun(args, stderr)
	if err != nil {
		return err
	}
	cfg, err := f.config()
	if err != nil {
		return err
	}
	if !f.quiet {
		runs, d := cfg.Plan()
		fmt.Fprintf(stderr, "%d runs at most, about %v\n", runs, d.Round(time.Second))
		width := 0
		for _, t := range cfg.Targets {
			width = max(width, utf8.RuneCountInString(t.Label()))
		}
		cfg.Progress = func(s series.Step) { progress(stderr, s, width) }
	}
	rep, err := series.Run(ctx, cfg)
	return errors.Join(err, f.out.write(rep, stdout))
}

// progress prints one line for a run that has ended. The names of servers are at
// most width characters long.
func progress(w io.Writer, s series.Step, width int) {
	switch {
	case s.Unable != "":
		fmt.Fprintf(w, "%-16s      %-*s  left out: %s\n", s.Scenario, width, s.Target, s.Unable)
		return
	case s.Profile != "":
		fmt.Fprintf(w, "%-16s      %-*s  profile: %s\n", s.Scenario, width, s.Target, s.Profile)
		return
	}
	r := &s.Round
	server, loader := r.Busy()
	figures := fmt.Sprintf("%10.1f ns  %11.0f/s", r.Cost, r.PerSecond)
	if r.BytesEach > 0 {
		figures = fmt.Sprintf("%10.0f B each          ", r.BytesEach)
	}
	fmt.Fprintf(w, "%-16s %d/%d  %-*s %s  RSS %6.1f MiB  CPUs %.2f server, %.2f loader",
		s.Scenario, s.Pair+1, s.Pairs, width, s.Target, figures, float64(r.RSS)/(1<<20), server, loader)
	if r.P50 > 0 {
		fmt.Fprintf(w, "  p50 %v p99 %v p99.9 %v", r.P50, r.P99, r.P999)
	}
	if r.Stall > series.NotableStall {
		fmt.Fprintf(w, "  stalled %v", r.Stall.Round(time.Millisecond))
	}
	if r.Cut > 0 {
		fmt.Fprintf(w, "  cut %d", r.Cut)
	}
	fmt.Fprintln(w)
}

func (o outputs) write(rep *series.Report, stdout io.Writer) error {
	errs := []error{report.Text(stdout, rep)}
	for _, f := range []struct {
		path  string
		write func(io.Writer, *series.Report) error
	}{
		{o.json, report.JSON},
		{o.markdown, report.Markdown},
		{o.plot, report.SVG},
		{o.growth, report.Growth},
	} {
		if f.path != "" {
			errs = append(errs, writeFile(f.path, func(w io.Writer) error { return f.write(w, rep) }))
		}
	}
	return errors.Join(errs...)
}

func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
