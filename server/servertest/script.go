package servertest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// script is a parsed transcript. It is immutable once parsed.
type script struct {
	path   string   // as errors name it
	lines  []string // the text, line by line, without line ends
	config string   // for the Starter
	steps  []step
}

// text returns the transcript as it was read.
func (s *script) text() string { return strings.Join(s.lines, "\n") + "\n" }

// at names a place in the file.
func (s *script) at(line int) string { return fmt.Sprintf("%s:%d", s.path, line) }

// step is one thing that a run does or waits for.
type step struct {
	line int    // where it stands, from 1
	only string // the one server it is valid for, or empty
	do   action

	// The expectation must come true this long after the step before it. No
	// bound when latest is zero.
	earliest, latest time.Duration
}

// unit is bytes that belong together and come on one of some connections.
type unit struct {
	line  int
	only  string
	names []string
	want  matcher
	plain bool // stands on one line of its own, so a rewrite may replace it
}

// forServer returns the steps that are valid for the named server.
func (s *script) forServer(name string) []step {
	var steps []step
	for _, st := range s.steps {
		if st.only != "" && st.only != name {
			continue
		}
		if e, ok := st.do.(expectStep); ok {
			e.units = slices.DeleteFunc(slices.Clone(e.units), func(u unit) bool {
				return u.only != "" && u.only != name
			})
			if len(e.units) == 0 {
				continue
			}
			st.do = e
		}
		steps = append(steps, st)
	}
	return steps
}

// verdict is what a matcher says of the bytes that came so far.
type verdict int

const (
	mismatch verdict = iota // whatever follows, this is not it
	partial                 // it may be it, when more comes
	match
)

// matcher is what is expected on a connection.
type matcher interface {
	// match judges the bytes that the named server sent. For match, n of them
	// belong to the expectation; why may explain a mismatch.
	match(server string, got []byte) (v verdict, n int, why string)
	// String returns the expectation as errors show it.
	String() string
}

// literal expects one of some byte strings, exactly. Of two that both fit, the
// first one counts.
type literal [][]byte

func (l literal) match(_ string, got []byte) (v verdict, n int, why string) {
	for _, alt := range l {
		switch {
		case bytes.HasPrefix(got, alt):
			return match, len(alt), ""
		case bytes.HasPrefix(alt, got):
			v = partial
		}
	}
	return v, 0, ""
}

func (l literal) String() string {
	alts := make([]string, len(l))
	for i, alt := range l {
		alts[i] = quote(alt)
	}
	return strings.Join(alts, " | ")
}

// match implements matcher: an INFO line that is legal and fits the pattern. A
// nil pattern expects any legal INFO.
func (p *infoPattern) match(server string, got []byte) (v verdict, n int, why string) {
	if op := []byte("INFO "); len(got) < len(op) {
		if bytes.HasPrefix(op, got) {
			return partial, 0, ""
		}
		return mismatch, 0, ""
	}
	end := bytes.Index(got, []byte("\r\n"))
	if end < 0 {
		return partial, 0, ""
	}
	fields, err := readInfo(got[:end+2])
	if err == nil {
		err = checkInfo(server, fields)
	}
	if err == nil && p != nil {
		err = p.check(fields)
	}
	if err != nil {
		return mismatch, 0, err.Error()
	}
	return match, end + 2, ""
}

// String implements matcher.
func (p *infoPattern) String() string {
	if p == nil {
		return "a legal INFO"
	}
	return "INFO " + p.text
}

// maxQuoted bounds the bytes that an error message shows of one thing.
const maxQuoted = 600

// quote shows bytes in an error message.
func quote(b []byte) string {
	if len(b) <= maxQuoted {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%q… (%d bytes)", b[:maxQuoted], len(b))
}
