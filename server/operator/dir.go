package operator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/nats-io/nkeys"

	"moonwire/server/config"
)

const (
	suffix = ".jwt"
	// deleted is behind the name of a file whose account was deleted.
	deleted = ".deleted"
	// making is before the name of a file that is being written.
	making = ".jwt-"
	// The rights of what is made, as those of nats-server.
	dirMode, fileMode = 0o750, 0o640

	defaultInterval  = time.Minute
	defaultCacheSize = 1000
	// calm is how long a directory has to be still before it is read: files that
	// are written in place are complete by then. maxCalm is after how long it is
	// read all the same, as others may write there without end.
	calm    = 50 * time.Millisecond
	maxCalm = time.Second
)

// dir is the resolver over a directory of <key>.jwt files. They lie in it, or
// in folders named for the last two characters of the key; new ones lie in it.
type dir struct {
	path             string
	interval         time.Duration
	limit            int64
	mayDelete, erase bool
	cache            bool
	ttl              time.Duration // of a cache; 0 for none
	warn             func(error)

	// mu orders what is written. Under it lies I/O of files, as it is for
	// nothing else.
	mu   sync.Mutex
	used map[string]time.Time // of a cache: when each was used last
}

func newDir(r *config.Resolver, warn func(error)) (*dir, error) {
	if r.Dir == "" {
		return nil, fmt.Errorf("resolver: dir is not set; type %s needs the path of a directory", r.Type)
	}
	d := &dir{
		path: r.Dir, interval: r.Interval, limit: r.Limit,
		mayDelete: r.AllowDelete, erase: r.HardDelete,
		warn: warn, used: make(map[string]time.Time),
	}
	if d.interval <= 0 {
		d.interval = defaultInterval
	}
	if r.Type == "cache" {
		d.cache, d.mayDelete, d.erase, d.ttl = true, true, true, r.TTL
		if d.limit <= 0 {
			d.limit = defaultCacheSize
		}
	}
	if err := os.MkdirAll(d.path, dirMode); err != nil {
		return nil, fmt.Errorf("resolver: dir: %w", err)
	}
	keys, err := d.list()
	if err != nil {
		return nil, err
	}
	if d.cache {
		for _, k := range keys {
			d.used[k] = time.Now()
		}
	}
	return d, nil
}

// root is the path for a walk, which does not go through a link but for one with
// a slash behind it.
func (d *dir) root() string { return filepath.Clean(d.path) + string(filepath.Separator) }

// paths are where the file of an account may lie; the first is that of a new one.
func (d *dir) paths(key string) [2]string {
	name := key + suffix
	return [2]string{filepath.Join(d.path, name), filepath.Join(d.path, key[len(key)-2:], name)}
}

// find returns where the files of an account lie, the one that counts first.
func (d *dir) find(key string) (found []string, err error) {
	for _, p := range d.paths(key) {
		_, err := os.Stat(p)
		switch {
		case err == nil:
			found = append(found, p)
		case !absent(err):
			return nil, err
		}
	}
	return found, nil
}

// absent reports whether an error says that there is no such file, nor a folder
// that it could lie in.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func (d *dir) fetch(_ context.Context, key string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.paths(key) {
		text, err := os.ReadFile(p)
		switch {
		case err == nil:
			d.touch(key)
			return string(text), nil
		case !absent(err):
			return "", err
		}
	}
	if _, err := os.Stat(d.path); err != nil { // which says nothing about the account
		return "", fmt.Errorf("resolver: dir: %w", err)
	}
	return "", fmt.Errorf("%w in %q", ErrNoAccount, d.path)
}

// touch notes the use of a file. d.mu is held.
func (d *dir) touch(key string) {
	if d.cache {
		d.used[key] = time.Now()
	}
}

func (d *dir) store(key, text string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, err := d.find(key)
	if err != nil {
		return err
	}
	path := d.paths(key)[0]
	if len(found) > 0 {
		path = found[0]
	} else if err := d.room(); err != nil {
		return err
	}
	if err := replace(path, text); err != nil {
		return err
	}
	d.touch(key)
	return nil
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
	oldest := slices.MinFunc(keys, func(a, b string) int { return d.used[a].Compare(d.used[b]) })
	return d.drop(oldest)
}

// drop removes the file of an account, wherever it lies: another one would take
// its place. d.mu is held.
func (d *dir) drop(key string) error {
	delete(d.used, key)
	found, err := d.find(key)
	for _, path := range found {
		if d.erase {
			err = errors.Join(err, os.Remove(path))
		} else {
			err = errors.Join(err, os.Rename(path, path+deleted))
		}
	}
	return err
}

// replace writes a file that is never seen half written.
func replace(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), making+"*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(fileMode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (d *dir) remove(key string) error {
	if !d.mayDelete {
		return fmt.Errorf("resolver of type full without allow_delete: %w", errors.ErrUnsupported)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.drop(key)
}

func (d *dir) list() ([]string, error) {
	var keys []string
	root := d.root()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return err
		case err != nil: // it vanished meanwhile
			return nil
		}
		if key := keyOf(path); key != "" && !e.IsDir() {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("resolver: dir: %w", err)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// keyOf returns the account whose file a path is, "" for any other path.
func keyOf(path string) string {
	key, ok := strings.CutSuffix(filepath.Base(path), suffix)
	if !ok || !nkeys.IsValidPublicAccountKey(key) {
		return ""
	}
	return key
}

// ours reports whether a path is of no account, by its name.
func ours(path string) bool {
	return strings.HasPrefix(filepath.Base(path), making) || strings.HasSuffix(path, suffix+deleted)
}

func (d *dir) watch(ctx context.Context, changed func(key string)) {
	if d.cache {
		d.forget(ctx)
		return
	}
	w, err := d.watcher()
	if err != nil {
		d.warn(fmt.Errorf("resolver: %q cannot be watched and is read every %s only: %w", d.path, d.interval, err))
		w = &fsnotify.Watcher{} // which never says anything
	} else {
		defer w.Close()
	}
	d.follow(ctx, w, changed)
}

// watcher watches the directory and its folders.
func (d *dir) watcher() (*fsnotify.Watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(d.root(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return w.Add(path)
	})
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// follow tells of changes: of files that the watcher saw change, as soon as the
// directory is calm, and of anything at each interval.
func (d *dir) follow(ctx context.Context, w *fsnotify.Watcher, changed func(key string)) {
	seen := map[string]bool{"": true} // what changed before the watcher was there
	ready := time.NewTimer(0)
	var since time.Time // of the first change that was not told; zero for none
	note := func(key string) {
		if seen[key] = true; since.IsZero() {
			since = time.Now()
		}
		ready.Reset(max(0, min(calm, maxCalm-time.Since(since))))
	}
	tick := time.NewTicker(d.interval)
	defer ready.Stop()
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.Events:
			if e.Op == fsnotify.Chmod || ours(e.Name) {
				continue
			}
			// A folder that is new has files already, and a link that stands for
			// the whole directory has another name.
			if info, err := os.Stat(e.Name); err == nil && info.IsDir() {
				_ = w.Add(e.Name) // without it, the interval finds what changes there
			}
			note(keyOf(e.Name))
		case err := <-w.Errors:
			d.warn(fmt.Errorf("resolver: watching %q: %w", d.path, err))
			note("")
		case <-tick.C:
			changed("")
		case <-ready.C:
			if seen[""] {
				seen = map[string]bool{"": true}
			}
			for key := range seen {
				changed(key)
			}
			clear(seen)
			since = time.Time{}
		}
	}
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

func (d *dir) sweep(before time.Time) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, t := range d.used {
		if !t.After(before) {
			err = errors.Join(err, d.drop(key))
		}
	}
	return err
}
