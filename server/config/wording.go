package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"moonwire/server/spelling"
)

// complain words the refusal of a value: the key, what it got, what is allowed.
func (it *item) complain(v any) string {
	must := it.must()
	if _, ok := v.(string); !ok && it.kind == text {
		must = anyText
	}
	return fmt.Sprintf("%q: got %s; must be %s", it.name(), it.show(v), must)
}

// anyText is what every text must be.
const anyText = "text (put quotes around what looks like a number, a boolean or a date)"

// must says what is allowed.
func (it *item) must() string {
	switch it.kind {
	case boolean:
		return "true or false"
	case integer:
		if it.nonzero {
			return fmt.Sprintf("a whole number from 1 to %d, or -1 for no limit", it.max)
		}
		return "a whole number " + it.span(func(n int64) string { return strconv.FormatInt(n, 10) })
	case size:
		return "a size " + it.span(showSize) + `, in bytes or with a suffix such as KB or MB, without quotes`
	case duration:
		s := `a duration such as "2m"`
		if low := it.low(); low < 0 {
			return s
		} else if low > 1 {
			return s + ", at least " + showDuration(time.Duration(low))
		}
		return s + ", above 0"
	case address:
		return fmt.Sprintf(`"host:port" or a port, the port from -1 to %d`, math.MaxUint16)
	case handshake:
		return `true, false, "auto" or a duration such as "50ms"`
	case presence:
		return "true or false"
	case block, dict, freeform:
		if it.allowed != "" {
			return it.allowed
		}
		return "a block { … }"
	case list:
		return "a list [ … ]"
	}
	switch {
	case it.choices != nil:
		quoted := make([]string, len(it.choices))
		for i, c := range it.choices {
			quoted[i] = strconv.Quote(c)
		}
		return strings.Join(quoted, " or ")
	case it.allowed != "":
		return it.allowed
	}
	return anyText
}

// span words the range of a number.
func (it *item) span(show func(int64) string) string {
	if it.max == math.MaxInt64 {
		return "of at least " + show(it.min)
	}
	return "from " + show(it.min) + " to " + show(it.max)
}

// longText is the length up to which a message repeats a text.
const longText = 60

// seed is how the private half of an nkey looks. It easily gets where the public
// one belongs.
var seed = regexp.MustCompile("^S[A-Z2-7]{40,}$")

// quote puts a text into quotes, unless it is the seed of an nkey.
func quote(s string) string {
	if seed.MatchString(s) {
		return "a seed, which is secret"
	}
	return strconv.Quote(s)
}

// show words a value for a message. It repeats no secret, and no text with an
// "@", which may be a URL with a password in it.
func (it *item) show(v any) string {
	hide := it.secret
	switch v := v.(type) {
	case nil:
		return "no value"
	case bool:
		if hide {
			return "a boolean"
		}
		return strconv.FormatBool(v)
	case time.Duration:
		return showDuration(v)
	case string:
		if hide || len(v) > longText || strings.Contains(v, "@") {
			return "a text"
		}
		return quote(v)
	case int, int64, float64:
		if hide {
			return "a number"
		}
		return fmt.Sprint(v)
	case time.Time:
		return "a date"
	case []member:
		return "a block"
	case []*node:
		return "a list"
	}
	return "a value"
}

// showSize writes whole mebibytes and kibibytes short.
func showSize(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n > 1<<14 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return strconv.FormatInt(n, 10)
}

// showDuration is Duration.String without zero minutes and seconds: 2m, 1h.
func showDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// didYouMean is the end of a message about an unknown name. All of the names
// stand behind a prefix, which does not make them any more alike.
func didYouMean(prefix, name string, names []string) string {
	if n := spelling.Nearest(name, names); n != "" {
		return fmt.Sprintf("; did you mean %q?", prefix+n)
	}
	return ""
}
