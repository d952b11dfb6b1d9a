package operator

import (
	"encoding/base64"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/jwt/v2"
)

// TestUpdateIsTold: when an update is done, everybody has heard of it.
func TestUpdateIsTold(t *testing.T) {
	t.Parallel()
	k, x := newKit(t), newKit(t)
	k.acctClaims.Imports.Add(streamFrom(x.acct.pub))
	o := k.in(t, kindFull, t.TempDir())
	write(t, filepath.Join(o.Resolver.Dir, k.acct.pub+".jwt"), encode(t, k.acctClaims, k.op))
	a, _ := open(t, o)
	var heard []string
	a.OnUpdate(func(key string) { heard = append(heard, key) })
	if acct, err := ask(t.Context(), a, k.acct.pub); err != nil || len(acct.Imports) != 0 {
		t.Fatalf("got %+v, %v", acct, err)
	}
	x.acctClaims.Exports.Add(streamOf())
	if got := a.Update("", encode(t, x.acctClaims, k.op)); got.Err != nil {
		t.Fatal(got.Err)
	}
	if d := cmp.Diff([]string{k.acct.pub}, heard); d != "" { // which misses it
		t.Error(d)
	}
	if acct, err := a.Account(k.acct.pub); err != nil || len(acct.Imports) != 1 {
		t.Errorf("got %+v, %v", acct, err)
	}
	heard = nil
	c := jwt.NewGenericClaims(k.op.pub)
	c.Data["accounts"] = []string{x.acct.pub}
	if got := a.Delete(encode(t, c, k.op)); got.Err != nil {
		t.Fatal(got.Err)
	}
	want := []string{k.acct.pub, x.acct.pub}
	if x.acct.pub < k.acct.pub {
		want[0], want[1] = want[1], want[0]
	}
	if d := cmp.Diff(want, heard); d != "" {
		t.Error(d)
	}
}

// TestUpdateElsewhere: a resolver without a directory takes what somebody asked
// for, and has nothing to list, to delete or to look up.
func TestUpdateElsewhere(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{kindURL, kindMemory} {
		k := newKit(t)
		text := encode(t, k.acctClaims, k.acctBy)
		o := k.options(t)
		if kind == kindURL {
			o = k.ask(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }).URL)
		}
		a, _ := open(t, o)
		key := k.acct.pub
		k.acctClaims.Limits.Subs = 5
		next := encode(t, k.acctClaims, k.acctBy)
		if d := cmp.Diff(Answer{key, "jwt update skipped", nil}, a.Update(key, next)); d != "" {
			t.Error(kind, d)
		}
		k.must(t, a)
		if d := cmp.Diff(Answer{key, "jwt updated", nil}, a.Update(key, next)); d != "" {
			t.Error(kind, d)
		}
		if id := k.must(t, a); id.Limits.MaxSubscriptions != 5 {
			t.Errorf("%s: got %+v", kind, id.Limits)
		}
		if got := a.Update(key, ""); got.Err == nil || got.Message != "jwt update error" || got.Account != key {
			t.Errorf("%s: nothing: %+v", kind, got)
		}
		if got, err := a.List(); err != nil || len(got) > 0 {
			t.Errorf("%s: list: %v, %v", kind, got, err)
		}
		if _, err := a.Claims(key); !errors.Is(err, ErrNoAccount) {
			t.Errorf("%s: claims: %v", kind, err)
		}
		err := a.Pack(nil, func(string, string) bool {
			t.Errorf("%s: it packs", kind)
			return true
		})
		if err != nil {
			t.Error(kind, err)
		}
		c := jwt.NewGenericClaims(k.op.pub)
		c.Data["accounts"] = []string{key}
		if got := a.Delete(encode(t, c, k.op)); got.Err == nil {
			t.Errorf("%s: deleted: %+v", kind, got)
		}
	}
}

// TestPackEnds: who has enough gets no more.
func TestPackEnds(t *testing.T) {
	t.Parallel()
	k, x := newKit(t), newKit(t)
	a, _ := open(t, k.in(t, kindFull, t.TempDir()))
	for _, y := range []*kit{k, x} {
		if err := put(a, y.acct.pub, encode(t, y.acctClaims, k.op)); err != nil {
			t.Fatal(err)
		}
	}
	for want := 1; want <= 2; want++ {
		got := 0
		err := a.Pack(nil, func(string, string) bool {
			got++
			return got < want
		})
		if err != nil || got != want {
			t.Errorf("got %d, %v; want %d", got, err, want)
		}
	}
}

// TestDeleteFails: what goes wrong of one account is told, and the others are
// deleted.
func TestDeleteFails(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	other := accountKey(t).pub
	path := t.TempDir()
	write(t, filepath.Join(path, k.acct.pub+".jwt"), encode(t, k.acctClaims, k.op))
	o := k.in(t, kindFull, path)
	o.Resolver.HardDelete = true
	a, _ := open(t, o)
	write(t, filepath.Join(path, other+".jwt", "a file in the place of one"), "")
	c := jwt.NewGenericClaims(k.op.pub)
	c.Data["accounts"] = []string{other, k.acct.pub}
	got := a.Delete(encode(t, c, k.op))
	if got.Message != "deleted 1 accounts, failed for 1" || got.Err == nil || !strings.Contains(got.Err.Error(), other) {
		t.Errorf("got %+v", got)
	}
	if list, err := a.List(); err != nil || len(list) > 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

// TestDeleteOfFirstVersion: the library panics at a JWT like this, which anybody can
// make.
func TestDeleteOfFirstVersion(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	a, _ := open(t, k.in(t, kindFull, t.TempDir()))
	b64 := base64.RawURLEncoding
	body := b64.EncodeToString([]byte(`{"type":"x","iss":"` + k.op.pub + `"}`))
	text := b64.EncodeToString([]byte(`{"typ":"jwt","alg":"ed25519"}`)) + "." + body + "." + signature(t, k.op, []byte(body))
	if got := a.Delete(text); got.Err == nil || got.Err.Error() != "malformed request" {
		t.Errorf("got %+v", got)
	}
}

// TestArrivalIsTold: an exporter may arrive while somebody finds that it is missing.
func TestArrivalIsTold(t *testing.T) {
	t.Parallel()
	k, x := newKit(t), newKit(t)
	k.acctClaims.Imports.Add(streamFrom(x.acct.pub))
	a, _ := open(t, k.options(t))
	heard := make(chan string, 8)
	a.OnUpdate(func(key string) { heard <- key })
	k.must(t, a)
	acct := a.known(k.acct.pub)
	a.mu.Lock()
	a.accounts[x.acct.pub] = &entry{acct: &account{key: x.acct.pub}}
	a.mu.Unlock()
	a.note(acct, []string{x.acct.pub}, time.Time{})
	until(t, heard, k.acct.pub)
}

// FuzzRequests: nothing that is pushed or asked for brings the authenticator down,
// and what nobody signed changes nothing.
func FuzzRequests(f *testing.F) {
	k := newKit(f)
	a, _ := open(f, k.in(f, kindFull, f.TempDir()))
	f.Add(encode(f, k.acctClaims, newKit(f).op))
	f.Add("")
	f.Add("eyJ.e30.AA")
	f.Fuzz(func(t *testing.T, text string) {
		for _, got := range []Answer{a.Update("", text), a.Update(k.acct.pub, text), a.Delete(text)} {
			if got.Err == nil {
				t.Errorf("%q is taken: %+v", text, got)
			}
		}
		_ = expiry(text)
	})
}
