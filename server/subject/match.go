package subject

// Match reports whether pattern matches subject. The subject is literal, also
// where a token of it is "*" or ">". A subject that is not well-formed is
// matched by nothing, and a pattern that is not valid matches nothing.
// protocol.md §1.8.
func Match[P, S Text](pattern P, subject S) bool {
	p, s := 0, 0
	// Each round consumes one token of both.
	for p < len(pattern) {
		switch end := p+1 == len(pattern) || pattern[p+1] == Separator; {
		case end && pattern[p] == AnyTail:
			return p+1 == len(pattern) && WellFormed(subject[s:])
		case end && pattern[p] == AnyToken:
			start := s
			for s < len(subject) && subject[s] != Separator {
				s++
			}
			if s == start {
				return false
			}
			p++
		default:
			start := p
			for p < len(pattern) && pattern[p] != Separator {
				if s == len(subject) || subject[s] != pattern[p] {
					return false
				}
				p, s = p+1, s+1
			}
			if p == start {
				return false
			}
		}
		switch {
		case p == len(pattern):
			return s == len(subject)
		case s == len(subject) || subject[s] != Separator:
			return false
		}
		p, s = p+1, s+1
	}
	return false
}

// Subset reports whether every subject that the pattern a matches is matched by
// the pattern b too. It compares what the patterns match, not how they look:
// "foo.*" lies within "foo.>", "foo.>" does not lie within "foo.*". If either is
// not a valid pattern the answer is false, so that a permission check refuses
// it. protocol.md §1.10.
func Subset[A, B Text](a A, b B) bool {
	for {
		ta, ra, moreA := Next(a)
		tb, rb, moreB := Next(b)
		switch {
		case isWildcard(tb, AnyTail):
			return !moreB && ValidPattern(a)
		case isWildcard(ta, AnyTail) || len(ta) == 0:
			return false
		case !isWildcard(tb, AnyToken) && !equal(ta, tb):
			return false
		case moreA != moreB:
			return false
		case !moreA:
			return true
		}
		a, b = ra, rb
	}
}

// Overlap reports whether some subject is matched by both patterns. If either is
// not a valid pattern the answer is false.
func Overlap[A, B Text](a A, b B) bool {
	for {
		ta, ra, moreA := Next(a)
		tb, rb, moreB := Next(b)
		switch {
		case isWildcard(ta, AnyTail) || isWildcard(tb, AnyTail):
			return ValidPattern(a) && ValidPattern(b)
		case len(ta) == 0 || len(tb) == 0:
			return false
		case !isWildcard(ta, AnyToken) && !isWildcard(tb, AnyToken) && !equal(ta, tb):
			return false
		case moreA != moreB:
			return false
		case !moreA:
			return true
		}
		a, b = ra, rb
	}
}

// equal reports whether two tokens are the same bytes.
func equal[A, B Text](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
