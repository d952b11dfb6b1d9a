package builtin

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"moonwire/server/spelling"
)

// problems are what is wrong with the settings of one hook.
type problems struct {
	hook  string
	list  []error
	about map[string]bool // keys that are named already
}

// add tells of a problem with a key. Of several with one key, or within it, the
// first counts: what a value of the wrong kind leads to later on is none of its own.
func (p *problems) add(key, format string, args ...any) {
	for k := key; k != ""; k = k[:max(strings.LastIndexByte(k, '.'), 0)] {
		if p.about[k] {
			return
		}
	}
	if p.about == nil {
		p.about = make(map[string]bool)
	}
	p.about[key] = true
	p.list = append(p.list, fmt.Errorf("%s: %s: %w", p.hook, key, fmt.Errorf(format, args...)))
}

func (p *problems) err() error { return errors.Join(p.list...) }

// settings is one table of a configuration. Reading a key makes it known; a key
// that is not there, or whose value is wrong, reads as the zero value.
type settings struct {
	p     *problems
	path  string // with a dot at its end, if it is not empty
	m     map[string]any
	known []string
}

func settingsOf(p *problems, m map[string]any) *settings { return &settings{p: p, m: m} }

func (s *settings) bad(key, format string, args ...any) { s.p.add(s.path+key, format, args...) }

// get returns the value of a key.
func (s *settings) get(key string) (v any, ok bool) {
	s.known = append(s.known, key)
	v, ok = s.m[key]
	return v, ok
}

// done tells of the keys that nobody has read.
func (s *settings) done() {
	for _, key := range sortedKeys(s.m) {
		if !slices.Contains(s.known, key) {
			s.bad(key, "%s", unknown("key", key, s.known))
		}
	}
}

// unknown words what is wrong with a name that is none of names.
func unknown(what, name string, names []string) string {
	if n := spelling.Nearest(name, names); n != "" {
		return fmt.Sprintf("unknown %s %q; did you mean %q?", what, name, n)
	}
	return fmt.Sprintf("unknown %s %q: want one of %q", what, name, names)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (s *settings) flag(key string) bool {
	v, ok := s.get(key)
	b, is := v.(bool)
	if ok && !is {
		s.bad(key, "want true or false, not %s", show(v))
	}
	return b
}

func (s *settings) text(key string) string {
	v, ok := s.get(key)
	t, is := v.(string)
	if ok && (!is || t == "") {
		s.bad(key, "want a text, not %s", show(v))
	}
	return t
}

// texts reads a list of texts, or one without a list around it.
func (s *settings) texts(key string) (list []string) {
	v, ok := s.get(key)
	if !ok {
		return nil
	}
	switch v := v.(type) {
	case string:
		list = []string{v}
	case []string:
		list = slices.Clone(v)
	case []any:
		for _, e := range v {
			t, is := e.(string)
			if !is {
				s.bad(key, "want a list of texts: %s is none", show(e))
			}
			list = append(list, t)
		}
	default:
		s.bad(key, "want a text or a list of them, not %s", show(v))
		return nil
	}
	if len(list) == 0 || slices.Contains(list, "") {
		s.bad(key, "has an empty text, or none: leave the key out for the default")
	}
	return list
}

// dict reads texts by names of one's own.
func (s *settings) dict(key string) map[string]string {
	v, ok := s.get(key)
	if !ok {
		return nil
	}
	m, is := v.(map[string]any)
	if !is {
		s.bad(key, "want a block, not %s", show(v))
		return nil
	}
	d := make(map[string]string, len(m))
	for name, v := range m {
		t, is := v.(string)
		if !is {
			s.bad(key+"."+name, "want a text, not %s", show(v))
		}
		d[name] = t
	}
	return d
}

// tables reads a list of blocks. What is none reads as an empty one.
func (s *settings) tables(key string) (list []*settings) {
	v, ok := s.get(key)
	if !ok {
		return nil
	}
	all, is := v.([]any)
	if !is {
		s.bad(key, "want a list of blocks, not %s", show(v))
	}
	for i, e := range all {
		at := fmt.Sprintf("%s[%d]", key, i)
		m, is := e.(map[string]any)
		if !is {
			s.bad(at, "want a block, not %s", show(e))
		}
		list = append(list, &settings{p: s.p, path: s.path + at + ".", m: m})
	}
	return list
}

// number reads a number above zero.
func (s *settings) number(key string) float64 {
	v, ok := s.get(key)
	if !ok {
		return 0
	}
	n, is := numeric(v)
	if !is || !(n > 0) || math.IsInf(n, 0) {
		s.bad(key, "want a number above 0, not %s", show(v))
		return 0
	}
	return n
}

// whole reads a whole number above zero.
func (s *settings) whole(key string) int {
	v, ok := s.get(key)
	if !ok {
		return 0
	}
	n, is := numeric(v)
	if !is || n < 1 || n != math.Trunc(n) || n > math.MaxInt32 {
		s.bad(key, "want a whole number from 1 to %d, not %s", math.MaxInt32, show(v))
		return 0
	}
	return int(n)
}

// size reads a number of bytes above zero.
func (s *settings) size(key string) int {
	v, ok := s.get(key)
	if !ok {
		return 0
	}
	n, is := numeric(v)
	if t, text := v.(string); text {
		n, is = parseSize(t)
	}
	if !is || n < 1 || n != math.Trunc(n) || n > math.MaxInt32 {
		s.bad(key, "want a number of bytes from 1 to %d, such as 65536 or \"64KB\", not %s", math.MaxInt32, show(v))
		return 0
	}
	return int(n)
}

// units of sizes, with those first that end like others.
var units = []struct {
	suffix string
	bytes  float64
}{
	{"KIB", 1 << 10},
	{"MIB", 1 << 20},
	{"GIB", 1 << 30},
	{"KB", 1 << 10},
	{"MB", 1 << 20},
	{"GB", 1 << 30},
	{"K", 1e3},
	{"M", 1e6},
	{"G", 1e9},
	{"B", 1},
	{"", 1},
}

// parseSize reads a size with its unit, in any case.
func parseSize(t string) (n float64, ok bool) {
	t = strings.ToUpper(strings.TrimSpace(t))
	for _, u := range units {
		if digits, ok := strings.CutSuffix(t, u.suffix); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 50)
			return float64(n) * u.bytes, err == nil
		}
	}
	return 0, false
}

// duration reads a duration above zero.
func (s *settings) duration(key string) time.Duration {
	v, ok := s.get(key)
	if !ok {
		return 0
	}
	t, _ := v.(string)
	d, err := time.ParseDuration(t)
	if err != nil || d <= 0 {
		s.bad(key, "want a duration above 0 such as \"100ms\", not %s", show(v))
		return 0
	}
	return d
}

// numeric returns a number of a configuration, or of Go code.
func numeric(v any) (n float64, ok bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// show is a value in an error: with what kind it is of, where that is the fault.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return strconv.Quote(v)
	case map[string]any:
		return "a block"
	case []any:
		return "a list"
	}
	return fmt.Sprint(v)
}
