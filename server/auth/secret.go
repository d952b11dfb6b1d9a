package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"regexp"
	"runtime"

	"golang.org/x/crypto/bcrypt"
)

// secret is a password or a token of the configuration.
type secret struct {
	hash []byte            // bcrypt; nil if the secret was given in clear text
	sum  [sha256.Size]byte // of the clear text
}

// hashed is how a bcrypt hash begins. Whatever looks else is clear text.
var hashed = regexp.MustCompile(`^\$2[abxy]\$[0-9]{2}\$`)

func newSecret(text string) *secret {
	if hashed.MatchString(text) {
		return &secret{hash: []byte(text)}
	}
	return &secret{sum: sha256.Sum256([]byte(text))}
}

// comparer compares secrets, hashed ones only so many at one time.
type comparer struct {
	slots chan struct{}
	hash  func(hash, given []byte) error
}

func newComparer() *comparer {
	return &comparer{
		slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		hash:  bcrypt.CompareHashAndPassword,
	}
}

// equal reports whether given is the secret, in a time that depends neither on
// the secret's content nor on how much of it is right.
func (c *comparer) equal(s *secret, given string) bool {
	if s.hash == nil {
		sum := sha256.Sum256([]byte(given))
		return subtle.ConstantTimeCompare(s.sum[:], sum[:]) == 1
	}
	c.slots <- struct{}{}
	defer func() { <-c.slots }()
	return c.hash(s.hash, []byte(given)) == nil
}
