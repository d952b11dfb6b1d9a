package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// uses returns when accounts were asked for last, by themselves or by accounts
// that import from them. What has connections is in use now.
func (a *Authenticator) uses() map[string]time.Time {
	last := make(map[string]time.Time)
	a.mu.Lock()
	inUse, list := a.inUse, make([]*account, 0, len(a.accounts))
	for key, e := range a.accounts {
		last[key] = e.used
		list = append(list, e.acct)
	}
	a.mu.Unlock()
	if inUse != nil {
		for _, acct := range list {
			if inUse(acct.key) {
				last[acct.key] = time.Now()
			}
		}
	}
	for _, acct := range list {
		for _, i := range acct.claims.Imports {
			if t := last[acct.key]; t.After(last[i.Account]) {
				last[i.Account] = t
			}
		}
	}
	return last
}

// touch notes the use of a file. d.mu is held.
func (d *dir) touch(key string) {
	if d.cache {
		d.used[key] = time.Now()
	}
}

// catchUp notes the uses of accounts that are known, for which nobody reads their
// files. d.mu is held.
func (d *dir) catchUp() {
	for key, t := range d.uses() {
		if was, ok := d.used[key]; ok && t.After(was) {
			d.used[key] = t
		}
	}
}

// room makes sure of room for one more file. A cache gives up what was not used
// for the longest time. d.mu is held.
func (d *dir) room() error {
	if d.limit <= 0 {
		return nil
	}
	keys, err := d.list()
	if err != nil || int64(len(keys)) < d.limit {
		return err
	}
	if !d.cache {
		return fmt.Errorf("%q has %d accounts, which is its limit; raise limit or delete some", d.path, len(keys))
	}
	d.catchUp()
	oldest := slices.MinFunc(keys, func(a, b string) int { return d.used[a].Compare(d.used[b]) })
	return d.drop(oldest)
}

// forget removes from a cache what was not used for its time to live. Without one
// nothing is removed but for room: who is to have expired says so in his JWT.
func (d *dir) forget(ctx context.Context) {
	if d.ttl <= 0 {
		return
	}
	tick := time.NewTicker(max(time.Millisecond, min(d.ttl/2, time.Minute)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := d.sweep(time.Now().Add(-d.ttl)); err != nil {
				d.warn(fmt.Errorf("resolver: %q: %w", d.path, err))
			}
		}
	}
}

// sweep removes the files that were used last at a time or before.
func (d *dir) sweep(before time.Time) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.catchUp()
	for key, t := range d.used {
		if !t.After(before) {
			err = errors.Join(err, d.drop(key))
		}
	}
	return err
}
