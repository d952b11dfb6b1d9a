package log

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap/zapcore"
)

// fields renders structured fields as " key=value" in the order they come. It is
// the zapcore.ObjectEncoder of text lines. Text is quoted where it would not be
// read back as one word; arrays and objects are JSON.
type fields struct {
	buf       []byte
	namespace string // "outer.inner." in front of the keys that follow
}

var _ zapcore.ObjectEncoder = (*fields)(nil)

// key begins a field and returns what its value is to be appended to.
func (f *fields) key(key string) []byte {
	f.buf = append(f.buf, ' ')
	f.buf = appendWord(f.buf, f.namespace+key)
	return append(f.buf, '=')
}

// structure appends the field under key of what add puts into a map, as JSON.
func (f *fields) structure(key string, add func(zapcore.ObjectEncoder) error) error {
	m := zapcore.NewMapObjectEncoder()
	if err := add(m); err != nil {
		return err
	}
	return f.AddReflected(key, m.Fields[key])
}

// AddArray implements zapcore.ObjectEncoder.
func (f *fields) AddArray(key string, v zapcore.ArrayMarshaler) error {
	return f.structure(key, func(enc zapcore.ObjectEncoder) error { return enc.AddArray(key, v) })
}

// AddObject implements zapcore.ObjectEncoder.
func (f *fields) AddObject(key string, v zapcore.ObjectMarshaler) error {
	return f.structure(key, func(enc zapcore.ObjectEncoder) error { return enc.AddObject(key, v) })
}

// AddReflected implements zapcore.ObjectEncoder.
func (f *fields) AddReflected(key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding field %s: %w", key, err)
	}
	f.buf = append(f.key(key), data...)
	return nil
}

// OpenNamespace implements zapcore.ObjectEncoder.
func (f *fields) OpenNamespace(key string) { f.namespace += key + "." }

// AddBinary implements zapcore.ObjectEncoder.
func (f *fields) AddBinary(key string, v []byte) {
	f.buf = base64.StdEncoding.AppendEncode(f.key(key), v)
}

// AddByteString implements zapcore.ObjectEncoder.
func (f *fields) AddByteString(key string, v []byte) { f.AddString(key, string(v)) }

// AddString implements zapcore.ObjectEncoder.
func (f *fields) AddString(key, v string) { f.buf = appendWord(f.key(key), v) }

// AddBool implements zapcore.ObjectEncoder.
func (f *fields) AddBool(key string, v bool) { f.buf = strconv.AppendBool(f.key(key), v) }

// AddDuration implements zapcore.ObjectEncoder.
func (f *fields) AddDuration(key string, v time.Duration) { f.buf = append(f.key(key), v.String()...) }

// AddTime implements zapcore.ObjectEncoder.
func (f *fields) AddTime(key string, v time.Time) {
	f.buf = v.AppendFormat(f.key(key), time.RFC3339Nano)
}

// AddComplex128 implements zapcore.ObjectEncoder.
func (f *fields) AddComplex128(key string, v complex128) {
	f.buf = append(f.key(key), strconv.FormatComplex(v, 'g', -1, 128)...)
}

// AddComplex64 implements zapcore.ObjectEncoder.
func (f *fields) AddComplex64(key string, v complex64) {
	f.buf = append(f.key(key), strconv.FormatComplex(complex128(v), 'g', -1, 64)...)
}

// AddFloat64 implements zapcore.ObjectEncoder.
func (f *fields) AddFloat64(key string, v float64) {
	f.buf = strconv.AppendFloat(f.key(key), v, 'g', -1, 64)
}

// AddFloat32 implements zapcore.ObjectEncoder.
func (f *fields) AddFloat32(key string, v float32) {
	f.buf = strconv.AppendFloat(f.key(key), float64(v), 'g', -1, 32)
}

// AddInt64 implements zapcore.ObjectEncoder.
func (f *fields) AddInt64(key string, v int64) { f.buf = strconv.AppendInt(f.key(key), v, 10) }

// AddUint64 implements zapcore.ObjectEncoder.
func (f *fields) AddUint64(key string, v uint64) { f.buf = strconv.AppendUint(f.key(key), v, 10) }

// AddInt implements zapcore.ObjectEncoder.
func (f *fields) AddInt(key string, v int) { f.AddInt64(key, int64(v)) }

// AddInt32 implements zapcore.ObjectEncoder.
func (f *fields) AddInt32(key string, v int32) { f.AddInt64(key, int64(v)) }

// AddInt16 implements zapcore.ObjectEncoder.
func (f *fields) AddInt16(key string, v int16) { f.AddInt64(key, int64(v)) }

// AddInt8 implements zapcore.ObjectEncoder.
func (f *fields) AddInt8(key string, v int8) { f.AddInt64(key, int64(v)) }

// AddUint implements zapcore.ObjectEncoder.
func (f *fields) AddUint(key string, v uint) { f.AddUint64(key, uint64(v)) }

// AddUint32 implements zapcore.ObjectEncoder.
func (f *fields) AddUint32(key string, v uint32) { f.AddUint64(key, uint64(v)) }

// AddUint16 implements zapcore.ObjectEncoder.
func (f *fields) AddUint16(key string, v uint16) { f.AddUint64(key, uint64(v)) }

// AddUint8 implements zapcore.ObjectEncoder.
func (f *fields) AddUint8(key string, v uint8) { f.AddUint64(key, uint64(v)) }

// AddUintptr implements zapcore.ObjectEncoder.
func (f *fields) AddUintptr(key string, v uintptr) { f.AddUint64(key, uint64(v)) }

// appendWord appends s so that it reads as one word: as it is, or quoted as a Go
// string if it is empty or holds blanks, quotes, "=", control characters or
// bytes that are not UTF-8.
func appendWord(buf []byte, s string) []byte {
	plain := s != "" && utf8.ValidString(s)
	for _, r := range s {
		if r == '"' || r == '=' || r == ' ' || !unicode.IsPrint(r) {
			plain = false
			break
		}
	}
	if plain {
		return append(buf, s...)
	}
	return strconv.AppendQuote(buf, s)
}
