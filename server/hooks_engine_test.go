package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/hooks"
	"moonwire/server"
	"moonwire/server/config"
	"moonwire/server/servertest"
)

// workshop opens engines of scripts whose language is a word in each line:
//
//	version X  what hookz shows
//	with FILE  another file that it is made of, beside the script
//	broken     does not load
//	panic      nor does this
//	nothing    asks for nothing
//
// It remembers what became of them.
type workshop struct {
	mu     sync.Mutex
	opened []server.EngineOptions
	log    []string // "open a 1", "close a 1", in order
	events []hookEvent
	tests  error // what the tests of hooks say
}

// hookEvent is an event and the hook that was told.
type hookEvent struct {
	by string // "a 1"
	hooks.Event
}

// scripted is an engine.
type scripted struct {
	of            *workshop
	name, version string
	files         []string
	nothing       bool
}

func (w *workshop) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// told returns what happened since the last call.
func (w *workshop) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log
	w.log = nil
	return log
}

// expect waits until all this has happened, in any order.
func (w *workshop) expect(t testing.TB, want ...string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	eventually(t, func() string {
		got = append(got, w.told()...)
		slices.Sort(got)
		return cmp.Diff(want, got)
	})
}

// hears waits until the hooks have been told all this, "a 1: reason", in any order.
func (w *workshop) hears(t testing.TB, want ...string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	eventually(t, func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range w.events {
			if e.Type != hooks.EventReload || e.Time.IsZero() || e.Client != nil {
				t.Errorf("got %+v", e)
			}
			got = append(got, e.by+": "+e.Reason)
		}
		w.events = nil
		slices.Sort(got)
		return cmp.Diff(want, got)
	})
}

// last returns with what the last engine was opened.
func (w *workshop) last() server.EngineOptions {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opened[len(w.opened)-1]
}

// open is a server.Opener.
func (w *workshop) open(_ context.Context, o server.EngineOptions) (hooks.Engine, error) {
	path := o.Hook.Lua
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	e := &scripted{of: w, name: o.Name}
	for i, line := range strings.Split(string(data), "\n") {
		word, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "":
		case "version":
			e.version = arg
		case "with":
			file := filepath.Join(filepath.Dir(path), arg)
			part, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
			}
			e.files = append(e.files, file)
			e.version += "+" + strings.TrimSpace(string(part))
		case "panic":
			panic("a panic on purpose")
		case "nothing":
			e.nothing = true
		default:
			return nil, fmt.Errorf("%s:%d: what is %q?", path, i+1, word)
		}
	}
	w.mu.Lock()
	w.opened = append(w.opened, o)
	w.mu.Unlock()
	w.note("open %s %s", e.name, e.version)
	return e, nil
}

// test is a server.Tester.
func (w *workshop) test(_ context.Context, o server.EngineOptions) error {
	w.note("test %s", o.Name)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tests
}

func (w *workshop) option() server.Option { return server.WithEngine(server.EngineLua, w.open) }

func (e *scripted) Registrations() []hooks.Registration {
	if e.nothing {
		return nil
	}
	return []hooks.Registration{{Point: hooks.AtPublish}, {Point: hooks.AtEvent, Events: []string{hooks.EventReload}}}
}

func (e *scripted) Do(context.Context, int, []*hooks.Call) error { return nil }

func (e *scripted) Notify(_ int, events []hooks.Event) {
	e.of.mu.Lock()
	defer e.of.mu.Unlock()
	for _, ev := range events {
		e.of.events = append(e.of.events, hookEvent{e.name + " " + e.version, ev})
	}
}

func (e *scripted) Close(context.Context) error {
	e.of.note("close %s %s", e.name, e.version)
	return nil
}

func (e *scripted) Version() (version, sum string) { return e.version, "" }

func (e *scripted) Files() []string { return e.files }

func (e *scripted) Instructions() (h hooks.Histogram) {
	h.Counts[3], h.Count, h.Sum = 2, 2, 20
	return h
}

// folder is a configuration with its scripts.
type folder struct {
	t   testing.TB
	dir string
}

func newFolder(t testing.TB, files ...string) folder {
	f := folder{t, t.TempDir()}
	for i := 0; i < len(files); i += 2 {
		f.write(files[i], files[i+1])
	}
	return f
}

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

// write writes a file in place, if there is one.
func (f folder) write(name, content string) {
	f.t.Helper()
	must(f.t, os.MkdirAll(filepath.Dir(f.path(name)), 0o700))
	file, err := os.OpenFile(f.path(name), os.O_WRONLY|os.O_CREATE, 0o600)
	must(f.t, err)
	_, err = file.WriteString(content)
	must(f.t, errors.Join(err, file.Truncate(int64(len(content))), file.Close()))
}

// replace writes a file beside another, and puts it into its place.
func (f folder) replace(name, content string) {
	f.t.Helper()
	f.write(name+".new", content)
	must(f.t, os.Rename(f.path(name+".new"), f.path(name)))
}

// options are those of a configuration in the folder.
func (f folder) options(text string) config.Options {
	f.t.Helper()
	f.write("moonwire.conf", text)
	o, _, err := config.LoadFile(f.path("moonwire.conf"), nil)
	must(f.t, err)
	o.Host, o.Port = "127.0.0.1", -1
	return o
}

// start starts a server with it.
func (f folder) start(text string, with ...server.Option) (servertest.Broker, *workshop, *observer.ObservedLogs) {
	f.t.Helper()
	w := new(workshop)
	b, logged := startLogged(f.t, f.options(text), append([]server.Option{w.option()}, with...)...)
	return b, w, logged
}

// failsToStart returns why a server does not start, and what it logged.
func (f folder) failsToStart(o config.Options, with ...server.Option) (string, *observer.ObservedLogs) {
	f.t.Helper()
	core, logged := observer.New(zapcore.InfoLevel)
	s, err := server.New(o, append(with, server.WithLogger(zap.New(core)))...)
	must(f.t, err)
	if err = s.Start(); err == nil {
		s.Shutdown()
		f.t.Fatal("it starts")
	}
	return strings.ReplaceAll(err.Error(), f.dir+string(filepath.Separator), ""), logged
}

var errOnPurpose = errors.New("two tests fail, on purpose")
