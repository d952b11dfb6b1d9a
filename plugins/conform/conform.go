package conform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"moonwire/plugins"
)

// TLS is whether plugins are started with mutual TLS, as the broker does unless
// its configuration says otherwise.
type TLS int

const (
	Both    TLS = iota // with it; and that it starts without is a check
	With               // with it only
	Without            // without it only
)

// Options say which plugin is looked at, and how closely. Zero values of numbers
// are their defaults.
type Options struct {
	Command string // path of the program
	Args    []string
	Env     map[string]string // as in the configuration of a hook
	Config  map[string]any    // likewise
	TLS     TLS
	// Timeout is how long an answer may take. 2 s.
	Timeout time.Duration
	// StartTimeout is how long a process may take until it is configured. 10 s.
	StartTimeout time.Duration
	// Calls is how many questions the plugin has to bear. 100,000.
	Calls int
	// Clients is how many connections it has to know at a time. 1000.
	Clients int
	// Log gets what the plugin writes, and what a broker says of it; nil is silence.
	Log *zap.Logger
	// Done is told of each check when it is over; nil is not.
	Done func(Check)
}

func (o Options) withDefaults() Options {
	o.Timeout = cmp.Or(o.Timeout, 2*time.Second)
	o.StartTimeout = cmp.Or(o.StartTimeout, 10*time.Second)
	o.Calls = cmp.Or(o.Calls, 100_000)
	o.Clients = cmp.Or(o.Clients, 1000)
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Done == nil {
		o.Done = func(Check) {}
	}
	return o
}

// Validate returns all that is wrong with the options.
func (o *Options) Validate() error {
	var errs []error
	if o.Command == "" {
		errs = append(errs, errors.New("there is no program"))
	}
	if o.Timeout < 0 || o.StartTimeout < 0 || o.Calls < 0 || o.Clients < 0 {
		errs = append(errs, errors.New("times and numbers cannot be negative"))
	}
	return errors.Join(errs...)
}

// Result is what came of a check.
type Result string

// What may come of a check.
const (
	OK      Result = "ok"
	Failed  Result = "FAIL"
	Skipped Result = "skipped"
)

// Check is one thing that was looked at.
type Check struct {
	Name   string
	Result Result
	// Detail is what is wrong, why it was skipped, or what is worth knowing.
	Detail string
	Took   time.Duration
}

// Report is what came of all checks, in their order.
type Report []Check

// Count returns how many checks have a result.
func (r Report) Count(of Result) (n int) {
	for _, c := range r {
		if c.Result == of {
			n++
		}
	}
	return n
}

// check is one thing to look at. It returns what is worth knowing, or what is
// wrong; that is a *skipped where there is nothing to look at.
type check struct {
	name string
	run  func(context.Context, *subject) (detail string, err error)
}

// checks are in their order. The first are needed by all others.
var checks = [...]check{
	{"start", checkStart},
	{"configure", checkConfigure},
	{"health", checkHealth},
	{"without TLS", checkWithoutTLS},
	{"answers", checkAnswers},
	{"bytes", checkBytes},
	{"large message", checkLarge},
	{"replies by id", checkIDs},
	{"unknown point", checkUnknownPoint},
	{"unknown client", checkUnknownClient},
	{"clients that go", checkGone},
	{"deadlines", checkDeadlines},
	{"load", checkLoad},
	{"events", checkEvents},
	{"state", checkState},
	{"kill and restart", checkRestart},
	{"shutdown", checkShutdown},
	{"processes left", checkLeft},
	{"standard output", checkOutput},
}

// needed is how many checks the others cannot do without.
const needed = 2

// skipped is the error of a check that has nothing to look at.
type skipped struct{ why string }

func (s *skipped) Error() string { return s.why }

func skip(format string, args ...any) error { return &skipped{fmt.Sprintf(format, args...)} }

// subject is the plugin that is looked at. One goroutine has it.
type subject struct {
	o     Options
	mark  string // in the environment of its processes
	spoke bool   // one of them has written to its standard output
}

// Run looks at a plugin. The error is that the options are wrong, or that ctx has
// ended; what is wrong with the plugin stands in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return run(ctx, o, checks[:])
}

// run makes some checks, of which the first are those that are needed.
func run(ctx context.Context, o Options, list []check) (Report, error) {
	s := &subject{o: o.withDefaults(), mark: newMark()}
	var r Report
	why := ""
	for i, c := range list {
		start := time.Now()
		done := Check{Name: c.name, Result: OK}
		err := error(nil)
		if why != "" {
			err = skip("%s", why)
		} else {
			done.Detail, err = c.run(ctx, s)
		}
		if ctx.Err() != nil {
			return r, fmt.Errorf("looking at %q: %w", c.name, ctx.Err())
		}
		if none, ok := errors.AsType[*skipped](err); ok {
			done.Result, done.Detail = Skipped, none.why
		} else if err != nil {
			done.Result, done.Detail = Failed, strings.ReplaceAll(err.Error(), "\n", "; ")
			if i < needed {
				why = fmt.Sprintf("it fails %q", c.name)
			}
		}
		done.Took = time.Since(start)
		r = append(r, done)
		s.o.Done(done)
	}
	return r, nil
}

// options are those of a plugin that is looked at.
func (s *subject) options() plugins.Options {
	env := map[string]string{markKey: s.mark}
	for k, v := range s.o.Env {
		env[k] = v
	}
	return plugins.Options{
		Name: "conform", Command: s.o.Command, Args: s.o.Args, Env: env, Config: s.o.Config,
		NoMTLS: s.o.TLS == Without, StartTimeout: s.o.StartTimeout, Log: s.o.Log,
		ServerName: "conform", ServerVersion: "conform",
	}
}
