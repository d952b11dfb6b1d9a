package plugins

import "regexp"

// reason is the line of programs that end by a mistake that says which: of Go
// ("panic: …", "fatal error: …"), Node and Python ("TypeError: …"). What comes after
// it says where that was, or which version runs it.
var reason = regexp.MustCompile(`^(panic|fatal error|runtime/cgo|([A-Za-z.]*Error|Uncaught)\b[^:]*): `)

// lastWords returns what is told of a program that has ended: its last line, or the
// last one that says why.
func lastWords(before, line string) string {
	if reason.MatchString(before) && !reason.MatchString(line) {
		return before
	}
	return line
}
