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
)

// dir is the resolver over a directory of <key>.jwt files. They lie in it, or
// in folders named for the last two characters of the key; new ones lie in it.
type dir struct {
	path             string
	interval         time.Duration
	limit            int64
	mayDelete, erase bool
	cache            bool
	ttl              time.Duration               // of a cache; 0 for none
	uses             func() map[string]time.Time // of accounts, as they are known
	warn             func(error)

	// mu orders what is written. Under it lies I/O of files, as it is for
	// nothing else, and uses is called.
	mu   sync.Mutex
	used map[string]time.Time // of a cache: when each was used last
}

func newDir(r *config.Resolver, uses func() map[string]time.Time, warn func(error)) (*dir, error) {
	if r.Dir == "" {
		return nil, fmt.Errorf("resolver: dir is not set; type %s needs the path of a directory", r.Type)
	}
	d := &dir{
		path: r.Dir, interval: r.Interval, limit: r.Limit,
		mayDelete: r.AllowDelete, erase: r.HardDelete,
		uses: uses, warn: warn, used: make(map[string]time.Time),
	}
	if d.interval <= 0 {
		d.interval = defaultInterval
	}
	if r.Type == kindCache {
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
	text, err := d.read(key)
	if err == nil {
		d.touch(key)
	}
	return text, err
}

// read returns what the file of an account says.
func (d *dir) read(key string) (string, error) {
	for _, p := range d.paths(key) {
		text, err := os.ReadFile(p)
		switch {
		case err == nil:
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

// remove forgets the JWT of an account. One that has none is no error.
func (d *dir) remove(key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.drop(key)
}

// each calls f with the accounts and their JWTs, in the order of their keys, until
// it has enough. It is no use of them.
func (d *dir) each(f func(key, text string) (more bool)) error {
	keys, err := d.list()
	if err != nil {
		return err
	}
	for _, key := range keys {
		text, err := d.read(key)
		switch {
		case errors.Is(err, ErrNoAccount): // it vanished meanwhile
		case err != nil:
			return err
		case text != "" && !f(key, text):
			return nil
		}
	}
	return nil
}

// list returns the accounts that have files, in order.
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
