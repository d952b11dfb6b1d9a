package operator

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nkeys"
)

// store takes the JWT of an account: it is kept, and known at once if somebody
// wants to know the account. What cannot be kept is known until the next look-up.
func (a *Authenticator) store(acct *account) error {
	var failed error
	_, err := a.alone(acct.key, func() (*account, error) {
		failed = a.res.store(acct.key, acct.text)
		if failed != nil && !errors.Is(failed, errors.ErrUnsupported) {
			return a.fetch(acct.key, time.Now(), false) // as it was
		}
		failed = nil
		return acct, nil
	})
	if failed != nil {
		return fmt.Errorf("storing the JWT: %w", failed)
	}
	return err
}

// remove forgets an account of the directory: its users are refused from now on.
func (a *Authenticator) remove(key string) error {
	var failed error
	_, err := a.alone(key, func() (*account, error) {
		if failed = a.dir.remove(key); failed != nil {
			return a.fetch(key, time.Now(), false)
		}
		return nil, fmt.Errorf("account %s: %w any more", key, ErrNoAccount)
	})
	switch {
	case failed != nil:
		return fmt.Errorf("account %s: %w", key, failed)
	case errors.Is(err, ErrClosed):
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(key)
	return nil
}

// List returns the keys of the accounts whose JWTs are in the directory and have
// not expired, in order; none for a resolver without one.
func (a *Authenticator) List() ([]string, error) {
	keys := []string{}
	err := a.each(func(key, _ string) bool {
		keys = append(keys, key)
		return true
	})
	return keys, err
}

// Claims returns the JWT of an account as the directory has it. The error wraps
// ErrNoAccount if it has none.
func (a *Authenticator) Claims(key string) (string, error) {
	if a.dir == nil || !nkeys.IsValidPublicAccountKey(key) {
		return "", fmt.Errorf("%q: %w in a directory", shorten(key), ErrNoAccount)
	}
	text, err := a.dir.read(key)
	if err != nil {
		return "", fmt.Errorf("account %s: %w", key, err)
	}
	return text, nil
}

// Pack calls f with the accounts of List and their JWTs, until it has enough. It
// does not if the asker has just these: if hash is theirs, which is the exclusive
// or of the SHA-256 of each JWT.
func (a *Authenticator) Pack(hash []byte, f func(key, text string) (more bool)) error {
	if len(hash) > 0 {
		var ours [sha256.Size]byte
		err := a.each(func(_, text string) bool {
			for i, b := range sha256.Sum256([]byte(text)) {
				ours[i] ^= b
			}
			return true
		})
		if err != nil || bytes.Equal(hash, ours[:]) {
			return err
		}
	}
	return a.each(f)
}

// each calls f with what is in the directory and has not expired, until it has
// enough.
func (a *Authenticator) each(f func(key, text string) (more bool)) error {
	if a.dir == nil {
		return nil
	}
	now := time.Now().Unix()
	return a.dir.each(func(key, text string) bool {
		end := expiry(text)
		return end > 0 && end < now || f(key, text)
	})
}

// expiry returns when a JWT expires by its own account, in seconds; 0 for never,
// and for what is no JWT.
func expiry(text string) int64 {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return 0
	}
	var c struct {
		Expires int64 `json:"exp"`
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(body, &c) != nil {
		return 0
	}
	return c.Expires
}

// Reload looks every account up again that was asked for, for when the operator
// of the server says so. It waits for the resolver.
func (a *Authenticator) Reload() { a.refresh("") }
