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
	// AuthTimeout is how long a client has to authenticate. Default 2s.
	AuthTimeout time.Duration

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

// WithDefaults returns a copy in which every field that has its zero value has
// its default.
func (o Options) WithDefaults() Options {
	v := reflect.ValueOf(&o).Elem()
	for _, it := range newSchema(table()).leaves() {
		if it.def == nil {
			continue
		}
		if f := fieldAt(v, it.paths()[0]); f.IsZero() {
			f.Set(reflect.ValueOf(it.def).Convert(f.Type()))
		}
	}
	if o.HTTPHost == "" {
		o.HTTPHost = o.Host
	}
	return o
}

// Validate returns every problem of the options at once, joined as by
// errors.Join, or nil. Each names the key, the value and what is allowed. Zero
// values stand for their defaults.
func (o *Options) Validate() error {
	var errs []error
	for _, it := range newSchema(table()).leaves() {
		if len(it.fields) != 1 || it.flagOnly() {
			continue
		}
		f := fieldAt(reflect.ValueOf(o).Elem(), it.paths()[0])
		if !f.IsZero() && !it.allows(f.Interface(), it.min) {
			errs = append(errs, &problem{text: it.complain(f.Interface())})
		}
	}
	for _, c := range o.conflicts() {
		errs = append(errs, &problem{text: c.text})
	}
	return errors.Join(errs...)
}

// conflict is a problem between several fields.
type conflict struct {
	fields []string // paths; the first one that was set is where it is reported
	text   string
}

// conflicts returns what is wrong between fields that are each fine alone.
func (o *Options) conflicts() []conflict {
	d := o.WithDefaults()
	var cs []conflict
	if d.MaxPending > 0 && int64(d.MaxPayload) > d.MaxPending {
		cs = append(cs, conflict{
			[]string{"MaxPayload", "MaxPending"},
			fmt.Sprintf(`"max_payload": %d is above "max_pending" (%d); must be at most that`, d.MaxPayload, d.MaxPending),
		})
	}
	if d.LameDuckDuration > 0 && d.LameDuckGracePeriod >= d.LameDuckDuration {
		cs = append(cs, conflict{
			[]string{"LameDuckGracePeriod", "LameDuckDuration"},
			fmt.Sprintf(`"lame_duck_grace_period": %s is not below "lame_duck_duration" (%s); must be less than that`,
				showDuration(d.LameDuckGracePeriod), showDuration(d.LameDuckDuration)),
		})
	}
	if d.Token != "" && (d.Username != "" || d.Password != "") {
		cs = append(cs, conflict{
			[]string{"Token", "Username", "Password"},
			`"authorization.token": is set together with a user or password; must be either a token or a user with a password`,
		})
	}
	if d.Password != "" && d.Username == "" {
		cs = append(cs, conflict{
			[]string{"Password", "Username"},
			`"authorization.password": is set without a user; must come with "authorization.user"`,
		})
	}
	return cs
}

// largePayload is the payload size above which memory use deserves a warning.
const largePayload = 8 << 20

// longAuthTimeout is the time above which an auth timeout looks like a slip.
const longAuthTimeout = time.Minute

// doubts returns what is allowed but probably not meant.
func (o *Options) doubts() []conflict {
	var ds []conflict
	if o.MaxPayload > largePayload {
		ds = append(ds, conflict{
			[]string{"MaxPayload"},
			fmt.Sprintf(`"max_payload": %d is above %d (8 MiB); large messages cost memory in every queue they wait in`,
				o.MaxPayload, largePayload),
		})
	}
	if o.MaxConnections < 0 {
		ds = append(ds, conflict{
			[]string{"MaxConnections"},
			`"max_connections": lets no client connect; leave the key out for the default`,
		})
	}
	if o.AuthTimeout > longAuthTimeout {
		ds = append(ds, conflict{
			[]string{"AuthTimeout"},
			fmt.Sprintf(`"authorization.timeout": %s is long; a duration needs quotes ("1m"), since an unquoted 1m is the number 1000000`,
				showDuration(o.AuthTimeout)),
		})
	}
	return ds
}

// redacted is shown in place of a secret that is set.
const redacted = "[redacted]"

// shown returns key and value of each field that is set, in the order of the
// table, with secrets replaced.
func (o Options) shown() (keys []string, values []any) {
	v := reflect.ValueOf(o)
	leaves := newSchema(table()).leaves()
	seen := make(map[string]bool)
	show := func(name, path string, secret bool) {
		f := fieldAt(v, path)
		if seen[path] || f.IsZero() {
			return
		}
		seen[path] = true
		value := f.Interface()
		if d, ok := value.(time.Duration); ok {
			value = showDuration(d)
		}
		if secret {
			value = redacted
		}
		keys, values = append(keys, name), append(values, value)
	}
	for _, it := range leaves {
		switch {
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
