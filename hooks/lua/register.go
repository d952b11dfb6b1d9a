package lua

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
	"moonwire/server/subject"
)

// mostRegistrations is how many a script may have.
const mostRegistrations = 1000

// errDrift is why a virtual machine is of no use: which function is meant can
// only be told by its number.
var errDrift = errors.New("the script registers other functions each time it is loaded; its top level must not depend on chance, time or stored values")

// keyFields are what a decision may be kept by, besides tags and headers.
var keyFields = []string{"user", "account", "client", "name", "host", "kind", "subject", "reply", "queue"}

// optionsOf are the keys of the options at each point.
var optionsOf = hooks.PerPoint[[]string]{
	hooks.AtRewrite:   {"accounts", "cache", "max_payload"},
	hooks.AtPublish:   {"accounts", "cache", "max_payload"},
	hooks.AtSubscribe: {"accounts", "cache"},
	hooks.AtInspect:   {"accounts", "max_payload"},
	hooks.AtEvent:     {"accounts"},
}

// register returns the function of hook that registers at a point.
func register(p hooks.Point) sandbox.Func {
	return func(a *sandbox.Args) error {
		m := machineOf(a.VM())
		if !m.Loading() {
			return fmt.Errorf("hook.%v: functions are registered at the top level of a script, not in a call", p)
		}
		h, f, err := readRegistration(a, p)
		if err != nil {
			return fmt.Errorf("hook.%v: %w", p, err)
		}
		h.index, h.noted = len(m.found), h.Cache != nil || m.s.options.NoteReads
		if want := m.s.handlers; want != nil && (h.index >= len(want) || !h.same(&want[h.index])) {
			return errDrift
		}
		if h.index >= mostRegistrations {
			return fmt.Errorf("hook.%v: a script registers at most %d functions", p, mostRegistrations)
		}
		m.found, m.functions = append(m.found, h), append(m.functions, f)
		return nil
	}
}

// same reports whether both are the same registration of two virtual machines.
func (h *handler) same(o *handler) bool {
	return h.Point == o.Point && h.file == o.file && h.line == o.line && (h.Cache == nil) == (o.Cache == nil) &&
		slices.Equal(h.Subjects, o.Subjects) && slices.Equal(h.Accounts, o.Accounts) && slices.Equal(h.Events, o.Events)
}

// readRegistration reads the arguments of hook.publish and its like: subjects,
// or types of events, which may be left out; the function; options.
func readRegistration(a *sandbox.Args, p hooks.Point) (h handler, f sandbox.Value, err error) {
	h.Point = p
	at := 1
	if k := a.At(1).Kind(); p != hooks.AtConnect && (k == sandbox.KindString || k == sandbox.KindTable) {
		at = 2
		if p == hooks.AtEvent {
			h.Events, err = names(a.At(1), "types", checkEvent)
		} else {
			h.Subjects, err = names(a.At(1), "subjects", checkPattern)
		}
		if err != nil {
			return h, f, err
		}
	}
	f = a.At(at)
	if f.Kind() != sandbox.KindFunction {
		return h, f, fmt.Errorf("argument #%d is a %s; want the function", at, kindOf(a, at))
	}
	if h.file, h.line, _ = f.Defined(); h.file == "" {
		h.file, h.line = a.Where()
	}
	known := optionsOf[p]
	switch {
	case a.Len() > at && known == nil:
		return h, f, fmt.Errorf("argument #%d is a %s; want the function alone", at+1, kindOf(a, at+1))
	case a.Len() > at+1:
		return h, f, fmt.Errorf("there are %d arguments; want at most subjects, a function and options", a.Len())
	case a.At(at + 1).IsNil():
		return h, f, nil
	}
	opts, ok := a.At(at + 1).Table()
	if !ok {
		return h, f, fmt.Errorf("argument #%d is a %s; want a table of options", at+1, kindOf(a, at+1))
	}
	return h, f, h.readOptions(opts, known)
}

func kindOf(a *sandbox.Args, i int) string {
	if i > a.Len() {
		return "no value"
	}
	return a.At(i).Kind().String()
}

func (h *handler) readOptions(opts sandbox.Table, known []string) (err error) {
	if err = library.CheckKeys(opts, "options", known...); err != nil {
		return err
	}
	if v := opts.Get("accounts"); !v.IsNil() {
		if h.Accounts, err = names(v, "accounts", checkAccount); err != nil {
			return err
		}
	}
	if v := opts.Get("max_payload"); !v.IsNil() {
		if h.MaxPayload, err = whole(v, "max_payload", 1); err != nil {
			return err
		}
	}
	if v := opts.Get("cache"); !v.IsNil() {
		h.Cache, err = readCache(v)
	}
	return err
}

func readCache(v sandbox.Value) (*hooks.CachePolicy, error) {
	t, ok := v.Table()
	if !ok {
		return nil, fmt.Errorf("cache is a %s; want a table with by, ttl and negative_ttl", v.Kind())
	}
	if err := library.CheckKeys(t, "cache", "by", "ttl", "negative_ttl"); err != nil {
		return nil, err
	}
	by, err := names(t.Get("by"), "cache.by", checkKeyField)
	if err != nil {
		return nil, err
	}
	p := new(hooks.CachePolicy)
	if p.By, err = hooks.ParseFields(by); err != nil {
		return nil, fmt.Errorf("cache.by: %w", err)
	}
	if p.TTL, err = seconds(t.Get("ttl"), "cache.ttl"); err != nil {
		return nil, err
	}
	if p.NegativeTTL, err = seconds(t.Get("negative_ttl"), "cache.negative_ttl"); err != nil {
		return nil, err
	}
	if p.TTL == 0 && p.NegativeTTL == 0 {
		return nil, errors.New("cache keeps nothing: set ttl, negative_ttl, or both")
	}
	return p, nil
}

func checkPattern(s string) error {
	if !subject.ValidPattern(s) || strings.ContainsAny(s, " \t\r\n\x00") {
		return fmt.Errorf("%q is not a valid subject", s)
	}
	return nil
}

func checkEvent(s string) error {
	if !hooks.KnownEvent(s) {
		return fmt.Errorf("there is no event %s", library.Suggest(s, hooks.EventTypes()))
	}
	return nil
}

func checkAccount(s string) error {
	if s == "" {
		return errors.New("an account is empty")
	}
	return nil
}

func checkKeyField(s string) error {
	for _, prefix := range []string{"tags.", "header."} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && rest != "" {
			return nil
		}
	}
	if !slices.Contains(keyFields, s) {
		return fmt.Errorf("an answer cannot be kept by %s", library.Suggest(s, append(slices.Clone(keyFields), "tags.NAME", "header.NAME")))
	}
	return nil
}

// names reads a text or a list of texts, of which there is at least one: an empty
// list would mean all.
func names(v sandbox.Value, what string, check func(string) error) ([]string, error) {
	list, err := texts(v, what)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: the list is empty; leave it out for all", what)
	}
	for _, s := range list {
		if err := check(s); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	return list, nil
}

// texts reads a text or a list of texts. A hole in a list is an error: what was
// to stand there is missing.
func texts(v sandbox.Value, what string) (list []string, err error) {
	if s, ok := v.Text(); ok {
		return []string{s}, nil
	}
	t, ok := v.Table()
	if !ok {
		return nil, fmt.Errorf("%s is a %s; want a text or a list of texts", what, v.Kind())
	}
	t.Each(func(key, value sandbox.Value) bool {
		s, ok := value.Text()
		switch n, isNumber := key.Number(); {
		case !isNumber || n != float64(len(list)+1):
			err = fmt.Errorf("%s: it has keys or holes; want a list of texts", what)
		case !ok:
			err = fmt.Errorf("%s: element %d is a %s; want a text", what, len(list)+1, value.Kind())
		}
		list = append(list, s)
		return err == nil
	})
	return list, err
}

// mostSeconds is what a time in seconds may be: three hundred years overflow a
// duration.
const mostSeconds = 1 << 32

// seconds reads a time in seconds; nil is 0.
func seconds(v sandbox.Value, what string) (time.Duration, error) {
	if v.IsNil() {
		return 0, nil
	}
	f, ok := v.Number()
	if !ok {
		return 0, fmt.Errorf("%s is a %s; want seconds", what, v.Kind())
	}
	if !(f >= 0 && f <= mostSeconds) { // also when it is no number at all
		return 0, fmt.Errorf("%s is %v; want seconds from 0 to %d", what, f, int64(mostSeconds))
	}
	return time.Duration(f * float64(time.Second)), nil
}

// whole reads a whole number.
func whole(v sandbox.Value, what string, least int) (int, error) {
	f, ok := v.Number()
	if !ok {
		return 0, fmt.Errorf("%s is a %s; want a whole number", what, v.Kind())
	}
	if f != math.Trunc(f) || !(f >= float64(least) && f <= 1<<40) {
		return 0, fmt.Errorf("%s is %v; want a whole number from %d", what, f, least)
	}
	return int(f), nil
}

// setVersion is hook.version.
func setVersion(a *sandbox.Args) error {
	m := machineOf(a.VM())
	s, ok := a.At(1).Text()
	switch {
	case !m.Loading():
		return errors.New("hook.version: the version is set at the top level of a script, not in a call")
	case !ok || s == "" || len(s) > 64 || a.Len() != 1:
		return errors.New("hook.version: want one text of 1 to 64 bytes")
	}
	m.version = clean(s, 64)
	return nil
}
