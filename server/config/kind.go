package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is the type of a setting.
type kind int

const (
	boolean     kind = iota // true or false; stored as bool
	integer                 // a whole number; stored as int64
	size                    // a number of bytes; stored as int64
	duration                // stored as time.Duration
	text                    // stored as string
	address                 // host:port or a port; stored as two fields, string and int64
	handshake               // true, false, "auto" or a duration; stored as bool and time.Duration
	block                   // settings of its own
	list                    // any number of elements
	dict                    // texts by names of one's own; stored as map[string]string
	fraction                // a number from 0 to 1; stored as float64
	freeform                // values of any kind by names of one's own; stored as map[string]any
	presence                // a flag that says whether a block is there at all
	action                  // a flag that does something else than set an option
	unsupported             // what nats-server has and the broker has not
)

// String returns the word that the reference uses.
func (k kind) String() string {
	return [...]string{
		"boolean", "integer", "size", "duration", "text", "address", "boolean or duration", "block", "list",
		"block", "number", "block", "boolean", "action", "",
	}[k]
}

// errKind and errRange say why a value was refused. The caller words it.
var (
	errKind  = errors.New("wrong kind of value")
	errRange = errors.New("value not allowed")
)

// convert turns a value of a file into the values of the item's fields, one
// for each. A note is a warning to pass on. The error is errKind or errRange.
func (it *item) convert(v any) (values []any, note string, err error) {
	switch it.kind {
	case address:
		values, err = it.convertAddress(v)
		return values, "", err
	case handshake:
		values, err = convertHandshake(v)
		return values, "", err
	}
	var out any
	switch it.kind {
	case boolean:
		b, ok := v.(bool)
		if !ok {
			return nil, "", errKind
		}
		out = b != it.negated
	case integer, size:
		n, ok := v.(int64)
		if !ok {
			return nil, "", errKind
		}
		if n == 0 && it.nonzero {
			return nil, "", errRange
		}
		if to, ok := it.remap[n]; ok {
			n = to
		}
		out = n
	case duration:
		d, bare, err := toDuration(v)
		if err != nil {
			return nil, "", err
		}
		if bare && !it.seconds {
			note = fmt.Sprintf(`%q: a bare number is taken as seconds (%s); better write a duration such as "2m", with the quotes`,
				it.name(), showDuration(d))
		}
		out = d
	case fraction:
		if out, err = it.convertFraction(v); err != nil {
			return nil, "", err
		}
	case text:
		s, ok := v.(string)
		if !ok {
			return nil, "", errKind
		}
		if it.fold != nil {
			s = it.fold(s)
		}
		out = s
	default:
		return nil, "", errKind
	}
	if !it.allows(out, it.low()) {
		return nil, "", errRange
	}
	values = make([]any, len(it.fields))
	for i := range values {
		values[i] = out
	}
	return values, note, nil
}

// allows reports whether a converted value, or that of the field, is in range.
// Zero is: it stands for the default.
func (it *item) allows(v any, low int64) bool {
	switch it.kind {
	case integer, size, duration:
		n := reflect.ValueOf(v).Int()
		return n == 0 || (n >= low && n <= it.max)
	case fraction:
		return it.allowsFraction(v.(float64))
	case text:
		s := v.(string)
		if s == "" {
			return true
		}
		if it.choices != nil {
			return slices.Contains(it.choices, s)
		}
		return it.check == nil || it.check(s)
	}
	return true
}

// low is the lower bound for whatever does not come from code.
func (it *item) low() int64 {
	if it.floor != 0 {
		return it.floor
	}
	return it.min
}

// convertAddress splits host:port. A bare port leaves the host at its default.
func (it *item) convertAddress(v any) ([]any, error) {
	var host string
	var port int64
	switch v := v.(type) {
	case int64:
		port = v
	case string:
		h, p, err := net.SplitHostPort(v)
		if err != nil {
			h, p = "", v
		}
		n, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			return nil, errKind
		}
		host, port = h, n
	default:
		return nil, errKind
	}
	if port < -1 || port > math.MaxUint16 {
		return nil, errRange
	}
	return []any{host, port}, nil
}

// handshakeFallback is how long a listener waits for the first byte of TLS when
// it is told to find out by itself.
const handshakeFallback = 50 * time.Millisecond

// convertHandshake returns whether TLS comes first, and after which silence it
// does not.
func convertHandshake(v any) ([]any, error) {
	switch v := v.(type) {
	case bool:
		return []any{v, time.Duration(0)}, nil
	case string:
		switch strings.ToLower(v) {
		case "true", "on":
			return []any{true, time.Duration(0)}, nil
		case "false", "off":
			return []any{false, time.Duration(0)}, nil
		case "auto", "auto_fallback":
			return []any{true, handshakeFallback}, nil
		}
		d, err := time.ParseDuration(v)
		if err != nil {
			return nil, errKind
		}
		if d <= 0 {
			return nil, errRange
		}
		return []any{true, d}, nil
	}
	return nil, errKind
}

// toDuration accepts "2m" and bare numbers of seconds, but none that is too small
// to be told from 0, which stands for the default.
func toDuration(v any) (d time.Duration, bare bool, err error) {
	var seconds float64
	switch v := v.(type) {
	case string:
		d, err := time.ParseDuration(v)
		if err != nil {
			return 0, false, errKind
		}
		return d, false, nil
	case int64:
		seconds = float64(v)
	case float64:
		seconds = v
	default:
		return 0, false, errKind
	}
	if math.IsNaN(seconds) || math.Abs(seconds) > float64(maxDuration/int64(time.Second)) {
		return 0, false, errRange
	}
	d = time.Duration(math.Round(seconds * float64(time.Second)))
	if d == 0 && seconds != 0 {
		return 0, false, errRange
	}
	return d, true, nil
}

// literal turns the text of a variable or a flag into the value that a file
// would have held. Text that fits no literal stays text.
func (it *item) literal(s string) any {
	switch it.kind {
	case boolean, handshake:
		if b, ok := parseBool(s); ok {
			return b
		}
	case integer, size:
		if n, ok := parseNumber(s); ok {
			return n
		}
	case duration, fraction:
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
	}
	return s
}

// parseBool accepts the words of a NATS file and those of Go flags.
func parseBool(s string) (b, ok bool) {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1", "t":
		return true, true
	case "false", "no", "off", "0", "f":
		return false, true
	}
	return false, false
}

// parseNumber accepts a whole number with an optional suffix: k, m, g, t, p, e
// are powers of 1000; with b, i or ib behind them, of 1024. The case is free.
// It fails for an unknown suffix and for what does not fit into an int64.
func parseNumber(s string) (n int64, ok bool) {
	digits := strings.TrimRight(strings.ToLower(s), "kmgtpebi")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || strings.HasPrefix(digits, "+") {
		return 0, false
	}
	suffix := strings.ToLower(s[len(digits):])
	if suffix == "" {
		return n, true
	}
	base := int64(1000)
	switch suffix[1:] {
	case "":
	case "b", "i", "ib":
		base = 1024
	default:
		return 0, false
	}
	power := strings.IndexByte("kmgtpe", suffix[0])
	if power < 0 {
		return 0, false
	}
	for range power + 1 {
		if n > math.MaxInt64/base || n < math.MinInt64/base {
			return 0, false
		}
		n *= base
	}
	return n, true
}
