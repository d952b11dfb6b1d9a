package operator

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// TestCache: a cache asks others for what it misses, gives up what was not used
// for the longest time when it is full, and all that was not used for its TTL.
// Accounts that are known stay so.
func TestCache(t *testing.T) {
	t.Parallel()
	kits := []*kit{newKit(t), newKit(t), newKit(t)}
	k := kits[0]
	path := t.TempDir()
	o := k.in(t, "cache", path)
	o.Resolver.Limit, o.Resolver.TTL = 2, time.Hour
	a, _ := open(t, o)
	var asked []string
	a.OnMiss(func(_ context.Context, key string) (string, error) {
		asked = append(asked, key)
		for _, k := range kits {
			if k.acct.pub == key {
				return encode(t, k.acctClaims, kits[0].op), nil
			}
		}
		return "", errors.New("nobody has it")
	})
	var keys []string
	var accounts []*account
	for _, x := range kits {
		keys = append(keys, x.acct.pub)
		accounts = append(accounts, x.must(t, a).Proof.(*user).acct)
	}
	if _, err := a.Authenticate(newKit(t).connect(t)); err == nil || !strings.Contains(err.Error(), "nobody has it") {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(asked[:3], keys) {
		t.Errorf("asked for %v", asked)
	}
	got, err := a.List()
	if want := slices.Sorted(slices.Values(keys[1:])); err != nil || !slices.Equal(got, want) {
		t.Errorf("kept %v, %v; want %v", got, err, want)
	}
	d := a.res.(*dir)
	if err := d.sweep(time.Now()); err != nil {
		t.Fatal(err)
	}
	if got, err := a.List(); err != nil || len(got) != 0 {
		t.Errorf("after the TTL: %v, %v", got, err)
	}
	a.Reload()
	for i, x := range kits {
		if x.must(t, a).Proof.(*user).acct != accounts[i] {
			t.Error("an account is not known any more")
		}
	}
	if err := a.remove(keys[0]); err != nil {
		t.Fatal(err)
	}
	if n := len(asked); n != 4 {
		t.Errorf("asked %d times", n)
	}
}

// TestCacheTTL: the sweep goes by itself.
func TestCacheTTL(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	path := t.TempDir()
	file := filepath.Join(path, k.acct.pub+".jwt")
	o := k.in(t, "cache", path)
	for _, ttl := range []time.Duration{20 * time.Millisecond, 1} {
		write(t, file, encode(t, k.acctClaims, k.acctBy))
		o.Resolver.TTL = ttl
		open(t, o)
		eventually(t, func() bool {
			_, err := os.Stat(file)
			return errors.Is(err, fs.ErrNotExist)
		})
	}
}

// TestCacheWithoutTTL: without a time to live files stay; there is nobody to ask
// for them again.
func TestCacheWithoutTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		o := k.in(t, "cache", t.TempDir())
		write(t, filepath.Join(o.Resolver.Dir, k.acct.pub+".jwt"), encode(t, k.acctClaims, k.acctBy))
		a, err := New(o, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		<-time.After(24 * time.Hour) // of the bubble
		synctest.Wait()
		if got, err := a.List(); err != nil || !slices.Equal(got, []string{k.acct.pub}) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// cached opens a cache with the accounts of kits in its directory, and a time to
// live of an hour.
func cached(t *testing.T, limit int64, kits ...*kit) *Authenticator {
	t.Helper()
	o := kits[0].in(t, kindCache, t.TempDir())
	o.Resolver.TTL, o.Resolver.Limit = time.Hour, limit
	for _, k := range kits {
		write(t, filepath.Join(o.Resolver.Dir, k.acct.pub+".jwt"), encode(t, k.acctClaims, kits[0].op))
	}
	a, err := New(o, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// left says which of kits a cache still has.
func left(t *testing.T, a *Authenticator, kits ...*kit) (has []bool) {
	t.Helper()
	list, err := a.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kits {
		has = append(has, slices.Contains(list, k.acct.pub))
	}
	return has
}

// TestCacheInUse: an account in use keeps its file, though nobody reads that any
// more: one whose users come and go, one with a connection that stays, and one
// that these import from. To list accounts is no use of them.
func TestCacheInUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		busy, connected, exporter, idle, before := newKit(t), newKit(t), newKit(t), newKit(t), newKit(t)
		connected.acctClaims.Imports.Add(streamFrom(exporter.acct.pub))
		kits := []*kit{busy, connected, exporter, idle, before}
		a := cached(t, 0, kits...)
		defer a.Close()
		a.InUse(func(key string) bool { return key == connected.acct.pub })
		for _, k := range []*kit{busy, connected, before} {
			k.must(t, a)
		}
		if _, err := a.Look(t.Context(), connected.acct.pub); err != nil {
			t.Fatal(err)
		}
		r := busy.connect(t)
		for range 30 {
			time.Sleep(10 * time.Minute) // of the bubble
			r.Time = time.Now()
			if _, err := a.Authenticate(r); err != nil {
				t.Fatal(err)
			}
			left(t, a, kits...)
		}
		synctest.Wait()
		if got, want := left(t, a, kits...), []bool{true, true, true, false, false}; !slices.Equal(got, want) {
			t.Errorf("kept %v, want %v", got, want)
		}
	})
}

// TestCacheRoom: an account in use is not the one that makes room.
func TestCacheRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		busy, idle, next := newKit(t), newKit(t), newKit(t)
		a := cached(t, 2, busy, idle)
		defer a.Close()
		busy.must(t, a)
		time.Sleep(time.Minute) // of the bubble
		idle.must(t, a)
		time.Sleep(time.Minute)
		busy.request.Time = time.Now()
		busy.must(t, a)
		if err := put(a, next.acct.pub, encode(t, next.acctClaims, busy.op)); err != nil {
			t.Fatal(err)
		}
		if got, want := left(t, a, busy, idle, next), []bool{true, false, true}; !slices.Equal(got, want) {
			t.Errorf("kept %v, want %v", got, want)
		}
	})
}
