package plugins

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"

	"moonwire/plugins/api"
)

// What a plugin may write to the log: lines a second, and at once.
const (
	linesPerSecond = 50
	linesAtOnce    = 200
	// linesKept is how many of those that are left out are told in the end: they
	// may be why it has ended.
	linesKept = 40
)

// sink takes the lines that a plugin writes to its standard error, as many as a
// log can bear.
type sink struct {
	log   *zap.Logger
	limit *rate.Limiter

	mu      sync.Mutex
	omitted int      // without those of tail
	tail    [][]byte // the newest of those that are left out, in their order
	last    string   // of the lines that are not left out
}

func newSink(log *zap.Logger) *sink {
	return &sink{log: log, limit: rate.NewLimiter(linesPerSecond, linesAtOnce)}
}

// line takes a line.
func (s *sink) line(text []byte) {
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.limit.Allow() {
		s.keepLocked(text)
		return
	}
	s.omitted, s.tail = s.omitted+len(s.tail), nil
	s.omittedLocked()
	s.writeLocked(text)
}

// keepLocked keeps a line that is left out, and gives up the oldest of those.
func (s *sink) keepLocked(text []byte) {
	if len(s.tail) < linesKept {
		s.tail = append(s.tail, bytes.Clone(text))
		return
	}
	s.omitted++
	oldest := s.tail[0]
	copy(s.tail, s.tail[1:])
	s.tail[linesKept-1] = append(oldest[:0], text...)
}

// writeLocked writes a line to the log.
func (s *sink) writeLocked(text []byte) {
	level, msg, fields := parseLine(text)
	s.last = lastWords(s.last, msg)
	if e := s.log.Check(level, msg); e != nil {
		e.Write(fields...)
	}
}

// omittedLocked tells what was left out.
func (s *sink) omittedLocked() {
	if s.omitted > 0 {
		s.log.Warn("the plugin writes more than the log bears: lines were left out", zap.Int("lines", s.omitted))
		s.omitted = 0
	}
}

// end tells what is still to be told when the plugin has ended.
func (s *sink) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.omittedLocked()
	for _, text := range s.tail {
		s.writeLocked(text)
	}
	s.tail = nil
}

// words returns the last line, or that which says why there are no more; or "".
func (s *sink) words() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.last
	for _, text := range s.tail {
		_, msg, _ := parseLine(text)
		last = lastWords(last, msg)
	}
	return last
}

// levels are those of JSON lines.
var levels = map[string]zapcore.Level{
	"trace": zapcore.DebugLevel, "debug": zapcore.DebugLevel, "info": zapcore.InfoLevel,
	"warn": zapcore.WarnLevel, "error": zapcore.ErrorLevel,
}

// parseLine reads a line: JSON with @level and @message, or anything else.
func parseLine(text []byte) (level zapcore.Level, msg string, fields []zap.Field) {
	level = zapcore.InfoLevel
	for _, start := range []string{"panic: ", "fatal error: "} { // of a program in Go that ends so
		if bytes.HasPrefix(text, []byte(start)) {
			level = zapcore.ErrorLevel
		}
	}
	var values map[string]any
	if text[0] != '{' || json.Unmarshal(text, &values) != nil {
		return level, brief(api.Valid(string(text))), nil
	}
	msg, ok := values["@message"].(string)
	if !ok {
		return level, brief(api.Valid(string(text))), nil
	}
	if l, ok := values["@level"].(string); ok {
		if known, ok := levels[strings.ToLower(l)]; ok {
			level = known
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !strings.HasPrefix(key, "@") {
			fields = append(fields, zap.String(brief(key), brief(fmt.Sprint(values[key]))))
		}
	}
	return level, brief(msg), fields
}

// lines cuts what is written into lines. A line that is too long is cut off.
type lines struct {
	to *sink

	mu   sync.Mutex
	rest []byte // of a line that has not ended
	full bool   // it is too long, and was taken
}

// longest is how many bytes of a line are taken.
const longest = 8 << 10

// Write implements io.Writer. It never fails.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		part, rest, ended := bytes.Cut(b, []byte("\n"))
		b = rest
		if !l.full {
			l.rest = append(l.rest, part[:min(len(part), longest-len(l.rest))]...)
			if l.full = len(l.rest) == longest; ended || l.full {
				l.to.line(l.rest)
				l.rest = l.rest[:0]
			}
		}
		if ended {
			l.full = false
		}
	}
	return n, nil
}

// end takes what is left without the end of a line.
func (l *lines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to.line(l.rest)
	l.rest = nil
	l.to.end()
}
