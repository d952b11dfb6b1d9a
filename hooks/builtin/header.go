package builtin

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"moonwire/hooks"
)

const crlf = "\r\n"

// version is how a block of headers begins.
const version = "NATS/1.0"

// cutStatus cuts the first line from a block, with its end: the version, and
// perhaps a status behind a blank. Why says what is wrong with it.
func cutStatus(block []byte) (status, lines []byte, why string) {
	if !bytes.HasPrefix(block, []byte(version)) {
		return nil, nil, "it does not begin with NATS/1.0"
	}
	n := len(version) + textLen(block[len(version):])
	if n > len(version) && block[len(version)] != ' ' {
		return nil, nil, "there is no blank between NATS/1.0 and the status"
	}
	if !endsAt(block, n) {
		return nil, nil, "its first line has a control character, or no end"
	}
	return block[:n+2], block[n+2:], ""
}

// appendOthers appends to dst the lines of a block but for those under one of
// names, in any case, and the empty line. Why says what is wrong with the lines.
//
// It takes only what all readers take for the same: some split lines at a single
// LF, cut blanks around names, or join a line that begins with a blank to the one
// before. A name must be of printable ASCII, with a colon right behind it, and a
// value have no control characters but tabs.
func appendOthers(dst, lines []byte, names []string) (out []byte, why string) {
	for !endsAt(lines, 0) {
		name := nameLen(lines)
		if name == 0 || name == len(lines) || lines[name] != ':' {
			return dst, "it has a line that does not begin with a name and a colon"
		}
		n := name + 1 + textLen(lines[name+1:])
		if !endsAt(lines, n) {
			return dst, "it has a value with a control character, or a line without an end"
		}
		n += len(crlf)
		if !contains(names, lines[:name]) {
			dst = append(dst, lines[:n]...)
		}
		lines = lines[n:]
	}
	if len(lines) > len(crlf) {
		return dst, "it goes on behind the empty line"
	}
	return append(dst, crlf...), ""
}

// endsAt reports whether a line ends at b[i].
func endsAt(b []byte, i int) bool { return len(b) >= i+2 && b[i] == '\r' && b[i+1] == '\n' }

// nameLen is how many bytes at the beginning of b may stand in a name: printable
// ASCII but for the colon.
func nameLen[T string | []byte](b T) int {
	for i := range len(b) {
		if b[i] <= ' ' || b[i] >= 0x7f || b[i] == ':' {
			return i
		}
	}
	return len(b)
}

// textLen is how many bytes at the beginning of b may stand in a value.
func textLen(b []byte) int {
	for i, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return i
		}
	}
	return len(b)
}

// contains reports whether one of names is name, in any case.
func contains(names []string, name []byte) bool {
	for _, n := range names {
		if len(n) == len(name) && hooks.SameHeader(name, n) { // a call less for most
			return true
		}
	}
	return false
}

// appendValue appends a text so that it can stand in a line and is read again as
// it was: what is no printable character, a blank at either end, and the percent
// sign become %XX for each byte, as in a URL. So no two texts look the same.
func appendValue(dst []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	inner := len(text) - len(strings.TrimLeft(text, " "))
	end := len(strings.TrimRight(text, " "))
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		plain := unicode.IsPrint(r) && r != '%' && (r != utf8.RuneError || n > 1) &&
			(r != ' ' || i >= inner && i < end)
		for _, b := range []byte(text[i : i+n]) {
			if plain {
				dst = append(dst, b)
			} else {
				dst = append(dst, '%', hex[b>>4], hex[b&15])
			}
		}
		i += n
	}
	return dst
}

// appendLine appends a line with a name and a value.
func appendLine(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = appendValue(dst, value)
	return append(dst, crlf...)
}

// checkName says what is wrong with the name of a header that a stamp is to have;
// "" is nothing.
func checkName(name string) string {
	switch {
	case name == "":
		return "is empty: leave the key out for the default"
	case nameLen(name) < len(name):
		return strconv.Quote(name) + " is no name of a header: want printable ASCII without blanks and colons"
	case len(name) > mostName:
		return "is too long: a name of a header may have " + strconv.Itoa(mostName) + " bytes"
	case len(name) >= len("Nats-") && strings.EqualFold(name[:len("Nats-")], "Nats-"):
		return strconv.Quote(name) + " begins with Nats-, which is for the protocol: choose another name"
	case strings.EqualFold(name, "Status"), strings.EqualFold(name, "Description"):
		return strconv.Quote(name) + " is what clients call the status of a message: choose another name"
	}
	return ""
}

// mostName is how long the name of a stamp may be.
const mostName = 64
