package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nkeys"
)

// Store takes a JWT of an account that came from outside: it is stored, and known
// at once if the account was asked for. One that is not valid, that no trusted
// operator signed, or that is older than the one that is there, is refused with
// an error. A resolver of type url stores nothing; the account is known until the
// next look-up.
func (a *Authenticator) Store(key, text string) error {
	if !nkeys.IsValidPublicAccountKey(key) {
		return fmt.Errorf("%q is not the public key of an account, which begins with A", shorten(key))
	}
	acct, err := newAccount(key, text, a.trust, time.Now())
	if err != nil {
		return err
	}
	var failed error
	_, err = a.alone(key, func() (*account, error) {
		if failed = a.keep(acct); failed != nil {
			return a.fetch(key, time.Now(), false) // as it was
		}
		return acct, nil
	})
	if failed != nil {
		return fmt.Errorf("account %s: storing its JWT: %w", key, failed)
	}
	return err
}

// keep stores the JWT of an account, where that can be, unless it is older than
// what is there.
func (a *Authenticator) keep(acct *account) error {
	old := errors.New("it is older than the one that is there")
	if _, isWeb := a.res.(*web); isWeb {
		if was := a.known(acct.key); was != nil && acct.claims.IssuedAt < was.claims.IssuedAt {
			return old
		}
		return nil
	}
	if a.older(acct.key, acct.text) {
		return old
	}
	return a.res.store(acct.key, acct.text)
}

// Delete forgets an account: its users are refused from now on. The error wraps
// errors.ErrUnsupported where the resolver does not delete. The system account
// stays.
func (a *Authenticator) Delete(key string) error {
	switch {
	case !nkeys.IsValidPublicAccountKey(key):
		return fmt.Errorf("%q is not the public key of an account, which begins with A", shorten(key))
	case key == a.trust.system:
		return fmt.Errorf("account %s is the system account, which is not deleted", key)
	}
	var failed error
	_, err := a.alone(key, func() (*account, error) {
		if failed = a.res.remove(key); failed != nil {
			return a.fetch(key, time.Now(), false)
		}
		return nil, fmt.Errorf("account %s: %w any more", key, ErrNoAccount)
	})
	switch {
	case failed != nil:
		return fmt.Errorf("account %s: deleting it: %w", key, failed)
	case errors.Is(err, ErrClosed):
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(key)
	return nil
}

// List returns the keys of the accounts that are stored, in order. The error
// wraps errors.ErrUnsupported where the resolver does not know them.
func (a *Authenticator) List() ([]string, error) { return a.res.list() }

// Claims returns the JWT of an account as it is stored here: other servers are
// not asked for it, and neither is a URL. It is for those who may see it. The
// error wraps ErrNoAccount if there is none.
func (a *Authenticator) Claims(key string) (string, error) {
	if !nkeys.IsValidPublicAccountKey(key) {
		return "", fmt.Errorf("%q is not the public key of an account, which begins with A: %w", shorten(key), ErrNoAccount)
	}
	if _, isWeb := a.res.(*web); isWeb {
		return "", fmt.Errorf("account %s: resolver of type url: %w", key, errors.ErrUnsupported)
	}
	text, err := a.res.fetch(context.Background(), key)
	if err != nil {
		return "", fmt.Errorf("account %s: %w", key, err)
	}
	return text, nil
}

// Reload looks every account up again that was asked for, for when the operator
// of the server says so. It waits for the resolver.
func (a *Authenticator) Reload() { a.refresh("") }
