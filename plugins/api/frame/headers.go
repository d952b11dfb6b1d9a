package frame

import (
	"bytes"
	"slices"
	"strings"
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
		if ok && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, string(bytes.TrimSpace(name))) }) {
			out = append(append(out, line...), crlf...)
		}
	}
	return append(out, crlf...)
}
