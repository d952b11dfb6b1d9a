package profile

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/google/pprof/profile"
)

// Share is the part of the CPU time that goes into one room.
type Share struct {
	Room    string  `json:"room"`
	Percent float64 `json:"percent"`
}

// ErrEmpty is returned for a profile without CPU time.
var ErrEmpty = errors.New("the profile has no samples of CPU time")

// Sort tells how the CPU time of a profile in pprof's format is spread over the
// rooms: a Share for each room, in the order of Rooms. It returns ErrEmpty if
// there is no time to spread.
func Sort(data []byte) ([]Share, error) {
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, fmt.Errorf("reading the profile: %w", err)
	}
	// Samples have a count and nanoseconds; the latter come last.
	last := len(p.SampleType) - 1
	if last < 0 {
		return nil, ErrEmpty
	}
	table := entries()
	var total int64
	spent := make(map[string]int64)
	for _, s := range p.Sample {
		spent[roomOf(table, s)] += s.Value[last]
		total += s.Value[last]
	}
	if total <= 0 {
		return nil, ErrEmpty
	}
	var shares []Share
	for _, room := range Rooms() {
		shares = append(shares, Share{Room: room, Percent: 100 * float64(spent[room]) / float64(total)})
	}
	return shares, nil
}

// roomOf walks a sample's stack from the leaf to the root.
func roomOf(table []entry, s *profile.Sample) string {
	fallback := Other
	for _, at := range s.Location {
		for i := range at.Line { // functions that were inlined come before their callers
			f := at.Line[i].Function
			if f == nil {
				continue
			}
			e := find(table, f.Name)
			switch {
			case e == nil:
			case !e.weak:
				return e.room
			case fallback == Other:
				fallback = e.room
			}
		}
	}
	return fallback
}

// find returns the entry with the longest prefix of a function's name, or nil.
func find(table []entry, name string) *entry {
	var best *entry
	for i := range table {
		e := &table[i]
		if strings.HasPrefix(name, e.prefix) && (best == nil || len(e.prefix) > len(best.prefix)) {
			best = e
		}
	}
	return best
}

// Strip returns a profile without the path of the program, which says where on
// which machine it was made.
func Strip(data []byte) ([]byte, error) {
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, fmt.Errorf("reading the profile: %w", err)
	}
	for _, m := range p.Mapping {
		m.File = filepath.Base(m.File)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		return nil, fmt.Errorf("writing the profile: %w", err)
	}
	return b.Bytes(), nil
}
