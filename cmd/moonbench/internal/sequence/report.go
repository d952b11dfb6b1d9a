package sequence

import (
	"fmt"
	"strings"
)

// Report says what was wrong with a stream. Its zero value says that all is
// well.
type Report struct {
	Lost       uint64 // never came
	Duplicated uint64 // came again
	Reordered  uint64 // came, but after a later one
	Foreign    uint64 // never published, or meant for another receiver
	First      string // the first anomaly in words, empty if there is none
}

// OK reports whether nothing was wrong.
func (r Report) OK() bool { return r.Lost+r.Duplicated+r.Reordered+r.Foreign == 0 }

// String returns the counts that are not zero, and the first anomaly.
func (r Report) String() string {
	if r.OK() {
		return "complete and in order"
	}
	var parts []string
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{r.Lost, "lost"},
		{r.Duplicated, "duplicated"},
		{r.Reordered, "out of order"},
		{r.Foreign, "foreign"},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	s := strings.Join(parts, ", ")
	if r.First != "" {
		s += " (first: " + r.First + ")"
	}
	return s
}
