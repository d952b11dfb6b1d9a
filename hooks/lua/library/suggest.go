package library

import (
	"fmt"
	"strings"

	"moonwire/server/spelling"
)

// Suggest returns a name that is wrong, in quotes, with the one that is meant, or
// all that are known.
func Suggest(name string, known []string) string {
	name = brief(name, 64)
	if n := spelling.Nearest(name, known); n != "" {
		return fmt.Sprintf("%q; did you mean %q?", name, n)
	}
	return fmt.Sprintf("%q; known are %s", name, strings.Join(known, ", "))
}
