package subject

// The bytes that mean something in a subject.
const (
	// Separator stands between tokens.
	Separator = '.'
	// AnyToken, as a whole token of a pattern, matches any one token.
	AnyToken = '*'
	// AnyTail, as the whole last token of a pattern, matches one or more tokens.
	AnyTail = '>'
)

// Text is what a subject may be held in.
type Text interface{ ~string | ~[]byte }

// ValidPattern reports whether s may be subscribed to: no token is empty, and a
// token that is exactly ">" is the last. The empty text is not valid.
// protocol.md §1.7.
func ValidPattern[T Text](s T) bool {
	start := 0
	for i := 0; i < len(s); i++ {
		if s[i] != Separator {
			continue
		}
		if i == start || i == start+1 && s[start] == AnyTail {
			return false
		}
		start = i + 1
	}
	return start < len(s)
}

// ValidLiteral reports whether s may be published to by a pedantic client: no
// token is empty, and none is exactly "*" or ">". protocol.md §1.8.
func ValidLiteral[T Text](s T) bool {
	return WellFormed(s) && !HasWildcard(s)
}

// WellFormed reports whether s has at least one token and none that is empty.
// What is not well-formed is matched by no pattern and is never routed.
// protocol.md §1.8.
func WellFormed[T Text](s T) bool {
	start := 0
	for i := 0; i < len(s); i++ {
		if s[i] != Separator {
			continue
		}
		if i == start {
			return false
		}
		start = i + 1
	}
	return start < len(s)
}

// HasWildcard reports whether a token of s is exactly "*" or ">". For a valid
// pattern this tells wildcard patterns from literal ones.
func HasWildcard[T Text](s T) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != AnyToken && s[i] != AnyTail {
			continue
		}
		if (i == 0 || s[i-1] == Separator) && (i+1 == len(s) || s[i+1] == Separator) {
			return true
		}
	}
	return false
}

// NumTokens returns the number of tokens of s, empty ones included: one more
// than it has dots. The empty text has none.
func NumTokens[T Text](s T) int {
	if len(s) == 0 {
		return 0
	}
	n := 1
	for i := 0; i < len(s); i++ {
		if s[i] == Separator {
			n++
		}
	}
	return n
}

// Next cuts the first token from s. It returns the token, what follows the dot
// behind it, and whether there was a dot, that is, whether rest holds a further
// token (an empty one, where s ends in a dot). The results share s's memory. All
// tokens are visited by
//
//	for more := true; more; {
//		token, s, more = subject.Next(s)
//	}
//
// which visits one empty token if s is empty.
func Next[T Text](s T) (token, rest T, more bool) {
	for i := 0; i < len(s); i++ {
		if s[i] == Separator {
			return s[:i], s[i+1:], true
		}
	}
	return s, s[len(s):], false
}

// isWildcard reports whether token is exactly the wildcard w.
func isWildcard[T Text](token T, w byte) bool {
	return len(token) == 1 && token[0] == w
}
