package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"go.uber.org/zap"
)

const (
	// again is how long a look-up that failed is not repeated.
	again = time.Second
	// rereads is how many accounts are looked up again at one time, so that a
	// resolver that does not answer holds a reload up for less long.
	rereads = 8
	// failuresKept bounds the memory of failures: whoever connects may name
	// accounts that do not exist.
	failuresKept = 1000
)

// entry is an account that was asked for. Its fields are guarded by
// Authenticator.mu; the account is immutable.
type entry struct {
	acct *account
	told bool      // that it expired
	used time.Time // when somebody asked for it last
	// Of the last answer of Account: the exporters whose JWT could not be had,
	// and when an activation expires or begins; zero for never.
	missing []string
	due     time.Time
}

// failure is a look-up that failed.
type failure struct {
	err error
	at  time.Time
}

// flight is a look-up under way, or one that is over.
type flight struct {
	key  string
	done chan struct{}
	// asked says that somebody wants to know the account; guarded by
	// Authenticator.mu.
	asked bool
	acct  *account // set before done is closed, as is err
	err   error
}

// wait returns what the look-up found.
func (f *flight) wait(ctx context.Context) (*account, error) {
	select {
	case <-f.done: // also where ctx is done as well
		return f.acct, f.err
	default:
	}
	select {
	case <-f.done:
		return f.acct, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("account %s: waiting for the resolver: %w", f.key, context.Cause(ctx))
	}
}

// landed is a flight that is over.
func landed(acct *account, err error) *flight {
	f := &flight{done: make(chan struct{}), acct: acct, err: err}
	close(f.done)
	return f
}

// Look looks up an account, by its public key, and those that it imports from,
// so that [Authenticator.Account] knows them. It returns the keys of the latter,
// be they found or not. The resolver is asked if need be, and waited for until
// ctx is done. Errors are as those of Authenticate.
func (a *Authenticator) Look(ctx context.Context, key string) (exporters []string, err error) {
	now := time.Now()
	acct, err := a.begin(key, now).wait(ctx)
	if err != nil {
		return nil, err
	}
	flights := make(map[string]*flight) // all at the same time
	for _, i := range acct.claims.Imports {
		if flights[i.Account] == nil {
			flights[i.Account] = a.begin(i.Account, now)
			exporters = append(exporters, i.Account)
		}
	}
	for _, f := range flights {
		_, _ = f.wait(ctx) // what is wrong is said where the import is left out
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("account %s: waiting for what it imports from: %w", key, err)
	}
	return exporters, nil
}

// OnMiss has f asked for the JWT of an account that the resolver does not have;
// what it returns is checked, and stored where that can be. Without it such an
// account does not exist. The error of f wraps ErrNoAccount if nobody has one.
func (a *Authenticator) OnMiss(f func(ctx context.Context, key string) (string, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.miss = f
}

// InUse has f say whether an account has connections: a cache keeps those that
// do. f must not call the authenticator.
func (a *Authenticator) InUse(f func(key string) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inUse = f
}

// begin starts a look-up, unless the account is known, somebody looks it up
// already, or it failed a moment ago.
func (a *Authenticator) begin(key string, now time.Time) *flight {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.accounts[key]
	switch {
	case a.closed:
		return landed(nil, ErrClosed)
	case e != nil && !e.acct.expired(now):
		e.used = now
		return landed(e.acct, nil)
	case !nkeys.IsValidPublicAccountKey(key):
		return landed(nil, fmt.Errorf("account %s: its key is not valid: %w", shorten(key), ErrNoAccount))
	}
	if f := a.failed[key]; f.err != nil && time.Since(f.at) < again {
		return landed(nil, f.err)
	}
	if f := a.flights[key]; f != nil {
		f.asked = true
		return f
	}
	return a.fly(key, true, func() (*account, error) { return a.fetch(key, now, true) })
}

// fly runs a look-up, whose account is known afterwards if it is asked for. a.mu
// is held, and no other look-up of the account is under way.
func (a *Authenticator) fly(key string, asked bool, look func() (*account, error)) *flight {
	f := &flight{key: key, asked: asked, done: make(chan struct{})}
	a.flights[key] = f
	a.work.Go(func() {
		f.acct, f.err = look()
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.flights, key)
		delete(a.failed, key)
		switch asked := f.asked || a.wants(key); {
		case f.err == nil && asked:
			a.install(f.acct)
		case f.err != nil && asked:
			a.fail(key, f.err)
		}
		if a.kind != kindCache && errors.Is(f.err, ErrNoAccount) {
			a.forget(key)
		}
		close(f.done)
	})
	return f
}

// fail remembers that a look-up failed. a.mu is held.
func (a *Authenticator) fail(key string, err error) {
	if len(a.failed) >= failuresKept {
		for k, f := range a.failed {
			if time.Since(f.at) >= again {
				delete(a.failed, k)
			}
		}
	}
	if len(a.failed) < failuresKept {
		a.failed[key] = failure{err, time.Now()}
	}
}

// fetch asks the resolver for an account and, if it may, others for what it does
// not have.
func (a *Authenticator) fetch(key string, now time.Time, others bool) (*account, error) {
	ctx, cancel := context.WithTimeout(a.ctx, a.timeout)
	defer cancel()
	text, err := a.res.fetch(ctx, key)
	if err == nil {
		if was := a.known(key); was != nil && was.text == text && !was.expired(now) {
			return was, nil // most look again in vain
		}
		return newAccount(key, text, a.trust, now)
	}
	a.mu.Lock()
	miss := a.miss
	a.mu.Unlock()
	if !others || miss == nil || !errors.Is(err, ErrNoAccount) {
		return nil, fmt.Errorf("account %s: %w", key, err)
	}
	if text, err = miss(ctx, key); err != nil {
		return nil, fmt.Errorf("account %s: asking other servers: %w", key, err)
	}
	acct, err := newAccount(key, text, a.trust, now)
	if err != nil {
		return nil, err
	}
	if err := a.res.store(key, text); err != nil { // it serves all the same
		a.log.Warn("account is not stored", zap.String("account", key), zap.Error(err))
	}
	return acct, nil
}

// install makes an account the one that is known. a.mu is held.
func (a *Authenticator) install(acct *account) {
	e := a.accounts[acct.key]
	switch {
	case e == nil:
		a.accounts[acct.key] = &entry{acct: acct, used: time.Now()}
		a.tell(misses(acct.key))
	case e.acct.text == acct.text && !e.told:
		return
	default:
		e.acct, e.told = acct, false
		a.changed[acct.key] = true
		a.tell(imports(acct.key))
	}
	a.arm(acct.expires)
	a.rouse()
}

// misses returns what tells the accounts that could not import from another.
func misses(key string) func(*entry) bool {
	return func(e *entry) bool { return slices.Contains(e.missing, key) }
}

// wants reports whether somebody asked for an account, or an import misses it.
// a.mu is held.
func (a *Authenticator) wants(key string) bool {
	if a.accounts[key] != nil {
		return true
	}
	for _, e := range a.accounts {
		if slices.Contains(e.missing, key) {
			return true
		}
	}
	return false
}

// imports returns what tells the accounts that import from another.
func imports(key string) func(*entry) bool {
	return func(e *entry) bool {
		return slices.ContainsFunc(e.acct.claims.Imports, func(i *jwt.Import) bool { return i.Account == key })
	}
}

// tell notes that accounts have an update. a.mu is held.
func (a *Authenticator) tell(whose func(*entry) bool) {
	for key, e := range a.accounts {
		if whose(e) {
			a.changed[key] = true
		}
	}
}

// forget takes an account out that is there no more. a.mu is held.
func (a *Authenticator) forget(key string) {
	if a.accounts[key] == nil {
		return
	}
	delete(a.accounts, key)
	a.changed[key] = true
	a.tell(imports(key))
	a.rouse()
}

// refresh looks an account up again that may have changed, "" for each that is
// known or that an import misses. An account that is there no more is forgotten;
// one that cannot be read, or whose new JWT is not valid, stays as it is.
func (a *Authenticator) refresh(key string) {
	keys := a.wanted(key)
	next := make(chan string)
	var work sync.WaitGroup
	for range min(len(keys), rereads) {
		work.Go(func() {
			for k := range next {
				a.reread(k)
			}
		})
	}
	for _, k := range keys {
		next <- k
	}
	close(next)
	work.Wait()
}

// wanted returns of key, or of all accounts, those that somebody wants to know.
// Failures are forgotten: what was not there may be now.
func (a *Authenticator) wanted(key string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	keys := make(map[string]bool)
	for k, e := range a.accounts {
		keys[k] = true
		for _, m := range e.missing {
			keys[m] = true
		}
	}
	for k := range a.flights { // it may have read what is old now
		keys[k] = true
	}
	if key != "" {
		delete(a.failed, key)
		if !keys[key] {
			return nil
		}
		return []string{key}
	}
	clear(a.failed)
	return slices.Sorted(maps.Keys(keys))
}

// reread looks up an account that somebody wants to know. Others are not asked:
// what they have comes by Update.
func (a *Authenticator) reread(key string) {
	_, err := a.alone(key, func() (*account, error) { return a.fetch(key, time.Now(), false) })
	switch {
	case err == nil || a.ctx.Err() != nil:
	case errors.Is(err, ErrNoAccount):
		a.log.Info("account is not there", zap.String("account", key), zap.Error(err))
	default:
		a.log.Warn("account is not read again", zap.String("account", key), zap.Error(err))
	}
}

// alone runs a look-up after the one that is under way, so that its result is
// the one that stays.
func (a *Authenticator) alone(key string, look func() (*account, error)) (*account, error) {
	for {
		a.mu.Lock()
		if a.closed {
			a.mu.Unlock()
			return nil, ErrClosed
		}
		f := a.flights[key]
		if f == nil {
			f = a.fly(key, false, look)
			a.mu.Unlock()
			return f.wait(context.Background())
		}
		a.mu.Unlock()
		<-f.done
	}
}
