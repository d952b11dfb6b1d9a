package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// settleWait is how long a connection must be quiet until a rewrite takes what
// came for the whole answer.
const settleWait = 200 * time.Millisecond

// rewrite plays the script against the named server and returns its text, where
// each plain expectation that does not hold has given way to the lines that came.
// All else must hold.
func (s *script) rewrite(server string, inst Instance) (string, error) {
	x, err := s.session(server, inst)
	if err != nil {
		return "", err
	}
	defer x.close()
	edits := map[int][]string{} // line, from 1: what stands there instead
	for i := 0; i < len(x.steps); {
		x.at = i
		run := x.plainRun(i)
		if run == 0 {
			if err := x.play(x.steps[i]); err != nil {
				return "", err
			}
			i++
			continue
		}
		if err := x.replace(i, run, edits); err != nil {
			return "", err
		}
		i += run
		x.mark = time.Now()
	}
	if err := x.end(); err != nil {
		return "", err
	}
	return s.edited(edits), nil
}

// edited returns the text of the script with the edits made.
func (s *script) edited(edits map[int][]string) string {
	var lines []string
	for i, line := range s.lines {
		if instead, ok := edits[i+1]; ok {
			lines = append(lines, instead...)
		} else {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// plainRun counts the plain expectations without a bound or a server prefix that
// follow each other from step i on.
func (x *session) plainRun(i int) int {
	n := 0
	for _, st := range x.steps[i:] {
		e, ok := st.do.(expectStep)
		if !ok || !e.units[0].plain || len(e.units) > 1 || st.only != "" || st.latest > 0 {
			break
		}
		n++
	}
	return n
}

// replace compares the n plain expectations from step i on with what comes, and
// notes an edit for each connection where they differ.
func (x *session) replace(i, n int, edits map[int][]string) error {
	wants := map[string][]byte{}
	lines := map[string][]int{}
	var names []string
	for _, st := range x.steps[i : i+n] {
		u := st.do.(expectStep).units[0]
		name := u.names[0]
		if lines[name] == nil {
			names = append(names, name)
		}
		lines[name] = append(lines[name], u.line)
		wants[name] = append(wants[name], u.want.(literal)[0]...)
	}
	for _, name := range names {
		p, err := x.peer(name)
		if err != nil {
			return fmt.Errorf("%s: %w", x.script.at(lines[name][0]), err)
		}
		same, err := x.settle(p, wants[name])
		if err != nil {
			return fmt.Errorf("%s: %w", x.script.at(lines[name][0]), err)
		}
		if same {
			p.take(len(wants[name]))
			continue
		}
		got, _ := p.state()
		x.at = i + n
		if x.at < len(x.steps) && x.expectsInfo(name) {
			// The INFO belongs to the pattern behind the run.
			if end := bytes.Index(got, []byte("INFO {")); end >= 0 {
				got = got[:end]
			}
		}
		for _, line := range lines[name] {
			edits[line] = []string{}
		}
		edits[lines[name][0]] = render(name, p.take(len(got)))
	}
	return nil
}

// settle waits until the wanted bytes came, or else until the connection is quiet
// or closed. It returns whether they came.
func (x *session) settle(p *peer, want []byte) (bool, error) {
	seen := 0
	for {
		same := false
		err := x.await(time.Now().Add(settleWait), func() (bool, error) {
			got, end := p.state()
			if bytes.HasPrefix(got, want) {
				same = true
				return true, nil
			}
			return end != nil || len(got) > seen, nil
		})
		if errors.Is(err, errLate) {
			return false, nil
		}
		got, end := p.state()
		if err != nil || same || end != nil {
			return same, err
		}
		seen = len(got)
	}
}

// render returns the expectations that stand for the bytes.
func render(name string, got []byte) []string {
	out := []string{}
	for len(got) > 0 {
		line, rest, whole := bytes.Cut(got, []byte("\r\n"))
		text := string(line)
		switch {
		case whole && strings.HasPrefix(text, "INFO {"):
			out = append(out, name+"< INFO {…}")
		case whole && readable(text):
			out = append(out, strings.TrimSuffix(name+"< "+text, " "))
		case whole:
			out = append(out, name+"<< "+strconv.Quote(text+"\r\n"))
		default:
			out = append(out, name+"<< "+strconv.Quote(text))
		}
		got = rest
	}
	return out
}

// readable tells whether a line can stand in a transcript as it is.
func readable(text string) bool {
	return utf8.ValidString(text) &&
		strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 &&
		strings.TrimRightFunc(text, unicode.IsSpace) == text
}
