package plugins

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestLastWords: what a program says at its end is told, though it has written more
// than the log bears before.
func TestLastWords(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	s := newSink(zap.New(core))
	l := &lines{to: s}
	const written = 100 * linesAtOnce
	for i := range written {
		if _, err := fmt.Fprintln(l, "noise", i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Write([]byte("panic: out of my mind\n\ngoroutine 1 [running]:\n{\"@message\":\"no way out\"}")); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(){func() {}, l.end} {
		end()
		if w := s.words(); w != "panic: out of my mind" {
			t.Errorf("its last words are %q", w)
		}
	}
	var told, omitted int
	var last []string
	for _, e := range logs.All() {
		if n, ok := e.ContextMap()["lines"].(int64); ok {
			omitted += int(n)
			continue
		}
		told++
		last = append(last, e.Message)
	}
	if told+omitted != written+3 || told > linesAtOnce+2*linesKept {
		t.Errorf("%d lines are told and %d left out of %d", told, omitted, written+3)
	}
	if got, want := strings.Join(last[len(last)-3:], "|"), "panic: out of my mind|goroutine 1 [running]:|no way out"; got != want {
		t.Errorf("the log ends with %q", got)
	}
}
