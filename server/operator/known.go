package operator

import (
	"fmt"
	"time"

	"github.com/nats-io/nkeys"
	"go.uber.org/zap"

	"moonwire/server/config"
)

// Account returns what is known of an account, by its public key, with the
// imports that its exporters allow; one that they do not is left out, with a line
// in the log, as is one from an account that is not known. Exports that ask for
// activation tokens have no list of accounts: who shows a valid token is decided
// here, for imports. Nobody is asked: see [Authenticator.Look]. Errors are as
// those of Authenticate.
func (a *Authenticator) Account(key string) (*config.Account, error) {
	now := time.Now()
	acct, exporters, err := a.snapshot(key, now)
	if err != nil {
		return nil, err
	}
	out, missing, due := acct.config(), []string(nil), time.Time{}
	for _, i := range acct.claims.Imports {
		exporter, err := exporters[i.Account].acct, exporters[i.Account].err
		switch {
		case err == nil:
			var end time.Time
			end, err = exporter.offers(i, key, now)
			due = sooner(due, end)
		case nkeys.IsValidPublicAccountKey(i.Account): // no other comes ever, nor is it to be a path
			missing = append(missing, i.Account)
		}
		if err != nil {
			a.log.Warn("import is left out", zap.String("account", key), zap.String("exporter", i.Account),
				zap.String("subject", string(i.Subject)), zap.Error(err))
			continue
		}
		out.Imports = append(out.Imports, importOf(i))
	}
	a.note(acct, missing, due)
	return out, nil
}

// found is what is known of an account: the account, or why it is not known.
type found struct {
	acct *account
	err  error
}

// snapshot returns an account and those that it imports from, as they are known
// at one moment.
func (a *Authenticator) snapshot(key string, now time.Time) (*account, map[string]found, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.findLocked(key, now)
	if of.err != nil {
		return nil, nil, of.err
	}
	exporters := make(map[string]found)
	for _, i := range of.acct.claims.Imports {
		x := a.findLocked(i.Account, now)
		if why := a.failed[i.Account].err; x.err != nil && why != nil {
			x.err = why
		}
		exporters[i.Account] = x
	}
	return of.acct, exporters, nil
}

func (a *Authenticator) findLocked(key string, now time.Time) found {
	e := a.accounts[key]
	switch {
	case a.closed:
		return found{err: ErrClosed}
	case !nkeys.IsValidPublicAccountKey(key):
		return found{err: fmt.Errorf("%q is not the public key of an account, which begins with A: %w", shorten(key), ErrNoAccount)}
	case e == nil:
		return found{err: fmt.Errorf("account %s: %w", key, ErrNoAccount)}
	case e.acct.expired(now):
		return found{err: fmt.Errorf("account %s: %w", key, ErrAccountExpired)}
	}
	return found{acct: e.acct}
}

// sooner returns the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// note remembers what the answer about an account depends on.
func (a *Authenticator) note(acct *account, missing []string, due time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.accounts[acct.key]
	if e == nil || e.acct != acct { // it changed meanwhile, and that is told
		return
	}
	e.missing, e.due = missing, due
	for _, m := range missing {
		if x := a.accounts[m]; x != nil && !x.acct.expired(time.Now()) { // it came meanwhile
			a.changed[acct.key] = true
			a.rouse()
		}
	}
	a.arm(due)
}

// AccountName returns what the JWT of an account calls it; "" if the account was
// not asked for.
func (a *Authenticator) AccountName(key string) string {
	if acct := a.known(key); acct != nil {
		return acct.claims.Name
	}
	return ""
}

// known returns an account that was asked for, nil for any other.
func (a *Authenticator) known(key string) *account {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.accounts[key]; e != nil {
		return e.acct
	}
	return nil
}
