package operator

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"moonwire/server/config"
)

// ask returns options with the URL resolver at url.
func (k *kit) ask(t testing.TB, url string) *config.Options {
	t.Helper()
	o := k.options(t)
	o.ResolverPreload = nil
	o.Resolver = config.Resolver{Type: "url", URL: url, Timeout: 10 * time.Second}
	return o
}

// serve starts an account server.
func serve(t testing.TB, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s
}

// TestURL: an account server is asked once, and what it says is checked.
func TestURL(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	other := newKit(t)
	// Encoding writes to the claims: all is encoded before the parallel tests.
	text, byOther := encode(t, k.acctClaims, k.acctBy), encode(t, k.acctClaims, other.op)
	ofUser, ofOther := encode(t, k.usrClaims, k.userBy), encode(t, other.acctClaims, k.op)
	o, request := k.ask(t, "http://localhost"), k.connect(t)
	for _, tt := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		err    string
		kind   error
	}{
		{name: "right", answer: func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.Path != "/jwt/"+k.acct.pub {
				t.Errorf("asked %s %s", r.Method, r.URL)
			}
			_, _ = w.Write([]byte(text + "\n"))
		}},
		{name: "unknown", kind: ErrNoAccount, answer: http.NotFound},
		{name: "broken", err: "status 500", answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }},
		{name: "empty", err: "malformed", answer: func(http.ResponseWriter, *http.Request) {}},
		{name: "a page", err: "malformed", answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }},
		{name: "endless", err: "too large", answer: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat("x", 2<<20)))
		}},
		{name: "of a user", err: "another kind", answer: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(ofUser))
		}},
		{name: "of another account", err: "of another account", answer: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(ofOther))
		}},
		{name: "by another operator", err: "no trusted operator", answer: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(byOther))
		}},
		{name: "cut off", err: "reading the answer", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("ey"))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				tt.answer(w, r)
			})
			o := *o
			o.Resolver.URL = s.URL + "/jwt"
			a, _ := open(t, &o)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					_, err := a.Authenticate(request)
					switch {
					case tt.err == "" && tt.kind == nil:
						if err != nil {
							t.Errorf("got %v", err)
						}
					case err == nil || !strings.Contains(err.Error(), tt.err) || tt.kind != nil && !errors.Is(err, tt.kind):
						t.Errorf("got %v; want %q, %v", err, tt.err, tt.kind)
					}
				})
			}
			wg.Wait()
			if n := asked.Load(); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// TestURLSlow: a look-up takes no longer than its timeout, and one that nobody
// waits for any more ends with Close.
func TestURLSlow(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	release := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	o := k.ask(t, s.URL)
	o.Resolver.Timeout = 50 * time.Millisecond
	a, _ := open(t, o)
	if _, err := a.Authenticate(k.connect(t)); err == nil || !strings.Contains(err.Error(), "asking") {
		t.Errorf("got %v", err)
	}
	o.Resolver.Timeout = time.Hour
	b, _ := open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(ctx, b, k.acct.pub); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.Close()
}

// TestURLFlood: an account server is not asked more than it is asked at one time,
// whoever connects.
func TestURLFlood(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	const all = 2 * maxAsking
	arrived, release := make(chan struct{}, all), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		http.NotFound(w, r)
	})
	a, _ := open(t, k.ask(t, s.URL))
	var flights []*flight
	for range all {
		flights = append(flights, a.begin(accountKey(t).pub, time.Now()))
	}
	for range maxAsking {
		<-arrived
	}
	select {
	case <-arrived:
		t.Errorf("more than %d questions at one time", maxAsking)
	case <-time.After(50 * time.Millisecond): // a moment for what must not happen
	}
	close(release)
	for _, f := range flights { // all have their turn
		if _, err := f.wait(t.Context()); !errors.Is(err, ErrNoAccount) {
			t.Errorf("got %v", err)
		}
	}
}

// TestURLReloadMany: accounts are not looked up again one behind the other.
func TestURLReloadMany(t *testing.T) {
	t.Parallel()
	var kits [4]*kit
	texts := make(map[string]string) // by path
	for i := range kits {
		kits[i] = newKit(t)
		texts["/"+kits[i].acct.pub] = encode(t, kits[i].acctClaims, kits[0].op)
	}
	var meet sync.WaitGroup // of the questions of the reload
	var reloading atomic.Bool
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if reloading.Load() {
			meet.Done()
			meet.Wait()
		}
		_, _ = w.Write([]byte(texts[r.URL.Path]))
	})
	a, logs := open(t, kits[0].ask(t, s.URL))
	for _, k := range kits {
		k.must(t, a)
	}
	meet.Add(len(kits))
	reloading.Store(true)
	a.Reload()
	if logs.Len() > 0 {
		t.Errorf("the log says %v", logs.All())
	}
}

// TestURLDown: what is said of a server that is down has no password in it.
func TestURLDown(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	a, _ := open(t, k.ask(t, strings.Replace(s.URL, "http://", "http://u:secret@", 1)))
	_, err := a.Authenticate(k.connect(t))
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), k.acct.pub) {
		t.Errorf("got %v", err)
	}
}

// TestAgain: a look-up that failed is repeated, but not within a second.
func TestAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		o := k.options(t)
		text := o.ResolverPreload[0].JWT
		o.ResolverPreload = nil
		a, err := New(o, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		r := k.connect(t)
		if _, err := a.Authenticate(r); !errors.Is(err, ErrNoAccount) {
			t.Fatalf("got %v", err)
		}
		if err := a.res.store(k.acct.pub, text); err != nil {
			t.Fatal(err)
		}
		time.Sleep(again - 1)
		if _, err := a.Authenticate(r); !errors.Is(err, ErrNoAccount) {
			t.Errorf("within a second: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := a.Authenticate(r); err != nil {
			t.Errorf("after a second: %v", err)
		}
	})
}

// TestURLReload: what the server says later counts from Reload on.
func TestURLReload(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	var text atomic.Value
	text.Store(encode(t, k.acctClaims, k.acctBy))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if text.Load() == "" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(text.Load().(string)))
	})
	a, _ := open(t, k.ask(t, s.URL))
	heard := make(chan string, 16)
	a.OnUpdate(func(key string) { heard <- key })
	id := k.must(t, a)
	k.acctClaims.RevokeAt("*", time.Now().Add(time.Hour))
	text.Store(encode(t, k.acctClaims, k.acctBy))
	a.Reload()
	until(t, heard, k.acct.pub)
	if _, err := a.Recheck(id); !errors.Is(err, ErrRevoked) {
		t.Errorf("got %v", err)
	}
	// A push is known at once, though it is not stored.
	k.acctClaims.Revocations = nil
	k.resign(t, a)
	until(t, heard, k.acct.pub)
	if _, err := a.Recheck(id); err != nil {
		t.Errorf("got %v", err)
	}
	text.Store("")
	a.Reload()
	until(t, heard, k.acct.pub)
	if _, err := a.Recheck(id); !errors.Is(err, ErrNoAccount) {
		t.Errorf("got %v", err)
	}
}

// TestURLTLS: resolver_tls says whom to trust.
func TestURLTLS(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	text := encode(t, k.acctClaims, k.acctBy)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	o := k.ask(t, s.URL)
	for _, tt := range []struct {
		name string
		tls  *config.TLS
		ok   bool
	}{
		{"nobody", nil, false},
		{"its CA", &config.TLS{CAFile: ca}, true},
		{"anybody", &config.TLS{Insecure: true, MinVersion: "1.3"}, true},
	} {
		o.Resolver.TLS = tt.tls
		a, _ := open(t, o)
		_, err := a.Authenticate(k.connect(t))
		if unknown := new(x509.UnknownAuthorityError); (err == nil) != tt.ok || err != nil && !errors.As(err, unknown) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	o.Resolver.TLS = &config.TLS{CAFile: filepath.Join(t.TempDir(), "none.pem")}
	if _, err := New(o, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "none.pem") {
		t.Errorf("got %v", err)
	}
}

// in returns options with a directory.
func (k *kit) in(t testing.TB, kind, path string) *config.Options {
	t.Helper()
	o := k.options(t)
	o.ResolverPreload = nil
	o.Resolver = config.Resolver{Type: kind, Dir: path, AllowDelete: true, Interval: time.Hour}
	return o
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o640)); err != nil {
		t.Fatal(err)
	}
}

// TestDirChanges: files that appear, change and vanish, in the directory and in
// a folder of it, are seen.
func TestDirChanges(t *testing.T) {
	t.Parallel()
	for _, folder := range []bool{false, true} {
		k := newKit(t)
		path := t.TempDir()
		file := filepath.Join(path, k.acct.pub+".jwt")
		if folder {
			file = filepath.Join(path, k.acct.pub[len(k.acct.pub)-2:], k.acct.pub+".jwt")
		}
		a, logs := open(t, k.in(t, "full", path))
		heard := make(chan string, 64)
		a.OnUpdate(func(key string) { heard <- key })

		// Appears: an importer that misses it hears of it.
		x := newKit(t)
		x.acctBy = k.acctBy
		k.acctClaims.Imports = nil
		x.acctClaims.Imports = append(x.acctClaims.Imports, streamFrom(k.acct.pub))
		x.resign(t, a)
		if _, err := ask(t.Context(), a, x.acct.pub); err != nil {
			t.Fatal(err)
		}
		write(t, file, encode(t, k.acctClaims, k.acctBy))
		until(t, heard, x.acct.pub)
		id := k.must(t, a)

		// Changes.
		k.acctClaims.Limits.Subs = 5
		write(t, file, encode(t, k.acctClaims, k.acctBy))
		until(t, heard, k.acct.pub)
		next, err := a.Recheck(id)
		if err != nil || next.Limits.MaxSubscriptions != 5 {
			t.Errorf("changed: %+v, %v", next, err)
		}

		// What is of no use changes nothing; it is in the log.
		write(t, file, "garbage")
		eventually(t, func() bool { return logs.FilterMessage("account is not read again").Len() > 0 })
		if _, err := a.Recheck(id); err != nil {
			t.Errorf("garbage: %v", err)
		}

		// Vanishes.
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		until(t, heard, k.acct.pub)
		if _, err := a.Recheck(id); !errors.Is(err, ErrNoAccount) {
			t.Errorf("vanished: %v", err)
		}
		if _, err := a.Authenticate(k.connect(t)); !errors.Is(err, ErrNoAccount) {
			t.Errorf("vanished, anew: %v", err)
		}
	}
}

// eventually waits until f says yes.
func eventually(t testing.TB, f func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !f() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it does not happen")
		}
	}
}

// TestDirInterval: without events the directory is read at each interval.
func TestDirInterval(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	path := t.TempDir()
	target := filepath.Join(t.TempDir(), "elsewhere") // nobody watches there
	write(t, target, encode(t, k.acctClaims, k.acctBy))
	if err := os.Symlink(target, filepath.Join(path, k.acct.pub+".jwt")); err != nil {
		t.Fatal(err)
	}
	o := k.in(t, "full", path)
	o.Resolver.Interval = 10 * time.Millisecond
	a, _ := open(t, o)
	heard := make(chan string, 64)
	a.OnUpdate(func(key string) { heard <- key })
	k.must(t, a)
	k.acctClaims.Limits.Subs = 5
	next := target + ".new"
	write(t, next, encode(t, k.acctClaims, k.acctBy))
	if err := os.Rename(next, target); err != nil {
		t.Fatal(err)
	}
	until(t, heard, k.acct.pub)
	if id := k.must(t, a); id.Limits.MaxSubscriptions != 5 {
		t.Errorf("got %+v", id.Limits)
	}
}

// TestDirLink: the directory may be a link to one.
func TestDirLink(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	path := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), path); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(path, k.acct.pub+".jwt")
	write(t, file, encode(t, k.acctClaims, k.acctBy))
	a, _ := open(t, k.in(t, "full", path))
	heard := make(chan string, 64)
	a.OnUpdate(func(key string) { heard <- key })
	if got, err := a.List(); err != nil || !slices.Equal(got, []string{k.acct.pub}) {
		t.Errorf("list: %v, %v", got, err)
	}
	k.must(t, a)
	k.acctClaims.Limits.Subs = 5
	write(t, file, encode(t, k.acctClaims, k.acctBy))
	until(t, heard, k.acct.pub)
}

// TestDirGone: a directory that is not there, as when a disk is not mounted, says
// nothing about its accounts.
func TestDirGone(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	path := filepath.Join(t.TempDir(), "jwt")
	write(t, filepath.Join(path, k.acct.pub+".jwt"), encode(t, k.acctClaims, k.acctBy))
	a, logs := open(t, k.in(t, "full", path))
	id := k.must(t, a)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	a.Reload()
	if _, err := a.Recheck(id); err != nil || logs.FilterMessage("account is not read again").Len() == 0 {
		t.Errorf("got %v; the log says %v", err, logs.All())
	}
	if _, err := ask(t.Context(), a, accountKey(t).pub); errors.Is(err, ErrNoAccount) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another account: %v", err)
	}
}

// TestDirTwice: an account may have two files, in the directory and in a folder;
// once it is deleted neither lets anybody in. A file in the place of the folder
// is no obstacle.
func TestDirTwice(t *testing.T) {
	t.Parallel()
	for _, hard := range []bool{false, true} {
		k, x := newKit(t), newKit(t)
		x.acctBy = k.acctBy
		path := t.TempDir()
		end := func(key string) string { return filepath.Join(path, key[len(key)-2:]) }
		text := encode(t, k.acctClaims, k.acctBy)
		write(t, filepath.Join(path, k.acct.pub+".jwt"), text)
		write(t, filepath.Join(end(k.acct.pub), k.acct.pub+".jwt"), text)
		for end(x.acct.pub) == end(k.acct.pub) {
			x.acct = accountKey(t)
			x.acctClaims.Subject = x.acct.pub
		}
		write(t, end(x.acct.pub), "")
		o := k.in(t, "full", path)
		o.Resolver.HardDelete = hard
		a, _ := open(t, o)
		k.must(t, a)
		if err := a.remove(k.acct.pub); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Claims(k.acct.pub); !errors.Is(err, ErrNoAccount) {
			t.Errorf("hard %v: deleted, yet: %v", hard, err)
		}
		if _, err := a.Claims(x.acct.pub); !errors.Is(err, ErrNoAccount) {
			t.Errorf("a file for a folder: %v", err)
		}
		x.resign(t, a)
	}
}

// TestDirBusy: a directory in which others write without end is read all the same.
func TestDirBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dir{path: "nowhere", interval: time.Hour}
		w := &fsnotify.Watcher{Events: make(chan fsnotify.Event)}
		ctx, cancel := context.WithCancel(t.Context())
		var told []time.Duration
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			d.follow(ctx, w, func(string) { told = append(told, time.Since(start)) })
		}()
		for range 300 { // 3 s
			<-time.After(calm / 5)
			w.Events <- fsnotify.Event{Name: "nowhere/other.log", Op: fsnotify.Write}
		}
		cancel()
		<-done
		if len(told) < 3 || len(told) > 4 {
			t.Errorf("told at %v; want about every %s", told, maxCalm)
		}
	})
}

// TestDirStore: Store, List, Claims and Delete of a directory, and its limit.
func TestDirStore(t *testing.T) {
	t.Parallel()
	k, x := newKit(t), newKit(t)
	x.acctBy = k.acctBy
	path := filepath.Join(t.TempDir(), "made", "anew")
	o := k.in(t, "full", path)
	o.Resolver.Limit = 1
	a, _ := open(t, o)
	k.resign(t, a)
	text := encode(t, k.acctClaims, k.acctBy)
	k.resign(t, a)
	if got, err := a.Claims(k.acct.pub); err != nil || len(got) != len(text) {
		t.Errorf("claims: %v", err)
	}
	if got, err := a.List(); err != nil || !slices.Equal(got, []string{k.acct.pub}) {
		t.Errorf("list: %v, %v", got, err)
	}
	if err := put(a, x.acct.pub, encode(t, x.acctClaims, x.acctBy)); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("above the limit: %v", err)
	}
	if err := put(a, k.acct.pub, encode(t, x.acctClaims, x.acctBy)); err == nil || !strings.Contains(err.Error(), "another account") {
		t.Errorf("of another: %v", err)
	}
	x.acctBy = x.op
	if err := put(a, x.acct.pub, encode(t, x.acctClaims, x.acctBy)); err == nil || !strings.Contains(err.Error(), "trusted") {
		t.Errorf("by a stranger: %v", err)
	}
	for _, key := range []string{"../../x", "", k.usr.pub} {
		if err := put(a, key, text); err == nil {
			t.Errorf("stored %q", key)
		}
		if _, err := a.Claims(key); !errors.Is(err, ErrNoAccount) {
			t.Errorf("claims of %q: %v", key, err)
		}
	}
	id := k.must(t, a)
	if err := a.remove(k.acct.pub); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Recheck(id); !errors.Is(err, ErrNoAccount) {
		t.Errorf("deleted: %v", err)
	}
	names, err := filepath.Glob(filepath.Join(path, "*"))
	if err != nil || len(names) != 1 || filepath.Base(names[0]) != k.acct.pub+".jwt.deleted" {
		t.Errorf("left: %v, %v", names, err)
	}
	k.resign(t, a)
	o.Resolver.HardDelete = true
	c, _ := open(t, o)
	if err := c.remove(k.acct.pub); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, k.acct.pub+".jwt")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("hard: %v", err)
	}
}

// TestOlder: an older JWT of the configuration does not replace a newer one, but
// who pushes one knows what he does.
func TestOlder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		old := encode(t, k.acctClaims, k.acctBy)
		time.Sleep(time.Minute)
		o := k.options(t)
		fresh := o.ResolverPreload[0].JWT
		o.ResolverPreload = append(o.ResolverPreload, config.AccountJWT{Account: k.acct.pub, JWT: old})
		a, err := New(o, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		k.must(t, a)
		if a.known(k.acct.pub).text != fresh {
			t.Error("the older one counts")
		}
		if got := a.Update("", old); got.Err != nil || a.known(k.acct.pub).text != old {
			t.Errorf("pushed: %+v", got)
		}
	})
}

// TestReferenceDir: a directory that nats-server wrote, flat or in folders, is
// read, and it reads what we write.
func TestReferenceDir(t *testing.T) {
	t.Parallel()
	for _, shard := range []bool{false, true} {
		k, x := newKit(t), newKit(t)
		x.acctBy = k.acctBy
		path := t.TempDir()
		store, err := server.NewDirJWTStore(path, shard, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.SaveAcc(k.acct.pub, encode(t, k.acctClaims, k.acctBy)); err != nil {
			t.Fatal(err)
		}
		a, _ := open(t, k.in(t, "full", path))
		k.must(t, a)
		if got, err := a.List(); err != nil || !cmp.Equal(got, []string{k.acct.pub}) {
			t.Errorf("list: %v, %v", got, err)
		}
		if shard {
			continue
		}
		text := encode(t, x.acctClaims, x.acctBy)
		if err := put(a, x.acct.pub, text); err != nil {
			t.Fatal(err)
		}
		if got, err := store.LoadAcc(x.acct.pub); got != text || err != nil {
			t.Errorf("nats-server reads %d bytes, %v", len(got), err)
		}
	}
}
