package lua

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// What one line of a script's log may hold; what is more is cut off.
const (
	mostMessage = 1024 // bytes
	mostValue   = 512  // bytes of a text in a field
	mostFields  = 32   // of a line
	mostValues  = 128  // in all fields together, in tables too
	mostDepth   = 4    // of tables in each other
)

// limiter bounds how many lines are logged: so many at once, and then at a rate.
type limiter struct {
	rate, most float64
	clock      func() time.Time

	mu struct {
		sync.Mutex
		spent   float64
		at      time.Time
		omitted uint64
	}
}

// take reports whether a line may be logged, and how many were left out before.
func (l *limiter) take() (omitted uint64, ok bool) {
	now := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := now.Sub(l.mu.at); d > 0 {
		l.mu.spent = max(0, l.mu.spent-l.rate*d.Seconds())
		l.mu.at = now
	}
	if l.mu.spent+1 > l.most {
		l.mu.omitted++
		return 0, false
	}
	l.mu.spent++
	omitted, l.mu.omitted = l.mu.omitted, 0
	return omitted, true
}

// log writes a line, unless there were too many.
func (s *Script) log(l *limiter, level library.Level, message string, fields []any) {
	if s.options.Log == nil {
		return
	}
	omitted, ok := l.take()
	if !ok {
		return
	}
	if omitted > 0 {
		fields = append(slices.Clip(fields), "omitted", float64(omitted))
	}
	s.options.Log(level, clean(message, mostMessage), fields)
}

// clean makes a text fit for a line of the log: it is cut, and has no control
// characters, by which a client could write lines of its own. The result is a
// copy, as s may be a piece of something long.
func clean(s string, most int) string {
	if len(s) > most {
		s = s[:most] + "…"
	} else {
		s = strings.Clone(s)
	}
	s = strings.ToValidUTF8(s, "?")
	if strings.ContainsFunc(s, unicode.IsControl) {
		s = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, s)
	}
	return s
}

// logModule declares log.
func logModule() *library.Module {
	m := &library.Module{
		Name: "log",
		Doc:  "Lines for the log of the server. A script may write 200 lines at once and 100 a second; what is more is left out and counted.",
	}
	for _, l := range []struct {
		level     library.Level
		name, doc string
	}{
		{library.Debug, "debug", "Logs what only helps to find a mistake."},
		{library.Info, "info", "Logs what is good to know."},
		{library.Warn, "warn", "Logs what somebody should look at."},
		{library.Error, "error", "Logs what is wrong."},
	} {
		m.Functions = append(m.Functions, library.Function{
			Name: l.name, Doc: l.doc,
			Params: []library.Param{
				{Name: "message", Type: "string", Doc: "What is to be said, at most 1024 bytes."},
				{Name: "fields", Type: "table<string, any>?", Doc: "Names and values that belong to it."},
			},
			Example: `log.` + l.name + `("a client left", { user = "bob" })`,
			Do:      func(a *sandbox.Args) error { return logLine(a, "log."+l.name, l.level) },
		})
	}
	return m
}

func logLine(a *sandbox.Args, name string, level library.Level) error {
	message, ok := a.At(1).Text()
	if !ok {
		return fmt.Errorf("%s: argument #1 is a %s; want a text", name, kindOf(a, 1))
	}
	a.Step(100)
	if len(message) > mostMessage { // clean would go through all of it
		message = message[:mostMessage] + "…"
	}
	c := library.CallerOf(a)
	if a.At(2).IsNil() {
		c.Log(level, message, nil)
		return nil
	}
	t, ok := a.At(2).Table()
	if !ok {
		return fmt.Errorf("%s: argument #2 is a %s; want a table of fields", name, a.At(2).Kind())
	}
	c.Log(level, message, logFields(t))
	return nil
}

// logFields returns names and values in turn, in the order of the names.
func logFields(t sandbox.Table) []any {
	left := mostValues
	m, _ := plain(t.Value(), mostDepth, &left).(map[string]any)
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	fields := make([]any, 0, 2*len(m))
	for _, name := range names[:min(len(names), mostFields)] {
		fields = append(fields, name, m[name])
	}
	return fields
}

// plain makes a value one of Go. The tables of a script can lie in each other
// many times over, so how many values are made is bounded.
func plain(v sandbox.Value, depth int, left *int) any {
	if *left--; *left < 0 {
		return "…"
	}
	switch v.Kind() {
	case sandbox.KindNil:
		return nil
	case sandbox.KindBool:
		return v.True()
	case sandbox.KindNumber:
		f, _ := v.Number()
		return f
	case sandbox.KindString:
		s, _ := v.Text()
		return cut(s)
	case sandbox.KindTable:
		if depth > 0 {
			t, _ := v.Table()
			return plainTable(t, depth-1, left)
		}
	}
	return "(" + v.Kind().String() + ")"
}

func plainTable(t sandbox.Table, depth int, left *int) any {
	m := make(map[string]any)
	t.Each(func(key, value sandbox.Value) bool {
		name, ok := key.Text()
		if f, isNumber := key.Number(); isNumber {
			name, ok = fmt.Sprint(f), true
		}
		if ok {
			m[clean(cut(name), mostValue)] = plain(value, depth, left)
		}
		return *left > 0
	})
	return m
}

func cut(s string) string {
	if len(s) > mostValue {
		s = s[:mostValue] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
