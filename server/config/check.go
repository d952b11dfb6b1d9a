package config

import (
	"net/url"
	"strings"

	"github.com/nats-io/nkeys"

	"moonwire/server/subject"
)

// globalAccount is the account of everybody who was not given another.
const globalAccount = "$G"

// isPattern reports whether s is a subject that may have wildcards.
func isPattern(s string) bool { return isWord(s) && subject.ValidPattern(s) }

// isQueuePattern reports whether s is a pattern, or a pattern and a queue.
func isQueuePattern(s string) bool {
	fields := strings.Fields(s)
	return isPattern(s) || len(fields) == 2 && isPattern(fields[0]) && isPattern(fields[1])
}

// isLiteral reports whether s is a subject without wildcards.
func isLiteral(s string) bool { return isWord(s) && subject.ValidLiteral(s) }

// isPrefix reports whether s can stand before a subject, with or without a dot
// between the two.
func isPrefix(s string) bool { return isLiteral(strings.TrimSuffix(s, ".")) }

func isUserKey(s string) bool     { return nkeys.IsValidPublicUserKey(s) }
func isAccountKey(s string) bool  { return nkeys.IsValidPublicAccountKey(s) }
func isOperatorKey(s string) bool { return nkeys.IsValidPublicOperatorKey(s) }

// isAccountName reports whether an account may have that name: the broker has
// the others.
func isAccountName(s string) bool { return isWord(s) && s != globalAccount }

// isJWT reports whether s has the parts of a JWT. It does not decode them.
func isJWT(s string) bool { return strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2 }

// isWebAddress reports whether s is a URL of HTTP.
func isWebAddress(s string) bool {
	u, err := url.ParseRequestURI(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// isOrigin reports whether s is where a page may come from.
func isOrigin(s string) bool { return isWebAddress(s) }

// checkDestination says what is wrong with the destination of a mapping, or
// returns "".
func checkDestination(source, destination string) string {
	if _, err := subject.NewTransform(source, destination); err != nil {
		return err.Error()
	}
	return ""
}
