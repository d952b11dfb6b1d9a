package server_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap/zaptest/observer"

	"moonwire/server"
)

const followed = `hooks { reload: { probation: "-1s" }, load: [ { name: a, lua: a.lua }, { name: b, lua: b.lua } ] }`

// logs waits until a line with a text was logged that many times.
func logs(t testing.TB, logged *observer.ObservedLogs, text string, times int) {
	t.Helper()
	eventually(t, func() string {
		if n := count(logged, text); n != times {
			return fmt.Sprintf("%q was logged %d times, want %d: %v", text, n, times, logged.All())
		}
		return ""
	})
}

// TestHooksWatch: a hook is replaced when one of its files changes, in whatever
// way.
func TestHooksWatch(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1", "b.lua", "version 1\nwith parts/one", "parts/one", "p1")
	b, w, logged := f.start(followed)
	w.expect(t, "open a 1", "open b 1+p1")

	f.write("a.lua", "version 2")
	w.expect(t, "open a 2", "close a 1")
	if w.last().Old == nil {
		t.Error("it was not told of the engine before")
	}
	f.replace("a.lua", "version 3")
	w.expect(t, "open a 3", "close a 2")
	f.write("parts/one", "p2")
	w.expect(t, "open b 1+p2", "close b 1+p1")
	f.replace("b.lua", "version 2\nwith parts/one\nwith parts/two")
	logs(t, logged, "Hooks changed and do not load: those from before stay", 1)
	f.write("parts/two", "p3") // which the hook is not made of yet
	f.replace("b.lua", "version 3\nwith parts/one\nwith parts/two")
	w.expect(t, "open b 3+p2+p3", "close b 1+p2")
	f.replace("parts/two", "p4")
	w.expect(t, "open b 3+p2+p4", "close b 3+p2+p3")

	f.write("a.lua", "version 4\nbroken\n")
	logs(t, logged, "a.lua:2: what is \"broken\"?", 1)
	f.replace("a.lua", "version 5")
	w.expect(t, "open a 5", "close a 3")
	must(t, os.Remove(f.path("a.lua")))
	logs(t, logged, "a.lua: no such file", 1)
	f.replace("a.lua", "version 6")
	w.expect(t, "open a 6", "close a 5")
	f.write("a.lua", "") // how a file begins that is written anew
	logs(t, logged, "a.lua is empty", 1)
	f.write("a.lua", "version 6")
	logs(t, logged, "Hooks changed and were loaded", 7)
	w.expect(t)
	b.Shutdown()
	w.expect(t, "close a 6", "close b 3+p2+p4")
}

// TestHooksWatchOnce: content that does not load is told of once, though other
// files in its folder change.
func TestHooksWatchOnce(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1", "b.lua", "version 1")
	_, w, logged := f.start(followed)
	w.expect(t, "open a 1", "open b 1")
	f.write("a.lua", "broken")
	logs(t, logged, "a.lua:1", 1)
	f.write("b.lua", "version 2")
	w.expect(t, "open b 2", "close b 1")
	f.write("b.lua", "version 3")
	w.expect(t, "open b 3", "close b 2")
	logs(t, logged, "a.lua:1", 1)
}

// TestHooksWatchLinks: a folder that is a symbolic link is turned to another, as
// Kubernetes does with the files of a volume.
func TestHooksWatchLinks(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "v1/a.lua", "version 1", "v1/b.lua", "version 1", "v2/a.lua", "version 2", "v2/b.lua", "version 1")
	must(t, os.Symlink("v1", f.path("now")))
	must(t, os.Symlink("now/a.lua", f.path("a.lua")))
	must(t, os.Symlink("now/b.lua", f.path("b.lua")))
	_, w, _ := f.start(followed)
	w.expect(t, "open a 1", "open b 1")
	must(t, os.Symlink("v2", f.path("next")))
	must(t, os.Rename(f.path("next"), f.path("now")))
	w.expect(t, "open a 2", "close a 1")
}

// TestHooksWatchOff: nothing is noticed until it is turned on.
func TestHooksWatchOff(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1", "b.lua", "version 1")
	off := strings.Replace(followed, "reload: {", "reload: { watch: false,", 1)
	b, w, logged := f.start(off)
	w.expect(t, "open a 1", "open b 1")
	must(t, b.Reload(f.options(followed)))
	w.expect(t)
	f.write("a.lua", "version 2") // which is seen, as is what has changed before
	w.expect(t, "open a 2", "close a 1")
	must(t, b.Reload(f.options(off)))
	f.write("b.lua", "version 2")
	f.write("a.lua", "version 3")
	must(t, b.Reload(f.options(off))) // which does what watching would have done
	w.expect(t, "open a 3", "close a 2", "open b 2", "close b 1")
	if n := count(logged, "Hooks changed"); n != 1 {
		t.Errorf("%d changes were noticed, want 1", n)
	}
}

// TestScriptsFolder: scripts come and go with their files.
func TestScriptsFolder(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "hooks/20-b.lua", "version 1", "hooks/10-a.lua", "version 1", "hooks/10-a_test.lua", "broken", "hooks/README", "broken",
		"hooks/.c.lua", "broken")
	b, w, logged := f.start(monitored + `hooks { scripts_dir: hooks, reload: { probation: "-1s" } }`)
	names := func() (list []string) {
		var z hookz
		look(t, b, "/hookz", &z)
		for _, h := range z.Hooks {
			list = append(list, h.Name+" "+h.Version)
		}
		return list
	}
	w.expect(t, "open 10-a 1", "open 20-b 1")
	if got := fmt.Sprint(names()); got != "[10-a 1 20-b 1]" {
		t.Errorf("the hooks are %s", got)
	}
	f.replace("hooks/15.lua", "version 1")
	w.expect(t, "open 15 1")
	f.write("hooks/20-b.lua", "version 2")
	w.expect(t, "open 20-b 2", "close 20-b 1")

	f.replace("hooks/30.lua", "broken") // keeps out nothing but itself
	logs(t, logged, "30.lua:1", 1)
	logs(t, logged, "Hooks changed and do not load: those from before stay", 1)
	f.write("hooks/30.lua", "version 1")
	w.expect(t, "open 30 1")
	must(t, os.Remove(f.path("hooks/10-a.lua")))
	w.expect(t, "close 10-a 1")
	eventually(t, func() string {
		if got := fmt.Sprint(names()); got != "[15 1 20-b 2 30 1]" {
			return "the hooks are " + got
		}
		return ""
	})
	w.hears(t, `10-a 1: hook "15"`, `15 1: hook "15"`, `20-b 1: hook "15"`,
		`10-a 1: hook "20-b"`, `15 1: hook "20-b"`, `20-b 2: hook "20-b"`,
		`10-a 1: hook "30"`, `15 1: hook "30"`, `20-b 2: hook "30"`, `30 1: hook "30"`,
		`15 1: hook "10-a" is no longer asked`, `20-b 2: hook "10-a" is no longer asked`, `30 1: hook "10-a" is no longer asked`)
}

// TestHooksBusy: reloads, changes and the end at one time.
func TestHooksBusy(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1", "b.lua", "version 1")
	b, w, _ := f.start(followed)
	var both crew
	all := []server.Options{f.options(followed), f.options(followed + "\nping_max: 5")}
	both.do("reload", func() error {
		for i := range 20 {
			if err := b.Reload(all[i%2]); err != nil {
				return err
			}
		}
		return nil
	})
	both.do("write", func() error {
		for i := range 20 {
			if err := os.WriteFile(f.path("a.lua"), fmt.Appendf(nil, "version %d", i), 0o600); err != nil {
				return err
			}
		}
		return nil
	})
	both.wait(t)
	b.Shutdown()
	opened, closed := 0, 0
	for _, line := range w.told() {
		if strings.HasPrefix(line, "open") {
			opened++
		} else {
			closed++
		}
	}
	if opened < 2 || opened != closed {
		t.Errorf("%d were opened, and %d closed", opened, closed)
	}
}
