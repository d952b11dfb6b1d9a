package hooks

import (
	"bytes"
	"slices"
)

var crlf = []byte("\r\n")

// MalformedHeader is the reason of a denial: the block is not a [PlainHeader], and the
// hook would have looked at it.
const MalformedHeader = "the block of headers is malformed: readers may take it for different ones"

// PlainHeader reports whether all readers find the same lines in a block of headers:
// each ends in CR and LF, neither of which stands alone, and the empty line is the
// last. Some readers take a single LF for an end, and others do not: by such a block a
// client could show one thing to a hook, and another to those who get the message.
func PlainHeader(block []byte) bool {
	for rest := block; ; {
		i := bytes.IndexByte(rest, '\n')
		switch {
		case i < 1 || rest[i-1] != '\r' || bytes.IndexByte(rest[:i-1], '\r') >= 0:
			return false
		case i == 1 && len(rest) < len(block):
			return len(rest) == len(crlf)
		}
		rest = rest[i+1:]
	}
}

// eachHeader calls f with each value that header has under name, in any case,
// with the blanks around it cut off.
func eachHeader(header []byte, name string, f func(value []byte)) {
	_, rest, _ := bytes.Cut(header, crlf) // the version and status
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, crlf)
		key, value, ok := bytes.Cut(line, []byte{':'})
		if ok && SameHeader(bytes.TrimSpace(key), name) {
			f(bytes.TrimSpace(value))
		}
	}
}

// SameHeader reports whether two names are those of one header: in any case, in ASCII,
// which is all that names of headers have. The cache of decisions compares them so, and
// engines have to: an answer that is kept by a header may depend on no other.
func SameHeader(a []byte, b string) bool {
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

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(e string) bool { return SameHeader([]byte(e), s) })
}
