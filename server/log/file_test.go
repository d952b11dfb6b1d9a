package log_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"moonwire/server/log"
)

var stamp = regexp.MustCompile(`^moonwire\.log\.\d{4}\.\d\d\.\d\d\.\d\d\.\d\d\.\d\d\.\d{9}$`)

// backups returns the paths of the files in the log's directory that are named
// as rotated ones, oldest first, and fails for any other but the log.
func backups(t *testing.T, path string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		switch {
		case stamp.MatchString(entry.Name()):
			list = append(list, filepath.Join(filepath.Dir(path), entry.Name()))
		case entry.Name() != filepath.Base(path):
			t.Errorf("unexpected file %q", entry.Name())
		}
	}
	return list
}

func TestRotation(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 1000)
	_, z, path := open(t, log.Options{SizeLimit: 3000})
	for i := range 10 {
		z.Info(text + strconv.Itoa(i))
	}
	list := backups(t, path)
	// Three lines make more than 3000 bytes; a note heads each further file.
	if len(list) != 3 {
		t.Fatalf("got %d rotated files, want 3: %q", len(list), list)
	}
	next := 0
	for i, name := range append(list, path) {
		content := lines(t, name)
		if i > 0 {
			want := fmt.Sprintf("[INF] Log file rotated, the previous one is %q", list[i-1])
			if !strings.HasSuffix(content[0], want) {
				t.Errorf("%s: first line %q, want %q at its end", name, content[0], want)
			}
			content = content[1:]
		}
		for _, line := range content {
			if !strings.HasSuffix(line, text+strconv.Itoa(next)) {
				t.Errorf("%s: got line %q, want number %d", name, line, next)
			}
			next++
		}
	}
	if next != 10 {
		t.Errorf("found %d lines, want 10", next)
	}
	stat, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && stat.Mode().Perm()&0o007 != 0 {
		t.Errorf("mode %v lets everybody read the log", stat.Mode())
	}
}

func TestRotationAtOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "moonwire.log")
	if err := os.WriteFile(path, []byte("0123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, log.Options{File: path, SizeLimit: 10})
	list := backups(t, path)
	if len(list) != 1 || !slices.Equal(lines(t, list[0]), []string{"0123456789"}) {
		t.Errorf("got rotated files %q, want one with the old content", list)
	}
}

func TestNoRotationBelowLimit(t *testing.T) {
	t.Parallel()
	_, z, path := open(t, log.Options{})
	z.Info("x")
	size := int64(len(lines(t, path)[0]) + 1)

	// The limit itself is allowed.
	_, z, path = open(t, log.Options{SizeLimit: 2 * size})
	z.Info("x")
	z.Info("x")
	if list := backups(t, path); len(list) != 0 {
		t.Errorf("rotated to %q at the limit", list)
	}
	z.Info("x")
	if list := backups(t, path); len(list) != 1 {
		t.Errorf("got rotated files %q over the limit, want one", list)
	}
}

func TestPruning(t *testing.T) {
	t.Parallel()
	for _, maxFiles := range []int{1, 2, 4} {
		t.Run(strconv.Itoa(maxFiles), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "moonwire.log")
			dir := filepath.Dir(path)
			old := path + ".2020.01.02.03.04.05.000000006"
			strangers := []string{path + ".1", path + ".2020.01.02", "moonwire.logs", path + ".2020.01.02.03.04.05.6.gz"}
			for i, name := range strangers {
				strangers[i] = filepath.Join(dir, filepath.Base(name))
			}
			for _, name := range append([]string{old}, strangers...) {
				if err := os.WriteFile(name, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			folder := path + ".2020.01.02.03.04.05.000000007"
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			_, z, _ := open(t, log.Options{File: path, SizeLimit: 1, MaxFiles: maxFiles})
			for range 8 {
				z.Info("x")
			}
			for _, name := range append(strangers, folder) {
				if err := os.Remove(name); err != nil {
					t.Errorf("not a rotated file, yet gone: %v", err)
				}
			}
			list := backups(t, path)
			if len(list) != maxFiles-1 || slices.Contains(list, old) {
				t.Errorf("got rotated files %q, want the latest %d", list, maxFiles-1)
			}
			content := strings.Join(lines(t, path), "\n")
			if n := strings.Count(content, "[INF] Old log file "); n != 1 {
				t.Errorf("%d files reported as removed, want 1:\n%s", n, content)
			}
		})
	}
}

// TestConcurrent logs from several goroutines while the file is rotated,
// reopened and reconfigured: no line may be lost, torn or doubled.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	const writers, each = 4, 500
	o := log.Options{File: filepath.Join(t.TempDir(), "moonwire.log"), SizeLimit: 4096}
	l, z, path := open(t, o)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			child := z.With(zap.Int("writer", w))
			for i := range each {
				child.Info("line", zap.Int("i", i))
			}
		})
	}
	wg.Go(func() {
		for i := range 20 {
			if err := l.Reopen(); err != nil {
				t.Error(err)
			}
			o.Debug = i%2 == 0
			if err := l.Reconfigure(o); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()

	form := regexp.MustCompile(`^\[\d+\] \[INF\] line (writer=\d i=\d+)$`)
	seen := make(map[string]int)
	for _, name := range append(backups(t, path), path) {
		for _, line := range lines(t, name) {
			if m := form.FindStringSubmatch(line); m != nil {
				seen[m[1]]++
			} else if !strings.Contains(line, "[INF] Log file rotated") {
				t.Errorf("torn line %q", line)
			}
		}
	}
	for w := range writers {
		for i := range each {
			if key := fmt.Sprintf("writer=%d i=%d", w, i); seen[key] != 1 {
				t.Errorf("%s: seen %d times, want once", key, seen[key])
			}
		}
	}
	if l.Lost() != 0 {
		t.Errorf("%d lines lost", l.Lost())
	}
}
