package lua

import (
	"fmt"
	"strings"

	"moonwire/hooks/lua/sandbox"
)

// checkKeys returns an error that names a key of t which is not known, with the
// one that is most like it.
func checkKeys(t sandbox.Table, where string, known ...string) (err error) {
	names := make(map[string]bool, len(known))
	for _, k := range known {
		names[k] = true
	}
	t.Each(func(key, _ sandbox.Value) bool {
		name, ok := key.Text()
		switch {
		case !ok:
			err = fmt.Errorf("%s: it has elements; want keys, of %s", where, strings.Join(known, ", "))
		case !names[name]:
			err = fmt.Errorf("%s: there is no key %s", where, suggest(name, known))
		}
		return err == nil
	})
	return err
}

// suggest returns a name that is wrong, with the one that is meant, or all that
// there are.
func suggest(name string, known []string) string {
	if len(name) > 40 {
		name = name[:40] + "…"
	}
	if n := nearest(name, known); n != "" {
		return fmt.Sprintf("%q; did you mean %s?", name, n)
	}
	return fmt.Sprintf("%q; there are %s", name, strings.Join(known, ", "))
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
