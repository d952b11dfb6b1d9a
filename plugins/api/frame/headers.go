package frame

import (
	"bytes"
	"slices"
)

var crlf, colon = []byte("\r\n"), []byte(":")

// SomeHeaders returns a block with the lines of a block that have one of some names,
// in any case; nil if there is no block.
func SomeHeaders(block []byte, names []string) []byte {
	if len(block) == 0 {
		return nil
	}
	first, rest, _ := bytes.Cut(block, crlf)
	out := append(bytes.Clone(first), crlf...)
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, crlf)
		name, _, ok := bytes.Cut(line, colon)
		if ok && slices.ContainsFunc(names, func(n string) bool { return same(bytes.TrimSpace(name), n) }) {
			out = append(append(out, line...), crlf...)
		}
	}
	return append(out, crlf...)
}

// same reports whether two names are the same in any case, in ASCII. So hooks.SameHeader
// has it, which the SDK does not import: the broker keeps answers by a header, and a
// plugin must not see one that is another to the broker, as a Kelvin sign is no K.
func same(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
