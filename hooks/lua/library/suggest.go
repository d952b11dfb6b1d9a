package library

import (
	"fmt"
	"strings"
)

// Suggest returns a name that is wrong, in quotes, with the one that is meant, or
// all that are known.
func Suggest(name string, known []string) string {
	name = brief(name, 64)
	if n := nearest(name, known); n != "" {
		return fmt.Sprintf("%q; did you mean %q?", name, n)
	}
	return fmt.Sprintf("%q; known are %s", name, strings.Join(known, ", "))
}

// nearest returns the known name that takes the fewest changes to get to from
// name; "" if all are too far.
func nearest(name string, known []string) (best string) {
	least := max(2, len(name)/3) + 1
	for _, k := range known {
		if d := distance(strings.ToLower(name), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is how many bytes must be put in, taken out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
