package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Options are the settings of a broker. The zero value of every field means its
// default, so that an embedder sets only what differs; WithDefaults fills the
// rest in. The keys, flags and ranges stand in docs/reference/config.md.
type Options struct {
	// Host is the address the client listener binds to. Default "0.0.0.0".
	Host string
	// Port is the client port. Default 4222; -1 takes a random free port.
	Port int
	// ServerName is the name shown in INFO. Default "": the server uses its id.
	// It has no blanks.
	ServerName string
	// ClientAdvertise is the host or host:port given to clients and to other
	// servers in place of the bound address. Default "": the bound address.
	ClientAdvertise string

	// MaxPayload is the largest payload, headers included, of one message, in
	// bytes. Default 1 MiB. It is at most MaxPending.
	MaxPayload int
	// MaxPending is how many bytes may wait for one client before it is closed
	// as a slow consumer. Default 64 MiB.
	MaxPending int64
	// MaxControlLine is the longest protocol line in bytes. Default 4096.
	MaxControlLine int
	// MaxConnections is the number of clients at one time. Default 65536; -1
	// lets nobody connect. A file, a variable or a flag may say 0 for -1, which
	// is what nats-server makes of it.
	MaxConnections int
	// MaxSubscriptions is the number of subscriptions of one client. 0 (the
	// default) and -1 are unlimited.
	MaxSubscriptions int
	// MaxSubTokens is the number of tokens in the subject of a subscription.
	// Default 0: unlimited; at most 255.
	MaxSubTokens int

	// PingInterval is the time between two PINGs to a silent client. Default 2m.
	PingInterval time.Duration
	// PingMax is how many PINGs may be unanswered before the client is stale.
	// Default 2.
	PingMax int
	// WriteDeadline is how long one flush to a client may take. Default 10s.
	WriteDeadline time.Duration
	// NoFastProducerStall leaves producers at full speed when a receiver falls
	// behind. Default false: they are slowed in small steps.
	NoFastProducerStall bool
	// NoHeaderSupport refuses message headers. Default false.
	NoHeaderSupport bool
	// LameDuckDuration is the time over which clients are closed in lame duck
	// mode. Default 2m. A file, a variable or a flag gives at least 30s; an
	// embedder may go lower.
	LameDuckDuration time.Duration
	// LameDuckGracePeriod is the wait before the first client is closed in lame
	// duck mode. Default 10s. It is less than LameDuckDuration.
	LameDuckGracePeriod time.Duration

	// HTTPHost is the address the monitoring listener binds to. Default: Host.
	HTTPHost string
	// HTTPPort is the monitoring port. Default 0: no monitoring; -1 takes a
	// random free port.
	HTTPPort int
	// ProfPort is the port for profiles of the process, on Host. Default 0: no
	// profiles; -1 takes a random free port.
	ProfPort int
	// ProfBlockRate makes the block profile sample one blocking event in that
	// many nanoseconds of blocking, for the whole process. It has an effect only
	// with ProfPort. Default 0: none; 1 samples every event.
	ProfBlockRate int

	// Username is the one user of a broker with user and password. Default "".
	Username string
	// Password belongs to Username, as plain text or as a bcrypt hash. Secret.
	Password string
	// Token is what clients present in place of user and password, as plain
	// text or as a bcrypt hash. It excludes Username and Password. Secret.
	Token string
	// AuthTimeout is how long a client has to authenticate. Default 2s, or with
	// TLS its Timeout and 1s.
	AuthTimeout time.Duration

	// AuthorizationBlock says that there is an authorization block, whatever is
	// in it: then nobody goes without credentials just because all users are of
	// the system account. It has no key; loading sets it. Default false.
	AuthorizationBlock bool
	// Users are who may connect to $G, besides those of Accounts.
	Users []User
	// DefaultPermissions are of those Users that have none of their own. Default
	// nil: everything.
	DefaultPermissions *Permissions
	// NoAuthUser is the user that a client without credentials is. Default "":
	// it is refused.
	NoAuthUser string
	// Accounts besides $G. One that is named $SYS says what is in it.
	Accounts []Account
	// SystemAccount is the account for the server's own messages. Default
	// "$SYS"; with Operators "", which is the one that the operator's JWT names.
	SystemAccount string
	// Mappings of $G.
	Mappings []Mapping

	// TLS of the client listener. Default nil: none.
	TLS *TLS
	// AllowNonTLS lets clients choose. Default false.
	AllowNonTLS bool
	// WebSocket is the listener for WebSocket clients.
	WebSocket WebSocket
	// UnixSocket is the path of a Unix domain socket for clients. Default "":
	// none.
	UnixSocket string
	// HTTPSPort is the monitoring port with TLS. Default 0: none; it excludes
	// HTTPPort.
	HTTPSPort int

	// Operators are the JWTs of operators, or the files that hold them: then
	// clients authenticate with JWTs. Default empty. Secret.
	Operators []string
	// TrustedKeys are public keys of operators, in place of Operators.
	TrustedKeys []string
	// Resolver is where the JWTs of accounts come from.
	Resolver Resolver
	// ResolverPreload are accounts that are known from the start.
	ResolverPreload []AccountJWT
	// DefaultSentinel is the bearer JWT of a client without credentials. Secret.
	DefaultSentinel string
	// AlwaysEnableNonce puts a nonce into each INFO. Default false.
	AlwaysEnableNonce bool

	// Hooks are the scripts and plugins that the broker asks.
	Hooks Hooks

	// Debug logs debug messages. Default false.
	Debug bool
	// Trace logs the protocol of each client. Default false.
	Trace bool
	// LogFile is the file the log goes to. Default "": standard error.
	LogFile string
	// LogSizeLimit is the size in bytes at which LogFile is rotated. Default 0:
	// never.
	LogSizeLimit int64
	// LogMaxNum is how many log files are kept, the current one included.
	// Default 0: all.
	LogMaxNum int
	// NoLogtime leaves the time out of log lines (key logtime, negated).
	// Default false.
	NoLogtime bool
	// LogtimeUTC writes the time of log lines in UTC. Default false: local time.
	LogtimeUTC bool
	// LogFormat is "text" or "json". Default "text".
	LogFormat string

	// PidFile is the file the process id is written to. Default "": none.
	PidFile string
	// PortsFileDir is the directory for the file that lists the bound ports.
	// Default "": none.
	PortsFileDir string
	// ConfigFile is the file the options were read from. Default "": none.
	ConfigFile string
}

// Validate returns every problem of the options at once, joined as by
// errors.Join, or nil. Each names the key, the value and what is allowed. Zero
// values stand for their defaults.
func (o *Options) Validate() error {
	var errs []error
	seen := make(map[string]bool)
	known().visit(reflect.ValueOf(o).Elem(), "", func(it *item, path string, f reflect.Value) {
		if !seen[path] && !f.IsZero() && !it.allows(f.Interface(), it.min) {
			errs = append(errs, &problem{text: it.complain(f.Interface())})
		}
		seen[path] = true
	})
	for _, c := range o.conflicts() {
		errs = append(errs, &problem{text: c.text})
	}
	return errors.Join(errs...)
}

// redacted is shown in place of a secret that is set.
const redacted = "[redacted]"

// shown returns key and value of each field that is set, in the order of the
// table, with secrets replaced. Of a list of blocks it gives the length.
func (o Options) shown() (keys []string, values []any) {
	v := reflect.ValueOf(o)
	leaves := known().leaves()
	seen := make(map[string]bool)
	show := func(name, path string, secret bool) {
		f := fieldAt(v, path)
		if seen[path] || f.IsZero() {
			return
		}
		seen[path] = true
		value := f.Interface()
		d, isDuration := value.(time.Duration)
		switch {
		case secret:
			value = redacted
		case isDuration:
			value = showDuration(d)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			value = f.Len()
		}
		keys, values = append(keys, name), append(values, value)
	}
	for _, it := range leaves {
		switch {
		case it.kind == presence || it.kind == address || len(it.fields) == 0:
		case it.kind == handshake:
			show(it.path, it.paths()[0], it.secret)
			show(it.path+"_fallback", it.paths()[1], it.secret)
		case len(it.fields) != 1:
		case it.negated:
			show("no_"+it.path, it.paths()[0], it.secret)
		default:
			show(it.path, it.paths()[0], it.secret)
		}
	}
	for _, it := range leaves {
		if it.kind == address { // its host may have no key of its own
			show(it.path+"_host", it.paths()[0], it.secret)
		}
	}
	return keys, values
}

// String returns the fields that are set as key=value, separated by blanks,
// without secrets.
func (o Options) String() string {
	keys, values := o.shown()
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s=%v", k, values[i])
	}
	return strings.Join(parts, " ")
}

// GoString is String in braces, so that %#v shows no secret either.
func (o Options) GoString() string { return "config.Options{" + o.String() + "}" }

// MarshalJSON returns the fields that are set as an object from key to value,
// without secrets. It is meant for logs, not for reading back.
func (o Options) MarshalJSON() ([]byte, error) {
	keys, values := o.shown()
	m := make(map[string]any, len(keys))
	for i, k := range keys {
		m[k] = values[i]
	}
	return json.Marshal(m)
}
