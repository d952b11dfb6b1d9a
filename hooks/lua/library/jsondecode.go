package library

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"moonwire/hooks/lua/sandbox"
)

// jsonDecoder reads JSON straight into tables, and pays for what it makes before
// it makes it. It serves one VM and keeps its buffers.
type jsonDecoder struct {
	a    *sandbox.Args
	how  jsonReading
	text string
	at   int // of the next byte

	// What is in the containers that are open: a table is made when its end is
	// seen, in the size that it needs.
	keys   []string
	values []sandbox.Value

	scratch []byte // of a string with escapes
	owed    struct{ bytes, steps int }
}

// jsonReading says how JSON is read.
type jsonReading struct {
	verbatim bool // numbers become strings
	lastWins bool // equal keys are allowed
}

// keepBuffer is how many elements or bytes of its buffers a library keeps for the
// next call.
const keepBuffer = 4096

var errElements = errors.New("a list has more than 65535 elements")

// decode makes a value of a text that holds nothing else. The strings of the
// value share the memory of the text.
func (d *jsonDecoder) decode(a *sandbox.Args, text string, how jsonReading) (sandbox.Value, error) {
	a.Step(4 + len(text)/8)
	d.a, d.text, d.how, d.at = a, text, how, 0
	d.keys, d.values, d.owed.bytes, d.owed.steps = d.keys[:0], d.values[:0], 0, 0
	v, err := d.document()
	d.settle()
	clear(d.keys)
	clear(d.values)
	if cap(d.values) > keepBuffer || cap(d.keys) > keepBuffer || cap(d.scratch) > keepBuffer {
		d.keys, d.values, d.scratch = nil, nil, nil
	}
	d.a, d.text = nil, ""
	return v, err
}

func (d *jsonDecoder) document() (sandbox.Value, error) {
	d.space()
	v, err := d.value(maxDepth)
	if err != nil {
		return v, err
	}
	if d.space(); d.at < len(d.text) {
		return v, d.unexpected("the end")
	}
	return v, nil
}

// pay charges for what comes next, in bundles.
func (d *jsonDecoder) pay(bytes, steps int) {
	d.owed.bytes += bytes
	d.owed.steps += steps
	if d.owed.bytes >= 4096 || d.owed.steps >= 256 {
		d.settle()
	}
}

func (d *jsonDecoder) settle() {
	d.a.Charge(d.owed.bytes)
	d.a.Step(d.owed.steps)
	d.owed.bytes, d.owed.steps = 0, 0
}

// next is the byte that follows; 0 at the end.
func (d *jsonDecoder) next() byte {
	if d.at < len(d.text) {
		return d.text[d.at]
	}
	return 0
}

func (d *jsonDecoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// unexpected is the error for what is not as it should be.
func (d *jsonDecoder) unexpected(want string) error {
	if d.at >= len(d.text) {
		return fmt.Errorf("%s is missing at byte %d: the text ends there", want, d.at+1)
	}
	return fmt.Errorf("%s is expected at byte %d, not %s", want, d.at+1, quoteByte(d.text[d.at]))
}

func quoteByte(c byte) string {
	if c > ' ' && c < 0x7f {
		return string([]byte{'\'', c, '\''})
	}
	return fmt.Sprintf("byte 0x%02x", c)
}

func (d *jsonDecoder) value(depth int) (v sandbox.Value, err error) {
	d.pay(24, 2)
	switch c := d.next(); c {
	case '{', '[':
		if depth == 0 {
			return v, fmt.Errorf("values lie more than %d deep in each other at byte %d", maxDepth, d.at+1)
		}
		if c == '{' {
			return d.object(depth - 1)
		}
		return d.list(depth - 1)
	case '"':
		s, err := d.str()
		return sandbox.String(s), err
	case 't':
		return sandbox.Bool(true), d.word("true")
	case 'f':
		return sandbox.Bool(false), d.word("false")
	case 'n':
		return null, d.word("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return d.number()
	}
	return v, d.unexpected("a value")
}

func (d *jsonDecoder) word(w string) error {
	for i := range len(w) {
		if d.next() != w[i] {
			return d.unexpected(w)
		}
		d.at++
	}
	return nil
}

func (d *jsonDecoder) list(depth int) (v sandbox.Value, err error) {
	base := len(d.values)
	d.at++
	if d.space(); d.next() == ']' {
		d.at++
		return newList(d.a.VM(), 0).Value(), nil
	}
	for {
		d.pay(32, 0)
		if v, err = d.value(depth); err != nil {
			return v, err
		}
		d.values = append(d.values, v)
		d.space()
		switch d.next() {
		case ',':
			d.at++
			d.space()
			continue
		case ']':
			d.at++
		default:
			return v, d.unexpected("',' or ']'")
		}
		break
	}
	elements := d.values[base:]
	t := newList(d.a.VM(), len(elements))
	for _, e := range elements {
		if !t.Append(e) {
			return v, errElements
		}
	}
	clear(elements)
	d.values = d.values[:base]
	return t.Value(), nil
}

func (d *jsonDecoder) object(depth int) (v sandbox.Value, err error) {
	start, base, firstKey := d.at, len(d.values), len(d.keys)
	d.at++
	if d.space(); d.next() == '}' {
		d.at++
		return d.a.VM().NewTable(0, 0).Value(), nil
	}
	for {
		d.pay(80, 8)
		if d.next() != '"' {
			return v, d.unexpected("a key in quotes")
		}
		key, err := d.str()
		if err != nil {
			return v, err
		}
		if d.space(); d.next() != ':' {
			return v, d.unexpected("':'")
		}
		d.at++
		d.space()
		if v, err = d.value(depth); err != nil {
			return v, err
		}
		d.keys, d.values = append(d.keys, key), append(d.values, v)
		d.space()
		switch d.next() {
		case ',':
			d.at++
			d.space()
			continue
		case '}':
			d.at++
		default:
			return v, d.unexpected("',' or '}'")
		}
		break
	}
	return d.fields(start, d.keys[firstKey:], d.values[base:])
}

// fields makes the table of an object that began at start, and takes its keys and
// values from the buffers.
func (d *jsonDecoder) fields(start int, keys []string, values []sandbox.Value) (v sandbox.Value, err error) {
	d.pay(512, 0) // what the maps in a table take for their first key
	t := d.a.VM().NewTable(0, len(keys))
	for i, key := range keys {
		if !d.how.lastWins && !t.Get(key).IsNil() {
			return v, fmt.Errorf("the key %s is twice in the object at byte %d", quoteBrief(key), start+1)
		}
		t.Set(key, values[i])
	}
	clear(keys)
	clear(values)
	d.keys, d.values = d.keys[:len(d.keys)-len(keys)], d.values[:len(d.values)-len(values)]
	return t.Value(), nil
}

// quoteBrief is a key as messages show it.
func quoteBrief(key string) string {
	if len(key) > 40 {
		key = key[:40] + "…"
	}
	return strconv.Quote(key)
}

// str reads the string that begins at the next byte.
func (d *jsonDecoder) str() (string, error) {
	start := d.at
	high := byte(0)
	for i := start + 1; i < len(d.text); i++ {
		c := d.text[i]
		switch {
		case c == '"':
			s := d.text[start+1 : i]
			d.at = i + 1
			if high >= utf8.RuneSelf && !utf8.ValidString(s) {
				return "", notUTF8(start)
			}
			return s, nil
		case c == '\\':
			return d.escaped(start, i)
		case c < ' ':
			d.at = i
			return "", fmt.Errorf("%s at byte %d must be escaped in a string", quoteByte(c), i+1)
		}
		high |= c
	}
	d.at = len(d.text)
	return "", d.unexpected("'\"'")
}

func notUTF8(start int) error { return fmt.Errorf("the string at byte %d is not UTF-8", start+1) }

// escaped reads a string that began at start and has its first backslash at i.
func (d *jsonDecoder) escaped(start, i int) (string, error) {
	d.pay(3*(i-start), 0)
	out := append(d.scratch[:0], d.text[start+1:i]...)
	for d.at = i; d.at < len(d.text); {
		c := d.text[d.at]
		switch {
		case c == '"':
			d.at++
			d.scratch = out
			if !utf8.Valid(out) {
				return "", notUTF8(start)
			}
			return string(out), nil
		case c == '\\':
			d.pay(12, 1)
			var err error
			if out, err = d.escape(out); err != nil {
				return "", err
			}
			continue
		case c < ' ':
			return "", fmt.Errorf("%s at byte %d must be escaped in a string", quoteByte(c), d.at+1)
		}
		d.pay(3, 0)
		out = append(out, c)
		d.at++
	}
	return "", d.unexpected("'\"'")
}

// escape appends what the escape at the next byte stands for.
func (d *jsonDecoder) escape(out []byte) ([]byte, error) {
	d.at++
	c := d.next()
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return d.unicode(out)
	default:
		return out, d.unexpected(`one of "\/bfnrtu`)
	}
	d.at++
	return append(out, c), nil
}

// unicode appends the character of one \u, or of two that are a surrogate pair.
func (d *jsonDecoder) unicode(out []byte) ([]byte, error) {
	start := d.at - 1
	r, err := d.unit()
	if err != nil {
		return out, err
	}
	if utf16.IsSurrogate(r) {
		low := rune(0)
		if d.next() == '\\' && d.at+1 < len(d.text) && d.text[d.at+1] == 'u' {
			d.at++
			if low, err = d.unit(); err != nil {
				return out, err
			}
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return out, fmt.Errorf("half of a surrogate pair at byte %d", start+1)
		}
	}
	return utf8.AppendRune(out, r), nil
}

// unit reads the four digits behind a u.
func (d *jsonDecoder) unit() (r rune, err error) {
	d.at++
	for range 4 {
		c := d.next()
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, d.unexpected("a hexadecimal digit")
		}
		d.at++
	}
	return r, nil
}

// number reads a number.
func (d *jsonDecoder) number() (v sandbox.Value, err error) {
	start := d.at
	if d.next() == '-' {
		d.at++
	}
	whole := d.at
	if d.next() == '0' {
		d.at++
	} else if err = d.digits(); err != nil {
		return v, err
	}
	end := d.at
	if d.next() == '.' {
		d.at++
		if err = d.digits(); err != nil {
			return v, err
		}
	}
	if c := d.next(); c == 'e' || c == 'E' {
		if d.at++; d.next() == '+' || d.next() == '-' {
			d.at++
		}
		if err = d.digits(); err != nil {
			return v, err
		}
	}
	s := d.text[start:d.at]
	if d.how.verbatim {
		return sandbox.String(s), nil
	}
	if end == d.at && end-whole <= 15 {
		return sandbox.Number(jsonSmall(s[whole-start:], whole > start)), nil
	}
	d.pay(0, len(s)/8)
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return v, fmt.Errorf("the number at byte %d is too large", start+1)
	}
	return sandbox.Number(f), nil
}

func (d *jsonDecoder) digits() error {
	start := d.at
	for c := d.next(); c >= '0' && c <= '9'; c = d.next() {
		d.at++
	}
	if d.at == start {
		return d.unexpected("a digit")
	}
	return nil
}

// jsonSmall is the value of at most 15 digits, which a float holds exactly.
func jsonSmall(digits string, negative bool) float64 {
	n := int64(0)
	for i := range len(digits) {
		n = n*10 + int64(digits[i]-'0')
	}
	if negative {
		return math.Copysign(float64(n), -1)
	}
	return float64(n)
}
