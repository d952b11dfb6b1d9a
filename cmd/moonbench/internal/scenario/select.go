package scenario

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// All selects every scenario.
const All = "all"

// Select returns the scenarios that the words name, in the order of Table. A
// word is a scenario's name, a group, a pattern with * or ?, or All. It returns
// an error that lists what there is if a word names nothing.
func Select(words []string) ([]Scenario, error) {
	table := Table()
	chosen := make([]bool, len(table))
	for _, w := range words {
		w = strings.TrimSpace(w)
		found := false
		for i := range table {
			ok, err := table[i].answersTo(w)
			if err != nil {
				return nil, fmt.Errorf("scenario %q: %w", w, err)
			}
			if ok {
				chosen[i], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("unknown scenario %q; there are %s; and the groups %s",
				w, strings.Join(names(table), ", "), strings.Join(groups(table), ", "))
		}
	}
	var out []Scenario
	for i, ok := range chosen {
		if ok {
			out = append(out, table[i])
		}
	}
	return out, nil
}

func (s *Scenario) answersTo(word string) (bool, error) {
	if word == All || word == s.Name || slices.Contains(s.Groups, word) {
		return true, nil
	}
	return path.Match(word, s.Name)
}

func names(table []Scenario) []string {
	out := make([]string, len(table))
	for i := range table {
		out[i] = table[i].Name
	}
	return out
}

func groups(table []Scenario) []string {
	out := []string{All}
	for i := range table {
		for _, g := range table[i].Groups {
			if !slices.Contains(out, g) {
				out = append(out, g)
			}
		}
	}
	return out
}
