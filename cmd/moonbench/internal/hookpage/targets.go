package hookpage

// reference is what the yardstick takes on the machine that the targets are for,
// in nanoseconds.
const reference = 41

// yardstick is the benchmark that says how fast the machine is.
const yardstick = "hooks/lua/sandbox.Yardstick"

// target is what something may cost.
type target struct {
	what   string
	bench  string
	less   string  // a benchmark whose cost is taken off; may be empty
	before bool    // that one is of the build before hooks
	ns     float64 // at most, on the reference machine
	allocs float64 // at most; likewise more than less
}

const conn = "server/conn."

// targets are what hooks may cost. What is loaded and asked is Lua.
var targets = []target{
	{what: "nothing loaded: the look at it", bench: "hooks.NothingLoaded", ns: 2},
	{what: "nothing loaded: a message, more than before hooks", bench: conn + "Publish/to_0", less: conn + "Publish/to_0", before: true, ns: 2},
	{what: "nothing loaded: a message that one receives, likewise", bench: conn + "Publish/to_1", less: conn + "Publish/to_1", before: true, ns: 2},
	{what: "nothing loaded: SUB and UNSUB, likewise", bench: conn + "Subscribe", less: conn + "Subscribe", before: true, ns: 4},
	{what: "nothing loaded: CONNECT, likewise", bench: conn + "Connect", less: conn + "Connect", before: true, ns: 2},
	{what: "hooks for other subjects: a message of 10 subjects, more than with nothing loaded", bench: conn + "HookedElsewhereSubjects/to_0", less: conn + "PublishSubjects/to_0", ns: 20},
	{what: "hooks for other subjects: to know it of 16 subjects", bench: "hooks.NotMatching/subjects=16", ns: 20},
	{what: "a decision that is kept: to find it", bench: "hooks.Cached/lookup", ns: 30},
	{what: "publish in Lua, always the same subject", bench: "hooks/lua.Subject", ns: 350, allocs: 3},
	{what: "publish in Lua, 8 subjects in turn", bench: "hooks/lua.Publish", ns: 350, allocs: 3},
	{what: "publish in Lua, 8 subjects in turn, 64 in a batch", bench: "hooks/lua.Batch64", ns: 350, allocs: 3},
	{what: "publish in Lua, never the same subject", bench: "hooks/lua.New", ns: 350, allocs: 3},
	{what: "inspect in Lua: 128 B are searched, a header is set", bench: "hooks/lua.Inspect", ns: 700, allocs: 7},
	{what: "the same, 64 in a batch", bench: "hooks/lua.Inspect64", ns: 700, allocs: 7},
}

// further is a benchmark that is shown without a target.
type further struct{ what, bench string }

// others are shown below the targets.
var others = []further{
	{"the yardstick: an empty function in the bare interpreter", yardstick},
	{"an empty function in the sandbox, with its meter", "hooks/lua/sandbox.Empty"},
	{"a virtual machine is lent and given back", "hooks/lua/sandbox.Pool"},
	{"a hook in Go, alone in its batch", "hooks.GoHook/batch=1"},
	{"a hook in Go, 16 in a batch", "hooks.GoHook/batch=16"},
	{"a chain of three hooks in Go, alone", "hooks.ChainOfThree/batch=1"},
	{"a chain of three hooks in Go, 16 in a batch", "hooks.ChainOfThree/batch=16"},
	{"an answer that is kept, with the chain, alone", "hooks.Cached/batch=1"},
	{"an answer that is kept, with the chain, 16 in a batch", "hooks.Cached/batch=16"},
	{"publish in Lua, with the chain, alone", "hooks/lua.Chain/hooks=1/batch=1"},
	{"publish in Lua, with the chain, 64 in a batch", "hooks/lua.Chain/hooks=1/batch=64"},
	{"three of them, alone", "hooks/lua.Chain/hooks=3/batch=1"},
	{"three of them, 64 in a batch", "hooks/lua.Chain/hooks=3/batch=64"},
	{"publish in Lua whose answer is to be kept", "hooks/lua.Cached"},
	{"rewrite in Lua", "hooks/lua.Rewrite"},
	{"inspect in Lua, 64 KiB that are mostly not read", "hooks/lua.Unread"},
	{"connect in Lua: user, account and permissions", "hooks/lua.Connect"},
	{"stamp: the user, alone", "hooks/builtin.Stamp/user"},
	{"stamp: all it knows, beside two headers, 16 in a batch", "hooks/builtin.Stamp/all,headers,batch16"},
	{"ratelimit by user, alone", "hooks/builtin.RateLimit/user"},
	{"ratelimit by user, 16 in a batch", "hooks/builtin.RateLimit/user,batch16"},
}

// What plugins are measured by is the same for their machine: one question after
// the other over a bare stream, and the microseconds that half of them take there.
const (
	pluginYardstick = "plugins.Yardstick"
	pluginReference = 46
)

// The units that benchmarks of plugins report.
const (
	callRate = "calls/s"
	callCPU  = "cpu-us/call"
	halfTook = "p50-us"
	mostTook = "p99-us"
)

// pluginTarget is how much a plugin has to do, or how long it may take.
type pluginTarget struct {
	what  string
	bench string
	unit  string  // callRate: at least; halfTook: at most
	value float64 // on the reference machine
}

// pluginTargets are what is asked of a plugin in Go, over TLS.
var pluginTargets = []pluginTarget{
	{"8 connections that ask one by one: half of them wait, µs", "plugins.Do/callers=8", halfTook, 100},
	{"64 connections that ask one by one: decisions a second", "plugins.Do/callers=64", callRate, 200_000},
	{"one connection that publishes much, inspect: messages a second", "plugins.Inspect", callRate, 150_000},
}
