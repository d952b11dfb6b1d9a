package library

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"moonwire/hooks/lua/sandbox"
)

// jsonEncoder writes values as JSON. It serves one VM and keeps its buffers.
type jsonEncoder struct {
	a       *sandbox.Args
	out     []byte
	indent  int
	level   int         // of indentation
	entries []jsonEntry // of the objects that are open
}

type jsonEntry struct {
	key   string
	value sandbox.Value
}

// jsonFault is why a value has no JSON.
type jsonFault struct{ path, why string }

func (f *jsonFault) Error() string {
	if f.path == "" {
		return f.why
	}
	return "at " + f.path + ": " + f.why
}

// jsonWithin adds where a fault is.
func jsonWithin(err error, step string) error {
	var f *jsonFault
	if errors.As(err, &f) {
		f.path = step + f.path
		return f
	}
	return &jsonFault{step, err.Error()}
}

// encode writes a value. The result is valid until the next call; the caller
// copies it.
func (e *jsonEncoder) encode(a *sandbox.Args, v sandbox.Value, indent int) ([]byte, error) {
	if cap(e.out) > 16*keepBuffer || cap(e.entries) > keepBuffer {
		e.out, e.entries = nil, nil
	}
	a.Step(8)
	e.a, e.indent, e.level = a, indent, 0
	e.out, e.entries = e.out[:0], e.entries[:0]
	err := e.value(v, maxDepth)
	clear(e.entries)
	e.a = nil
	return e.out, err
}

// room makes room for n bytes.
func (e *jsonEncoder) room(n int) {
	if n <= cap(e.out)-len(e.out) {
		return
	}
	size := max(2*cap(e.out), len(e.out)+n, 256)
	e.a.Charge(size)
	e.out = append(make([]byte, 0, size), e.out...)
}

func (e *jsonEncoder) add(s string) {
	e.room(len(s))
	e.out = append(e.out, s...)
}

func (e *jsonEncoder) value(v sandbox.Value, depth int) error {
	e.a.Step(2)
	switch v.Kind() {
	case sandbox.KindNil:
		e.add("null")
		return nil
	case sandbox.KindBool:
		e.add(strconv.FormatBool(v.True()))
		return nil
	case sandbox.KindNumber:
		f, _ := v.Number()
		return e.number(f)
	case sandbox.KindString:
		s, _ := v.Text()
		return e.str(s)
	case sandbox.KindTable:
		if depth == 0 {
			return ErrDepth
		}
		t, _ := v.Table()
		if n := t.Len(); n > 0 || t.IsList() {
			return e.list(t, n, depth-1)
		}
		return e.object(t, depth-1)
	}
	if v == null {
		e.add("null")
		return nil
	}
	return fmt.Errorf("a %s has no JSON", v.Kind())
}

func (e *jsonEncoder) number(f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errors.New("a number that is infinite or none has no JSON")
	}
	e.room(32)
	format := byte('f')
	if abs := math.Abs(f); abs >= 1e21 || abs < 1e-6 && abs > 0 {
		format = 'e'
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e15 && (f != 0 || !math.Signbit(f)) {
		e.out = strconv.AppendInt(e.out, int64(f), 10)
	} else {
		e.out = strconv.AppendFloat(e.out, f, format, -1, 64)
	}
	return nil
}

// str writes a string.
func (e *jsonEncoder) str(s string) error {
	e.a.Step(len(s) / 16)
	e.room(len(s) + 2)
	e.out = append(e.out, '"')
	plain := 0 // where what is not written yet begins
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				return errors.New("a string that is not UTF-8 has no JSON; encode it, as by crypto.base64.encode")
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		e.add(s[plain:i])
		e.escape(c)
		i++
		plain = i
	}
	e.add(s[plain:])
	e.add(`"`)
	return nil
}

func (e *jsonEncoder) escape(c byte) {
	e.room(6)
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		e.out = append(e.out, '\\', c)
	case '\n':
		e.out = append(e.out, `\n`...)
	case '\r':
		e.out = append(e.out, `\r`...)
	case '\t':
		e.out = append(e.out, `\t`...)
	default:
		e.out = append(e.out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
}

// line begins a line, if there are lines.
func (e *jsonEncoder) line() {
	if e.indent == 0 {
		return
	}
	n := e.indent * e.level
	e.room(n + 1)
	e.out = append(e.out, '\n')
	for range n {
		e.out = append(e.out, ' ')
	}
}

func (e *jsonEncoder) list(t sandbox.Table, n, depth int) error {
	stray := sandbox.Value{}
	t.EachField(func(key, _ sandbox.Value) bool {
		stray = key
		return false
	})
	if !stray.IsNil() {
		return fmt.Errorf("a list with the key %s has no JSON", jsonKey(stray))
	}
	e.add("[")
	e.level++
	for i := 1; i <= n; i++ {
		v := t.At(i)
		if v.IsNil() {
			return fmt.Errorf("a list whose element %d is nil has no JSON; put json.null there", i)
		}
		if i > 1 {
			e.add(",")
		}
		e.line()
		if err := e.value(v, depth); err != nil {
			return jsonWithin(err, "["+strconv.Itoa(i)+"]")
		}
	}
	e.level--
	if n > 0 {
		e.line()
	}
	e.add("]")
	return nil
}

func (e *jsonEncoder) object(t sandbox.Table, depth int) error {
	base := len(e.entries)
	var err error
	t.EachField(func(key, v sandbox.Value) bool {
		name, ok := key.Text()
		if !ok {
			err = fmt.Errorf("a table with the key %s has no JSON: keys are names, or 1 to n without a gap", jsonKey(key))
			return false
		}
		e.a.Step(4)
		if len(e.entries) == cap(e.entries) {
			e.a.Charge(64 * max(16, cap(e.entries)))
		}
		e.entries = append(e.entries, jsonEntry{name, v})
		return true
	})
	if err != nil {
		return err
	}
	n := len(e.entries) - base
	e.a.Step(n * bits.Len(uint(n)) / 2)
	slices.SortFunc(e.entries[base:], func(a, b jsonEntry) int { return strings.Compare(a.key, b.key) })
	e.add("{")
	e.level++
	for i := range n {
		entry := e.entries[base+i]
		if i > 0 {
			e.add(",")
		}
		e.line()
		if err := e.str(entry.key); err != nil {
			return jsonWithin(err, "."+quoteBrief(entry.key))
		}
		e.add(":")
		if e.indent > 0 {
			e.add(" ")
		}
		if err := e.value(entry.value, depth); err != nil {
			return jsonWithin(err, "."+jsonStep(entry.key))
		}
	}
	e.level--
	if n > 0 {
		e.line()
	}
	e.add("}")
	clear(e.entries[base:])
	e.entries = e.entries[:base]
	return nil
}

// jsonStep is a key in a path: in quotes unless it is a word.
func jsonStep(key string) string {
	for i := range len(key) {
		if c := key[i]; c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			return quoteBrief(key)
		}
	}
	if key == "" || len(key) > 40 {
		return quoteBrief(key)
	}
	return key
}

// jsonKey is a key as messages show it.
func jsonKey(key sandbox.Value) string {
	if s, ok := key.Text(); ok {
		return quoteBrief(s)
	}
	if f, ok := key.Number(); ok {
		return formatNumber(f)
	}
	return "that is a " + key.Kind().String()
}
