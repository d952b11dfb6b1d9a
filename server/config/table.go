package config

import (
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// setting declares one key of the configuration.
type setting struct {
	// key is the name inside its block. Empty for what exists as a flag only.
	key     string
	aliases []string
	// flags are names without dashes; arg is what usage shows for the value.
	flags []string
	arg   string
	kind  kind
	unit  string
	// fields are the fields of the enclosing struct that it sets: one for a
	// scalar, host and port for an address, one or several for a boolean. A
	// block without a field fills the struct that encloses it; a block with one
	// fills that struct, or makes it where the field is a pointer; a list fills
	// that slice.
	fields []string
	// sets are fields of the same struct that get a constant when the key is
	// there: of keys that tell what the struct is.
	sets map[string]any
	// shape turns short forms of the value into the long one.
	shape func(*node) *node
	// fold turns a text into the one spelling of it.
	fold func(string) string
	// required says that a block without the key is refused.
	required bool
	// lacks is a warning for whoever uses the key: what it does not do.
	lacks string
	// guards makes that an error: ignoring the key would let somebody in.
	guards bool
	// negated stores the opposite of the value: the key defaults to true, the
	// field to false.
	negated bool
	// def is the default. defText describes a default that is no constant, or
	// what the zero value means.
	def     any
	defText string
	// min and max bound a number; floor, when set, is a higher lower bound for
	// whatever does not come from code. Zero passes always: it is the default.
	min, max, floor int64
	// nonzero refuses 0 where it means nothing at all to nats-server, which no
	// field can say: there, zero is no limit.
	nonzero bool
	// remap replaces a number on loading.
	remap map[int64]int64
	// choices are the only texts allowed. check accepts a text that allowed
	// describes.
	choices []string
	check   func(string) bool
	allowed string
	// seconds says that a bare number of seconds is as good as a duration.
	seconds bool
	// reloadable says whether a running broker can change it.
	reloadable bool
	// secret keeps the value out of every text.
	secret bool
	// does is what a flag asks for in place of a broker.
	does Action
	// commandOnly is not allowed in a file.
	commandOnly bool
	section     section
	doc         string
	// block are the settings of a block; elem is the element of a list.
	block []setting
	elem  *setting
}

// section is a heading of usage and reference.
type section string

const (
	sectionNetwork  section = "Network"
	sectionLimits   section = "Limits"
	sectionTimers   section = "Timers and delivery"
	sectionMonitor  section = "Monitoring"
	sectionTLS      section = "TLS"
	sectionWeb      section = "WebSocket"
	sectionAuth     section = "Authorization"
	sectionAccounts section = "Accounts"
	sectionOperator section = "Operator mode"
	sectionHooks    section = "Hooks"
	sectionLog      section = "Logging"
	sectionProcess  section = "Process"
	sectionOverview section = "Information"
	sectionMissing  section = "Known, but not supported yet"
)

// maxDuration leaves room for sums of a few durations.
const maxDuration = int64(time.Hour * 24 * 365 * 100)

// table returns the declaration of every setting. It is built anew for each
// caller: nobody can change it for another.
func table() []setting {
	return slices.Concat(
		networkTable(), limitsTable(), timersTable(), monitorTable(), tlsTable(), webTable(),
		authTable(), accountsTable(), operatorTable(), hooksTable(), logTable(), processTable(), missingTable(),
	)
}

func networkTable() []setting {
	return []setting{
		{
			key: "listen", kind: address, fields: []string{"Host", "Port"}, section: sectionNetwork,
			doc: "Address for clients as host:port, or a port alone. Sets host and port",
		},
		{
			key: "host", aliases: []string{"net"}, flags: []string{"a", "addr", "net"}, arg: "host",
			kind: text, fields: []string{"Host"}, def: "0.0.0.0", section: sectionNetwork,
			doc: "Address for clients to connect to",
		},
		{
			key: "port", flags: []string{"p", "port"}, arg: "port", kind: integer,
			fields: []string{"Port"}, def: int64(4222), min: -1, max: math.MaxUint16, section: sectionNetwork,
			doc: "Port for clients; -1 takes a free one",
		},
		{
			key: "server_name", flags: []string{"n", "name", "server_name"}, arg: "name", kind: text,
			fields: []string{"ServerName"}, defText: "the server id", section: sectionNetwork,
			check: isWord, allowed: "a name without blanks",
			doc: "Name of this server",
		},
		{
			key: "client_advertise", flags: []string{"client_advertise"}, arg: "host:port", kind: text,
			fields: []string{"ClientAdvertise"}, defText: "the bound address", reloadable: true, section: sectionNetwork,
			check: isHostPort, allowed: `"host" or "host:port"`,
			doc: "Address told to clients and other servers",
		},
		{
			key: "unix_socket", kind: text, fields: []string{"UnixSocket"}, defText: "none", section: sectionNetwork,
			doc: "Path of a Unix domain socket for clients",
		},
	}
}

func limitsTable() []setting {
	return []setting{
		{
			key: "max_payload", kind: size, unit: "bytes", fields: []string{"MaxPayload"},
			def: int64(1 << 20), min: 1, max: math.MaxInt32, reloadable: true, section: sectionLimits,
			doc: "Largest payload of a message, headers included; at most max_pending",
		},
		{
			key: "max_pending", kind: size, unit: "bytes", fields: []string{"MaxPending"},
			def: int64(64 << 20), min: 1, max: math.MaxInt64, section: sectionLimits,
			doc: "What may wait for one client before it is closed as a slow consumer",
		},
		{
			key: "max_control_line", kind: size, unit: "bytes", fields: []string{"MaxControlLine"},
			def: int64(4096), min: 1, max: math.MaxInt32, reloadable: true, section: sectionLimits,
			doc: "Longest line of the protocol",
		},
		{
			key: "max_connections", aliases: []string{"max_conn"}, kind: integer, fields: []string{"MaxConnections"},
			def: int64(65536), min: -1, max: math.MaxInt32, remap: map[int64]int64{0: -1}, reloadable: true,
			section: sectionLimits,
			doc:     "Clients at one time; 0 and -1 let nobody connect",
		},
		{
			key: "max_subscriptions", aliases: []string{"max_subs"}, kind: integer, fields: []string{"MaxSubscriptions"},
			defText: "unlimited", min: -1, max: math.MaxInt32, remap: map[int64]int64{-1: 0}, section: sectionLimits,
			doc: "Subscriptions of one client; 0 and -1 are unlimited",
		},
		{
			key: "max_sub_tokens", aliases: []string{"max_subscription_tokens"}, kind: integer,
			fields: []string{"MaxSubTokens"}, defText: "unlimited", max: math.MaxUint8, section: sectionLimits,
			doc: "Tokens in the subject of a subscription; 0 is unlimited",
		},
		{
			key: "no_header_support", kind: boolean, fields: []string{"NoHeaderSupport"}, section: sectionLimits,
			doc: "Refuse message headers",
		},
	}
}

func timersTable() []setting {
	return []setting{
		{
			key: "ping_interval", kind: duration, fields: []string{"PingInterval"},
			def: 2 * time.Minute, min: 1, max: maxDuration, reloadable: true, section: sectionTimers,
			doc: "Time between two PINGs to a silent client",
		},
		{
			key: "ping_max", kind: integer, fields: []string{"PingMax"},
			def: int64(2), min: 1, max: math.MaxInt32, reloadable: true, section: sectionTimers,
			doc: "Unanswered PINGs after which a client is stale",
		},
		{
			key: "write_deadline", kind: duration, fields: []string{"WriteDeadline"},
			def: 10 * time.Second, min: 1, max: maxDuration, reloadable: true, section: sectionTimers,
			doc: "Time one flush to a client may take",
		},
		{
			key: "no_fast_producer_stall", kind: boolean, fields: []string{"NoFastProducerStall"},
			reloadable: true, section: sectionTimers,
			doc: "Do not slow producers down when a receiver falls behind",
		},
		{
			key: "lame_duck_duration", kind: duration, fields: []string{"LameDuckDuration"},
			def: 2 * time.Minute, min: 1, max: maxDuration, floor: int64(30 * time.Second), section: sectionTimers,
			doc: "Time over which clients are closed in lame duck mode",
		},
		{
			key: "lame_duck_grace_period", kind: duration, fields: []string{"LameDuckGracePeriod"},
			def: 10 * time.Second, min: 1, max: maxDuration, section: sectionTimers,
			doc: "Wait before the first client is closed in lame duck mode; less than lame_duck_duration",
		},
	}
}

func monitorTable() []setting {
	return []setting{
		{
			key: "http", kind: address, fields: []string{"HTTPHost", "HTTPPort"}, section: sectionMonitor,
			defText: "off, and host as the address",
			doc:     "Address for monitoring as host:port, or a port alone",
		},
		{
			key: "http_port", aliases: []string{"monitor_port"}, flags: []string{"m", "http_port"}, arg: "port",
			kind: integer, fields: []string{"HTTPPort"}, min: -1, max: math.MaxUint16, defText: "off",
			section: sectionMonitor,
			doc:     "Port for monitoring over HTTP; -1 takes a free one",
		},
		{
			key: "https", kind: address, fields: []string{"HTTPHost", "HTTPSPort"}, section: sectionMonitor,
			defText: "off, and host as the address",
			doc:     "Address for monitoring over HTTPS as host:port, or a port alone; in place of http",
		},
		{
			key: "https_port", flags: []string{"ms", "https_port"}, arg: "port",
			kind: integer, fields: []string{"HTTPSPort"}, min: -1, max: math.MaxUint16, defText: "off",
			section: sectionMonitor,
			doc:     "Port for monitoring over HTTPS, with the tls of clients; -1 takes a free one",
		},
		{
			key: "prof_port", flags: []string{"profile"}, arg: "port",
			kind: integer, fields: []string{"ProfPort"}, min: -1, max: math.MaxUint16, defText: "off",
			section: sectionMonitor,
			doc:     "Port for profiles over HTTP, on host and without users; -1 takes a free one",
		},
		{
			key: "prof_block_rate", kind: integer, unit: "ns", fields: []string{"ProfBlockRate"},
			defText: "none", min: -1, max: math.MaxInt32, remap: map[int64]int64{-1: 0}, section: sectionMonitor,
			doc: "Nanoseconds of blocking for each sample of the block profile; needs prof_port; 0 and -1 take none",
		},
	}
}

const lacksVerbose = "the server's own messages are not traced; the same as trace otherwise"

func logTable() []setting {
	return []setting{
		{
			key: "debug", flags: []string{"D", "debug"}, kind: boolean, fields: []string{"Debug"},
			reloadable: true, section: sectionLog,
			doc: "Log debug messages",
		},
		{
			key: "trace", flags: []string{"V", "trace"}, kind: boolean, fields: []string{"Trace"},
			reloadable: true, section: sectionLog,
			doc: "Log the protocol of the clients",
		},
		{
			key: "trace_verbose", flags: []string{"VV"}, kind: boolean, fields: []string{"Trace"}, shape: onlyTrue,
			lacks: lacksVerbose, reloadable: true, section: sectionLog,
			doc: "The same as trace",
		},
		{
			flags: []string{"DV"}, kind: boolean, fields: []string{"Debug", "Trace"}, section: sectionLog,
			doc: "Both debug and trace",
		},
		{
			flags: []string{"DVV"}, kind: boolean, fields: []string{"Debug", "Trace"}, lacks: lacksVerbose,
			section: sectionLog,
			doc:     "The same as -DV",
		},
		{
			key: "log_file", aliases: []string{"logfile"}, flags: []string{"l", "log"}, arg: "file", kind: text,
			fields: []string{"LogFile"}, defText: "standard error", reloadable: true, section: sectionLog,
			doc: "File to log to",
		},
		{
			key: "log_size_limit", aliases: []string{"logfile_size_limit"}, flags: []string{"log_size_limit"}, arg: "bytes",
			kind: size, unit: "bytes", fields: []string{"LogSizeLimit"}, defText: "never", max: math.MaxInt64,
			section: sectionLog,
			doc:     "Size at which the log file is rotated",
		},
		{
			key: "log_max_num", aliases: []string{"logfile_max_num"}, kind: integer, fields: []string{"LogMaxNum"},
			defText: "all", max: math.MaxInt32, section: sectionLog,
			doc: "Log files to keep, the current one included; 0 keeps all",
		},
		{
			key: "logtime", flags: []string{"T", "logtime"}, kind: boolean, fields: []string{"NoLogtime"}, negated: true,
			reloadable: true, section: sectionLog,
			doc: "Put the time into log lines",
		},
		{
			key: "logtime_utc", flags: []string{"logtime_utc"}, kind: boolean, fields: []string{"LogtimeUTC"},
			reloadable: true, section: sectionLog,
			doc: "Write that time in UTC, not in local time",
		},
		{
			key: "log_format", kind: text, fields: []string{"LogFormat"}, def: "text",
			choices: []string{"text", "json"}, section: sectionLog,
			doc: "Form of a log line",
		},
	}
}

func processTable() []setting {
	return []setting{
		{
			key: "config", flags: []string{"c", "config"}, arg: "file", kind: text, fields: []string{"ConfigFile"},
			defText: "none", commandOnly: true, section: sectionProcess,
			doc: "Configuration file in NATS syntax, or YAML if named .yaml or .yml",
		},
		{
			key: "pid_file", aliases: []string{"pidfile"}, flags: []string{"P", "pid"}, arg: "file", kind: text,
			fields: []string{"PidFile"}, defText: "none", reloadable: true, section: sectionProcess,
			doc: "File to write the process id to",
		},
		{
			key: "ports_file_dir", flags: []string{"ports_file_dir"}, arg: "dir", kind: text,
			fields: []string{"PortsFileDir"}, defText: "none", reloadable: true, section: sectionProcess,
			doc: "Directory for <program>_<pid>.ports, which lists the bound ports",
		},
		{
			flags: []string{"t", "test_config"}, kind: action, does: TestConfig, section: sectionProcess,
			doc: "Check the configuration and exit",
		},
		{
			flags: []string{"sl", "signal"}, arg: "cmd[=pid]", kind: action, does: Signal, section: sectionProcess,
			doc: "Send stop, quit, term, reopen, reload or ldm to a running broker, by its process id or pid file, and exit",
		},
		{
			flags: []string{"h", "help", "help_tls"}, kind: action, does: Help, section: sectionOverview,
			doc: "Show this text and exit; also the word help",
		},
		{
			flags: []string{"v", "version"}, kind: action, does: Version, section: sectionOverview,
			doc: "Show the version and exit; also the word version",
		},
	}
}

// isWord reports whether s has no white space.
func isWord(s string) bool { return !strings.ContainsFunc(s, unicode.IsSpace) }

// isHostPort reports whether s is a host or a host:port.
func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port, err = net.SplitHostPort(s + ":0")
	}
	if err != nil || host == "" {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= -1 && n <= math.MaxUint16
}
