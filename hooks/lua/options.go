package lua

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// Options say what a script is opened with.
type Options struct {
	// Name is that of the hook. It may not be empty.
	Name string
	// File is the path of the script.
	File string
	// Source, if not nil, is taken in place of what is in File, which need not
	// exist then.
	Source []byte
	// Modules is the folder that require looks in. Default the folder of File.
	Modules string
	// Libraries are those that require finds before the modules.
	Libraries []*library.Module
	// Config is what the script has as the global config. A text at the top
	// level that begins with "file:" stands for the content of the file behind
	// it, seen from the folder of the script, decoded when its name ends in
	// ".json".
	Config map[string]any
	Limits Limits
	// Timeout is how long one call may take; a batch as a whole is bounded by
	// its context. Zero is 1s at connect and event, 50ms elsewhere.
	Timeout hooks.PerPoint[time.Duration]
	// Log takes the lines that the script logs, and the errors of its functions
	// for events, of which nobody else is told. Fields are names and values in
	// turn. It is called by many goroutines at a time, and bounded. Nil: there is
	// no log.
	Log func(level library.Level, message string, fields []any)
	// NoteReads has all functions tell by hooks.Call.Saw what they look at, as
	// those with a cache do, which makes them slower: for tools.
	NoteReads bool
	// Clock is time.Now by default.
	Clock func() time.Time
}

// Limits bound a script. A zero field means its default.
type Limits struct {
	Instructions int64 // of one call; 1,000,000
	Memory       int64 // bytes that one call may allocate; 8 MiB
	VMs          int   // for messages and subscriptions; GOMAXPROCS
	BlockingVMs  int   // for connect and event; 32
}

// withDefaults returns o with its defaults, or all that is wrong with it.
func (o Options) withDefaults() (Options, error) {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Name == "" {
		bad("the hook has no name")
	}
	if o.File == "" {
		if o.Source == nil {
			bad("the hook has no script: set its file")
		}
		o.File = o.Name + ".lua"
	}
	if o.Modules == "" {
		o.Modules = filepath.Dir(o.File)
	}
	l := &o.Limits
	if l.Instructions < 0 || l.Memory < 0 || l.VMs < 0 || l.BlockingVMs < 0 {
		bad("limits: one is negative; leave it out for the default")
	}
	l.Instructions, l.Memory = or(l.Instructions, 1_000_000), or(l.Memory, 8<<20)
	l.VMs, l.BlockingVMs = or(l.VMs, runtime.GOMAXPROCS(0)), or(l.BlockingVMs, 32)
	for p := range o.Timeout {
		switch d := &o.Timeout[p]; {
		case *d < 0:
			bad("timeout.%v is negative; leave it out for the default", hooks.Point(p))
		case waits(hooks.Point(p)):
			*d = or(*d, time.Second)
		default:
			*d = or(*d, 50*time.Millisecond)
		}
	}
	names := map[string]bool{"log": true}
	for _, m := range o.Libraries {
		if names[m.Name] || m.Name == "" {
			bad("library %q: the name is empty or used twice", m.Name)
		}
		names[m.Name] = true
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o, errors.Join(errs...)
}

// budget is what a call at p may spend.
func (o *Options) budget(p hooks.Point) sandbox.Budget {
	return sandbox.Budget{Instructions: o.Limits.Instructions, Memory: o.Limits.Memory, Wall: o.Timeout[p]}
}

// waits reports whether functions at p may wait for others: nobody waits for
// them but one client that is about to connect.
func waits(p hooks.Point) bool { return p == hooks.AtConnect || p == hooks.AtEvent }

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
