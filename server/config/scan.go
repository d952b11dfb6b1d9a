package config

import (
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner walks over a NATS file before the real parser does. It finds what
// that parser either does not survive or says nothing about: the files it
// includes (a file that includes itself would never end), and numbers with an
// unknown suffix or too many digits (the first it drops together with the key).
//
// It must see an include wherever the parser sees one, also in files that are
// not right; so it follows the parser state by state, oddities included, and
// stops where the parser reports a syntax error. FuzzScan compares the two.
type scanner struct {
	src       string
	pos       int
	line      int // of pos, from 1
	lineStart int // offset of the first byte of that line
	inside    []enclosure
	opened    []spot // where those begin, but for the file
	expect    expectation
	key       string
	keyAt     spot
	text      spot // where the last value in quotes begins, and its end, zero if there is none
	textEnd   spot
	includes  []include
	numbers   []badNumber
}

// enclosure is what the scanner is inside of.
type enclosure byte

const (
	inFile  enclosure = iota // outermost
	inBrace                  // braces around the whole file, as in JSON
	inMap
	inArray
)

// expectation is what comes next.
type expectation byte

const (
	wantMember    expectation = iota // a key or an element
	wantSeparator                    // what ends a value
	wantBrace                        // what stands behind braces inside braces
)

// spot is a line and a column, from 1.
type spot struct{ line, col int }

// include is an include statement.
type include struct {
	path string // as written
	at   spot
}

// resolve returns the path of an included file as the parser finds it: always
// below the folder of the file that includes it, even if written absolute.
func (i include) resolve(from string) string { return filepath.Join(filepath.Dir(from), i.path) }

// badNumber is a number that cannot be read. Key is empty in a list.
type badNumber struct {
	key string
	at  spot
}

// scan returns what it finds in a file.
func scan(src string) *scanner {
	s := &scanner{src: src, line: 1, inside: []enclosure{inFile}}
	for s.pos < len(s.src) {
		step := s.member
		if s.expect != wantMember {
			step = s.separator
		}
		if !step() {
			break
		}
	}
	return s
}

func (s *scanner) in() enclosure { return s.inside[len(s.inside)-1] }

// member reads what may stand where a member begins: a blank, a comment, a
// bracket, a member. It returns false where the parser cannot go on.
func (s *scanner) member() bool {
	in, c := s.in(), s.peek()
	switch {
	case unicode.IsSpace(c):
		s.next()
		return true
	case s.comment():
		return true
	case c == 0 || (c == '/' && in != inMap):
		return false
	case c == ']' && in == inArray, c == '}' && (in == inMap || in == inBrace):
		s.leave()
		return true
	case in == inArray:
		s.key, s.keyAt = "", s.here()
		return c != ',' && s.value()
	case c == ':' || c == '=' || (c == ']' && in == inMap):
		return false
	case c == '{' && in != inMap:
		s.enter(inBrace)
		return true
	case c == '"' || c == '\'':
		s.next()
		s.keyAt = s.here()
		s.key = s.until(func(r rune) bool { return r == c || r == 0 })
		return s.next() == c && s.memberValue()
	case c == '/':
		s.next() // dropped; the key begins behind it, whatever that is
	}
	s.keyAt = s.here()
	begin := s.pos
	s.next()
	s.until(func(r rune) bool { return unicode.IsSpace(r) || r == ':' || r == '=' || r == 0 })
	s.key = s.src[begin:s.pos]
	if strings.EqualFold(s.key, "include") && unicode.IsSpace(s.peek()) {
		return s.include()
	}
	return s.memberValue()
}

// memberValue reads what stands behind a key.
func (s *scanner) memberValue() bool {
	in := s.in()
	s.until(isNoSpace)
	if c := s.peek(); c == ':' || c == '=' {
		s.next()
	} else if c == 0 && in != inMap {
		return false
	}
	if in != inMap {
		return s.value()
	}
	s.until(isNoSpace)
	switch s.peek() {
	case ',':
		return false
	case '}':
		s.leave()
		return true
	}
	return s.value()
}

// include reads the path behind the word include.
func (s *scanner) include() bool {
	s.until(func(r rune) bool { return r != ' ' && r != '\t' })
	var path string
	switch c := s.peek(); {
	case c == '"' || c == '\'':
		s.next()
		path = s.until(func(r rune) bool { return r == c || r == 0 })
		if s.next() != c {
			return false
		}
	case c == '-' || unicode.IsDigit(c) || strings.ContainsRune("[{(\\\r\n", c):
		return false
	default:
		path = s.until(func(r rune) bool { return r == 0 || strings.ContainsRune("\r\n;} \t'", r) })
		if s.peek() == '\'' {
			s.next()
		}
	}
	s.includes = append(s.includes, include{path, s.keyAt})
	s.expect = wantSeparator
	return true
}

// separator reads what may stand behind a value. It returns false where the
// parser cannot go on.
func (s *scanner) separator() bool {
	in := s.in()
	if s.comment() {
		if in == inFile || s.expect == wantBrace {
			s.expect = wantMember
		}
		return true
	}
	newLine := false
	switch c := s.peek(); {
	case c == ' ' || c == '\t':
		s.next()
		return true
	case c == '/':
		s.next()
		if in == inMap || in == inArray {
			s.expect = wantMember
		}
		return true
	case c == ']' && in == inArray, c == '}' && (in == inMap || in == inBrace):
		s.leave()
		return true
	case c == '\n' || c == '\r':
		newLine = true
	case c == ',', c == ';' && in != inArray:
	case (c == 0 || c == '}') && in == inFile:
	default:
		return false
	}
	s.next()
	if !newLine || s.expect != wantBrace {
		s.expect = wantMember
	}
	return true
}

// comment passes a comment, if there is one.
func (s *scanner) comment() bool {
	if s.peek() != '#' && !strings.HasPrefix(s.src[s.pos:], "//") {
		return false
	}
	s.until(func(r rune) bool { return r == '\n' || r == '\r' || r == 0 })
	return true
}

// enter passes an opening bracket.
func (s *scanner) enter(in enclosure) {
	s.opened = append(s.opened, s.here())
	s.next()
	s.inside = append(s.inside, in)
	s.expect = wantMember
}

// leave passes a closing bracket.
func (s *scanner) leave() {
	s.next()
	closed := s.in()
	s.inside, s.opened = s.inside[:len(s.inside)-1], s.opened[:len(s.opened)-1]
	switch {
	case closed != inBrace:
		s.expect = wantSeparator
	case s.in() == inBrace:
		s.expect = wantBrace
	default:
		s.expect = wantMember
	}
}

// peek returns the next rune, or 0 at the end.
func (s *scanner) peek() rune {
	if s.pos >= len(s.src) {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(s.src[s.pos:])
	return r
}

// next passes a rune, counts lines, and returns it, or 0 at the end.
func (s *scanner) next() rune {
	if s.pos >= len(s.src) {
		return 0
	}
	r, width := utf8.DecodeRuneInString(s.src[s.pos:])
	s.pos += width
	if r == '\n' {
		s.line++
		s.lineStart = s.pos
	}
	return r
}

// until passes everything up to the rune for which stop holds, or the end, and
// returns what it passed.
func (s *scanner) until(stop func(rune) bool) string {
	begin := s.pos
	for s.pos < len(s.src) && !stop(s.peek()) {
		s.next()
	}
	return s.src[begin:s.pos]
}

func (s *scanner) here() spot { return spot{s.line, s.pos - s.lineStart + 1} }

func isNoSpace(r rune) bool { return !unicode.IsSpace(r) }
