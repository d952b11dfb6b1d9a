package hooktool

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"

	"moonwire/hooks"
)

// logged is a line of the decision log: what one function of a hook said of one
// question.
type logged struct {
	Message string `json:"msg"`
	Hook    string `json:"hook"`
	Point   string `json:"point"`
	Client  uint64 `json:"client"`
	Host    string `json:"host"`
	Account string `json:"account"`
	User    string `json:"user"`
	Subject string `json:"subject"`
	Verdict string `json:"verdict"`
	Would   string `json:"would"` // in the place of Verdict for a hook in shadow mode
	Reason  string `json:"reason"`
	Error   string `json:"error"`

	line  int
	point hooks.Point
}

// decisionMessage is what the lines of decisions say.
const decisionMessage = "Hook decision"

// said is what a decision was, or would have been, in words.
func (l *logged) said() string {
	if l.Error != "" {
		return failedNow
	}
	return cmp.Or(l.Verdict, l.Would)
}

// told is said with whether anything followed.
func (l *logged) told() string {
	if l.Would != "" {
		return l.said() + " (shadow)"
	}
	return l.said()
}

// readDecisions calls f with each decision of a log of JSON lines, and returns how
// many lines are none: other lines of the log, and what is no JSON.
func readDecisions(r io.Reader, f func(*logged) error) (others, broken int, err error) {
	b := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(b)
		if err == io.EOF {
			return others, broken, nil
		} else if err != nil {
			return others, broken, fmt.Errorf("line %d: %w", n, err)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		l := logged{line: n}
		if json.Unmarshal(line, &l) != nil {
			broken++
			continue
		}
		if l.Message != decisionMessage {
			others++
			continue
		}
		if l.point, err = hooks.ParsePoint(l.Point); err != nil || l.Hook == "" || l.Verdict+l.Would == "" {
			broken++
			continue
		}
		if err := f(&l); err != nil {
			return others, broken, err
		}
	}
}

// mostLine is how long a line may be; of longer ones the beginning is looked at,
// which is no JSON.
const mostLine = 1 << 20

func readLine(b *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, more, err := b.ReadLine()
		if err != nil {
			return nil, err
		}
		if len(line) < mostLine {
			line = append(line, part...)
		}
		if !more {
			return line, nil
		}
	}
}
