package config

import (
	"path/filepath"
	"time"
)

// Hooks are the scripts and plugins that the broker asks, and what they have in
// common.
type Hooks struct {
	// ScriptsDir is a folder whose *.lua files are hooks, in the order of their
	// names. Default "": none. It excludes Load.
	ScriptsDir string
	// Load are the hooks, in the order in which they are asked.
	Load []Hook
	// Notify has a request that a hook denies answered at once, with status 503, as
	// one that nobody listens for is. Default false: the -ERR is all that the
	// requester hears.
	Notify bool

	Reload      HooksReload
	Breaker     HooksBreaker
	Cache       HooksCache
	DecisionLog HooksDecisionLog
	KV          HooksKV
	HTTP        HooksHTTP
}

// Hook is one script, plugin or builtin hook. Exactly one of Lua, Plugin and
// Builtin is set.
type Hook struct {
	// Name is unique; it stands in logs and metrics.
	Name string
	// Lua and Plugin are paths, of a script and of a program; see
	// [Options.HookPath]. Builtin is the name of a hook that the broker brings.
	Lua, Plugin, Builtin string
	// Config is what the hook is given as its settings: texts, bool, int64,
	// float64, nil, []any and map[string]any, with keys as they were written.
	// Secret.
	Config map[string]any
	// Mode is "enforce", "shadow" or "off". Default "enforce".
	Mode    string
	OnError HookOnError
	Timeout HookTimeouts
	Limits  HookLimits
	// Accounts and Subjects narrow what the hook asks for itself. Default empty:
	// as it asks. A hook that decides who connects cannot have Accounts.
	Accounts, Subjects []string
	// Final ends the chain when the hook allows. Default false.
	Final bool

	// What follows is of plugins.

	// Args are what the program is started with.
	Args []string
	// Watch are paths of files that the program is made of besides; see
	// [Options.HookPath]. When one of them changes the plugin is replaced.
	Watch []string
	// Env are the variables of its environment, which has PATH, HOME, TMPDIR, LANG
	// and TZ of the broker's besides, unless they are in Env. Secret.
	Env map[string]string
	// SHA256 is the sum that the program must have, in hexadecimal. Default "":
	// any.
	SHA256 string
	// NoMTLS leaves the connection to it without TLS (key mtls, negated).
	NoMTLS bool
	// Window is how many batches may be unanswered, at most 256. Default 2.
	Window  int
	Batch   HookBatch
	Restart HookRestart
	// Attach is the path of the Unix socket of a plugin that somebody else has
	// started, to look for mistakes in it. It needs NoMTLS. Default "".
	Attach string
}

// HookOnError is what becomes of a call that a hook has no answer for: "deny",
// "allow" or "skip", or, at inspect, "drop". Default of each point is Default;
// that of Default is "deny", which is "drop" at inspect.
type HookOnError struct{ Default, Connect, Rewrite, Publish, Subscribe, Inspect string }

// HookTimeouts are how long a hook may take at each point. Default of each is
// Default; without one it is 1s at Connect and 50ms elsewhere.
type HookTimeouts struct{ Default, Connect, Rewrite, Publish, Subscribe, Inspect time.Duration }

// HookLimits bound what a hook may use. Zero is the default of what runs it.
type HookLimits struct {
	// Instructions of a script for one call. Default 1,000,000.
	Instructions int64
	// Memory in bytes: of a script for one call, default 8 MiB; of the process
	// of a plugin, default unlimited.
	Memory int64
	// VMs is how many calls a script decides at one time. Default one for each
	// processor.
	VMs int
	// BlockingVMs is that for calls that may wait for something: those at
	// connect, and events. Default 32.
	BlockingVMs int
}

// HookBatch bounds what goes to a plugin at once.
type HookBatch struct {
	Max   int // calls, at most 65535; default 256
	Bytes int // at most 64 MiB; default 256 KiB
}

// HookRestart says how long the broker waits before it starts a plugin again
// that has ended: at first Min, then longer, up to Max.
type HookRestart struct {
	Min, Max time.Duration // default 100ms and 30s
}

// HooksReload says when hooks are replaced.
type HooksReload struct {
	// NoWatch leaves changes of files unnoticed until the next reload of the
	// server (key watch, negated). Default false.
	NoWatch bool
	// RequireTests has the tests of a script run first, and keeps it out when
	// they fail. Default false.
	RequireTests bool
	// Probation is how long the old one of a hook that was replaced comes back
	// when the new one fails much more. Default 30s; negative is not at all.
	Probation time.Duration
}

// HooksBreaker says when a hook that fails is left alone.
type HooksBreaker struct {
	// Threshold is the part of the calls that may fail. Default 0.5; 1 never
	// leaves a hook alone.
	Threshold float64
	// MinCalls is how many calls there must be for that, of which the messages
	// that a hook is asked about at one time are one. Default 20.
	MinCalls int
	// Window is for how long calls are counted. Default 10s.
	Window time.Duration
	// Cooldown is for how long the hook is left alone. Default 5s.
	Cooldown time.Duration
}

// HooksCache bounds the cache of decisions.
type HooksCache struct {
	// MaxEntries is how many decisions are kept for each account that has hooks
	// of its own, and for all others together. Default 100,000.
	MaxEntries int
}

// HooksDecisionLog says which decisions are logged: parts of 1. Negative is
// none, as is 0 in a file.
type HooksDecisionLog struct {
	// Sample is of those that refuse nothing. Default 0.001.
	Sample float64
	// Denied is of those that refuse something, or failed. Default 1.
	Denied float64
}

// HooksKV bounds the values that scripts share.
type HooksKV struct {
	MaxEntries int   // default 100,000
	MaxBytes   int64 // of keys and values; default 64 MiB
}

// HooksHTTP says what scripts may ask over HTTP: hosts as "host" or "*.domain",
// addresses, or networks as "10.0.0.0/8".
type HooksHTTP struct {
	// Allow is what they may. Default empty: everything but link-local networks,
	// where clouds tell secrets to whoever asks.
	Allow []string
	// Deny is what they may not, even if it is allowed.
	Deny []string
	// CAFile has the certificates of the authorities that are trusted, besides
	// those of the system; see [Options.HookPath]. Default "".
	CAFile string
}

// HookPath returns where a path of Hooks leads: it is relative to the folder of
// ConfigFile, or, without one, to the working directory.
func (o *Options) HookPath(path string) string {
	if filepath.IsAbs(path) || o.ConfigFile == "" {
		return path
	}
	return filepath.Join(filepath.Dir(o.ConfigFile), path)
}
