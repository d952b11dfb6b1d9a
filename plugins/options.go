package plugins

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"

	"moonwire/hooks"
)

// Options say which program a plugin is and how it is run. Zero values of the
// numbers are their defaults.
type Options struct {
	Name    string   // of the hook
	Command string   // path of the program
	Args    []string //
	// Watch are the files that the program is made of besides: what an interpreter
	// runs, modules, rules. The plugin does not look at them; see [Plugin.Files].
	Watch []string
	// Attach is the path of the Unix socket of a plugin that somebody else has
	// started, in a debugger for instance; "" starts one. What is said of a program
	// cannot be said beside it: Command, Args, Watch, Env, SHA256, Memory and Files,
	// and NoMTLS has to be set.
	Attach string
	// Env is the whole environment of the program, besides what go-plugin's
	// handshake adds, and PATH, HOME, TMPDIR, LANG and TZ of the broker.
	Env map[string]string
	// Config is given to the plugin as JSON; nil is an empty object.
	Config map[string]any
	// SHA256 is what the program's file has to have, in hexadecimal; "" is not
	// looked at.
	SHA256 string
	// NoMTLS leaves out mutual TLS between broker and plugin, for languages in
	// which it is hard to have. The socket's directory keeps others out.
	NoMTLS bool
	// Window is how many frames may be out that are not answered in full: 1 to
	// 256. 2.
	Window int
	// BatchMax and BatchBytes bound a frame: 1 to 65535 requests, up to 64 MiB. 256
	// requests, 256 KiB.
	BatchMax, BatchBytes int
	// Memory is the most bytes of address space the process may have; 0 is no
	// limit. Runtimes reserve far more than they use: Node needs some 40 GiB.
	Memory int64
	// Files is how many files it may have open. 1024, and no limit with Attach.
	Files int64
	// RestartMin and RestartMax are how long the second restart in a row waits,
	// and the last. 100 ms, 30 s.
	RestartMin, RestartMax time.Duration
	// StartTimeout is how long a process may take until it is configured. 10 s.
	StartTimeout time.Duration
	// HealthEvery is how often a process is asked whether it is well, and how long
	// it may take to say so. 5 s. It is not asked with Attach: one that stands still
	// is looked at in a debugger.
	HealthEvery time.Duration

	// ServerName and ServerVersion are what the plugin is told of the broker.
	ServerName, ServerVersion string
	// Accounts narrows which connections the plugin's commands may concern, as
	// it narrows the hook; none is all.
	Accounts []string
	// Log gets what there is to tell; nil is silence.
	Log *zap.Logger
	// Control is what the plugin's commands do to connections; nil refuses them.
	Control hooks.Control
	// Flush forgets the kept answers of the hook; nil does nothing.
	Flush func()
}

func (o Options) withDefaults() Options {
	o.Window = cmp.Or(o.Window, 2)
	o.BatchMax = cmp.Or(o.BatchMax, 256)
	o.BatchBytes = cmp.Or(o.BatchBytes, 256<<10)
	if o.Attach == "" {
		o.Files = cmp.Or(o.Files, 1024)
	}
	o.RestartMin = cmp.Or(o.RestartMin, 100*time.Millisecond)
	o.RestartMax = max(cmp.Or(o.RestartMax, 30*time.Second), o.RestartMin)
	o.StartTimeout = cmp.Or(o.StartTimeout, 10*time.Second)
	o.HealthEvery = cmp.Or(o.HealthEvery, 5*time.Second)
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Flush == nil {
		o.Flush = func() {}
	}
	return o
}

func (o *Options) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Name == "" {
		bad("the hook has no name")
	}
	if o.Command == "" && o.Attach == "" {
		bad("plugin: there is no program")
	}
	errs = append(errs, o.validateAttach()...)
	if sum, err := hex.DecodeString(o.SHA256); err != nil || len(sum) != 0 && len(sum) != 32 {
		bad("sha256: %q is not a SHA-256 in 64 hexadecimal digits", o.SHA256)
	}
	for _, n := range []struct {
		key  string
		bad  bool
		what any
	}{
		{"window", o.Window < 1 || o.Window > 256, o.Window},
		{"batch.max", o.BatchMax < 1 || o.BatchMax > math.MaxUint16, o.BatchMax},
		{"batch.bytes", o.BatchBytes < 1 || o.BatchBytes > 64<<20, o.BatchBytes},
		{"limits.memory", o.Memory < 0, o.Memory},
		{"limits.files", o.Files < 16 && o.Attach == "", o.Files},
		{"restart.min", o.RestartMin < 0, o.RestartMin},
		{"restart.max", o.RestartMax < 0, o.RestartMax},
		{"start_timeout", o.StartTimeout < 0, o.StartTimeout},
		{"health_every", o.HealthEvery < 0, o.HealthEvery},
	} {
		if n.bad {
			bad("%s: %v is out of range", n.key, n.what)
		}
	}
	return errors.Join(errs...)
}

// validateAttach returns what stands beside Attach and would not be heeded.
func (o *Options) validateAttach() (errs []error) {
	if o.Attach == "" {
		return nil
	}
	for _, n := range []struct {
		key string
		bad bool
	}{
		{"plugin", o.Command != ""},
		{"args", len(o.Args) > 0},
		{"watch", len(o.Watch) > 0},
		{"env", len(o.Env) > 0},
		{"sha256", o.SHA256 != ""},
		{"limits.memory", o.Memory != 0},
		{"limits.files", o.Files != 0},
	} {
		if n.bad {
			errs = append(errs, fmt.Errorf("%s: is of a program that the broker starts: leave it out, or leave out attach", n.key))
		}
	}
	if !o.NoMTLS {
		errs = append(errs, errors.New("attach: the plugin has no certificate of the broker; it needs mtls: false"))
	}
	return errs
}
