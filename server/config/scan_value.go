package config

import (
	"strings"
	"unicode"
)

// value reads a scalar, or the opening bracket of a map or list. It returns
// false where the parser cannot go on.
func (s *scanner) value() bool {
	s.until(func(r rune) bool { return r != ' ' && r != '\t' })
	s.expect = wantSeparator
	switch c := s.peek(); {
	case c == '[':
		s.enter(inArray)
	case c == '{':
		s.enter(inMap)
	case c == '\'' || c == '"':
		return s.quoted(c)
	case c == '(':
		return s.textBlock()
	case c == '.' || c == '\n' || c == '\r':
		return false
	case c == '-':
		return s.negative()
	case unicode.IsDigit(c):
		return s.number()
	default:
		s.raw()
	}
	return true
}

// quoted reads text in quotes.
func (s *scanner) quoted(quote rune) bool {
	s.text, s.textEnd = s.here(), spot{}
	s.next()
	end := func(r rune) bool { return r == quote || r == 0 }
	if quote == '"' {
		s.escaped(end)
	} else {
		s.until(end)
	}
	at := s.here()
	if s.next() != quote {
		return false
	}
	s.textEnd = at
	return true
}

// raw reads text without quotes. A single quote ends it and belongs to it.
func (s *scanner) raw() {
	s.escaped(func(r rune) bool { return endsRaw(r) || r == ']' || r == '\'' })
	if s.peek() == '\'' {
		s.next()
	}
}

// endsRaw reports whether a rune ends a number; raw text also ends at others.
func endsRaw(r rune) bool { return r == 0 || strings.ContainsRune("\r\n;,} \t", r) }

// number reads what begins with a digit: a number, an address, a date or text.
func (s *scanner) number() bool {
	begin := s.pos
	s.until(isNoDigit)
	switch c := s.peek(); {
	case endsRaw(c):
		s.checkNumber(begin)
	case c == '-': // of a date; the parser takes nothing else
		if s.pos-begin != 4 {
			return false
		}
		s.until(func(r rune) bool { return !strings.ContainsRune("0123456789-T:Z", r) })
	case c == '.':
		return s.fraction()
	case isSuffix(c):
		s.suffix()
		if !endsRaw(s.peek()) {
			s.raw()
			break
		}
		s.checkNumber(begin)
	default:
		s.next() // whatever it is, also a bracket
		s.raw()
	}
	return true
}

// negative reads a number with a sign.
func (s *scanner) negative() bool {
	begin := s.pos
	s.next()
	if !unicode.IsDigit(s.peek()) {
		return false
	}
	s.until(isNoDigit)
	switch c := s.peek(); {
	case c == '.':
		return s.fraction()
	case isSuffix(c):
		s.suffix()
		if !endsRaw(s.peek()) {
			s.raw()
			return true
		}
	}
	s.checkNumber(begin)
	return true
}

// fraction reads a point and what follows: digits, or the rest of an address.
func (s *scanner) fraction() bool {
	s.next()
	if !unicode.IsDigit(s.peek()) {
		return false
	}
	s.until(isNoDigit)
	if s.peek() == '.' {
		s.until(func(r rune) bool { return isNoDigit(r) && r != '.' && r != ':' && r != '-' })
	}
	return true
}

// suffix reads a suffix such as k or MiB, and longer ones that mean nothing.
func (s *scanner) suffix() {
	s.next()
	s.until(func(r rune) bool { return !strings.ContainsRune("bBiI", r) })
}

// checkNumber notes a whole number that has no meaning.
func (s *scanner) checkNumber(begin int) {
	if _, ok := parseNumber(s.src[begin:s.pos]); !ok {
		s.numbers = append(s.numbers, badNumber{s.key, s.keyAt})
	}
}

// textBlock reads "( … )", whose end is a bracket at the start of a line that
// has nothing else on it.
func (s *scanner) textBlock() bool {
	last := s.next()
	for s.pos < len(s.src) {
		r := s.next()
		if r == 0 {
			return false
		}
		if c := s.peek(); r == ')' && last == '\n' && (c == '\n' || c == 0) {
			return true
		}
		last = r
	}
	return false
}

// escaped is until that looks at no rune behind a backslash.
func (s *scanner) escaped(stop func(rune) bool) {
	for s.pos < len(s.src) && !stop(s.peek()) {
		if s.next() == '\\' {
			s.next()
		}
	}
}

func isNoDigit(r rune) bool { return !unicode.IsDigit(r) }

func isSuffix(r rune) bool { return r != 0 && strings.ContainsRune("kKmMgGtTpPeE", r) }
