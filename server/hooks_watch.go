package server

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"moonwire/server/config"
)

const (
	// hooksSettle is how long the files of hooks have to be left alone before
	// they are read, as editors write a file in several steps; hooksMaxSettle is
	// after how long they are read all the same.
	hooksSettle    = 200 * time.Millisecond
	hooksMaxSettle = 2 * time.Second
	// hooksLookEvery is how often they are looked at without having been told of
	// a change: notice may be unavailable, or not pass a network file system.
	hooksLookEvery = 30 * time.Second
)

// follow loads hooks anew when their files change, until the server stops.
func (l *hookLoader) follow() {
	defer l.server.tasks.Done()
	w, err := fsnotify.NewWatcher()
	var (
		events chan fsnotify.Event
		failed chan error
	)
	if err != nil {
		l.server.log.Warn(fmt.Sprintf("Files of hooks are looked at every %s, as their changes cannot be watched: %v", hooksLookEvery, err))
	} else {
		defer w.Close()
		events, failed = w.Events, w.Errors
	}
	var since time.Time // of the first change that was not looked at
	settled := time.NewTimer(hooksSettle)
	defer settled.Stop()
	often := time.NewTicker(hooksLookEvery)
	defer often.Stop()
	for {
		select {
		case <-l.server.quit:
			return
		case <-l.changed: // there are other files to watch
			l.watch(w)
			settled.Reset(hooksSettle) // for what changed before
			continue
		case <-settled.C:
		case <-often.C:
		case <-events:
			if since.IsZero() {
				since = time.Now()
			}
			settled.Reset(max(0, min(hooksSettle, hooksMaxSettle-time.Since(since))))
			continue
		case <-failed: // changes may have gone untold
			settled.Reset(hooksSettle)
			continue
		}
		since = time.Time{}
		l.look(w)
	}
}

// look loads anew what has changed. W may be nil.
func (l *hookLoader) look(w *fsnotify.Watcher) {
	ctx, cancel := l.server.untilQuit()
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.now.Load().options
	if o.Hooks.Reload.NoWatch {
		return
	}
	l.watch(w) // first: what changes while we look is then told
	if l.scriptsLocked(ctx, o) {
		return
	}
	opened := l.now.Load().opened
	for _, name := range slices.Sorted(maps.Keys(opened)) {
		l.lookAtLocked(ctx, name, opened[name])
	}
}

// lookAtLocked loads one hook anew if its files have changed.
func (l *hookLoader) lookAtLocked(ctx context.Context, name string, rec *openedHook) {
	now := l.files.all(rec.files, nil)
	if now == rec.content || now == l.failed[name] {
		return
	}
	err := empty(rec.path)
	if err == nil {
		err = l.reloadLocked(ctx, name)
	}
	if err != nil {
		l.failed[name] = now // to be told once
	}
	l.saidLocked(name, err)
}

// empty returns an error if there is nothing in one of some scripts: that is how
// a file begins that is written anew, and what is not there yet forbids nothing.
func empty(scripts ...string) error {
	for _, f := range scripts {
		if info, err := os.Stat(f); err == nil && info.Size() == 0 {
			return fmt.Errorf("%s is empty; reload the server if that is meant", f)
		}
	}
	return nil
}

// scriptsLocked loads all hooks anew, and returns true, if there are other
// scripts in their folder than those that are loaded.
func (l *hookLoader) scriptsLocked(ctx context.Context, o *Options) bool {
	if o.Hooks.ScriptsDir == "" {
		return false
	}
	list, err := hookList(o)
	if err != nil {
		return false // the folder may be on its way; the hooks stay
	}
	paths := scriptPaths(list)
	if slices.Equal(paths, scriptPaths(l.now.Load().list)) {
		return false
	}
	now := l.files.all(paths, nil)
	if now == l.failed[""] {
		return false
	}
	var changed []string
	if err = empty(paths...); err == nil {
		changed, err = l.loadLocked(ctx, o)
	}
	if err == nil {
		l.server.tellReload(strings.Join(changed, ", "))
	} else {
		l.failed[""] = now
	}
	l.saidLocked("hooks.scripts_dir", err)
	return true
}

func scriptPaths(list []config.Hook) []string {
	paths := make([]string, len(list))
	for i := range list {
		paths[i] = list[i].Lua
	}
	return paths
}

// saidLocked logs how a load of changed files has ended.
func (l *hookLoader) saidLocked(what string, err error) {
	log := l.server.log.With(zap.String("hook", what))
	if err == nil {
		log.Info("Hooks changed and were loaded")
		return
	}
	for line := range strings.Lines(err.Error()) {
		log.Error("Hooks changed and do not load: " + strings.TrimSpace(line))
	}
	log.Error("Hooks changed and do not load: those from before stay")
}

// watch makes w watch the folders of all files, and those that symbolic
// links lead to. A folder that cannot be watched has its files looked at from
// time to time.
func (l *hookLoader) watch(w *fsnotify.Watcher) {
	now := l.now.Load()
	if w == nil || now.options.Hooks.Reload.NoWatch {
		return
	}
	if dir := now.options.Hooks.ScriptsDir; dir != "" {
		_ = w.Add(now.options.HookPath(dir))
	}
	for _, rec := range now.opened {
		for _, f := range rec.files {
			_ = w.Add(filepath.Dir(f))
			if target, err := filepath.EvalSymlinks(f); err == nil {
				_ = w.Add(filepath.Dir(target))
			}
		}
	}
}
