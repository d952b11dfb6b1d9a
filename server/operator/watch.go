package operator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// calm is how long a directory has to be still before it is read: files that
	// are written in place are complete by then. maxCalm is after how long it is
	// read all the same, as others may write there without end.
	calm    = 50 * time.Millisecond
	maxCalm = time.Second
)

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
