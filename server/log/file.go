package log

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
)

const (
	filePerm  = 0o640
	fileFlags = os.O_WRONLY | os.O_APPEND | os.O_CREATE
	// stampLayout is the time in the name of a rotated file, local as
	// nats-server's, and such that the names sort by age.
	stampLayout = "2006.01.02.15.04.05.000000000"
)

// file is a log file that rotates itself. Its methods are called under the
// output's lock. A nil *file can be closed.
type file struct {
	path     string          // immutable
	limit    int64           // immutable; bytes, 0: no rotation
	maxFiles int             // immutable; path included, 0: no pruning
	encoder  zapcore.Encoder // immutable; for the lines about rotation

	f    io.WriteCloser // nil while the path cannot be opened
	size int64          // bytes in f
	next int64          // size that makes for the next rotation
	torn bool           // the last write stopped within a line
}

// openFile opens options.File for appending, and rotates it if it already is
// over the limit.
func openFile(options Options, encoder zapcore.Encoder) (*file, error) {
	l := &file{path: options.File, limit: options.SizeLimit, maxFiles: options.MaxFiles, encoder: encoder}
	if err := l.reopen(); err != nil {
		return nil, err
	}
	if l.full() {
		l.rotate()
	}
	return l, nil
}

// reopen opens the path and closes what was open before. If it returns an error
// nothing has changed.
func (l *file) reopen() error {
	f, err := os.OpenFile(l.path, fileFlags, filePerm)
	if err != nil {
		return fmt.Errorf("opening log file: %w", err)
	}
	stat, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("opening log file: %w", err)
	}
	// All was written or counted as lost; a failing close has nothing to add.
	_ = l.close()
	l.f, l.size, l.next, l.torn = f, stat.Size(), l.limit, false
	if !stat.Mode().IsRegular() {
		l.next = 0 // never rename a device or a pipe
	}
	return nil
}

// write appends a line and rotates the file if it has grown over the limit.
func (l *file) write(line []byte) error {
	if l.f == nil {
		if err := l.reopen(); err != nil {
			return err
		}
	}
	if l.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := l.f.Write(line)
	l.size += int64(n)
	if err != nil {
		l.torn = l.torn || n > 0
		return fmt.Errorf("writing log file: %w", err)
	}
	l.torn = false
	if l.full() {
		l.rotate()
	}
	return nil
}

func (l *file) full() bool { return l.next > 0 && l.size > l.next }

// rotate renames the file, starts a new one and removes those that are too many.
// The file is closed first because some systems do not rename open files. If it
// cannot be renamed the log goes on in it, and the next attempt is made when it
// is twice as large. If the path cannot be opened, each write tries again.
func (l *file) rotate() {
	_ = l.close()
	l.f = nil
	last := l.next
	backup, errRename := l.backup()
	if errRename == nil {
		errRename = os.Rename(l.path, backup)
	}
	if err := l.reopen(); err != nil {
		return
	}
	if errRename != nil {
		l.next = 2 * max(last, l.size)
		l.note(zapcore.ErrorLevel, "Log file could not be rotated: "+errRename.Error())
		return
	}
	l.note(zapcore.InfoLevel, fmt.Sprintf("Log file rotated, the previous one is %q", backup))
	if l.maxFiles > 0 {
		l.prune()
	}
}

// backup returns a name for a rotated file that is not taken.
func (l *file) backup() (string, error) {
	for t := time.Now(); ; t = t.Add(1) {
		name := l.path + "." + t.Format(stampLayout)
		switch _, err := os.Lstat(name); {
		case os.IsNotExist(err):
			return name, nil
		case err != nil:
			return "", err
		}
	}
}

// prune removes the oldest rotated files until maxFiles are left, the one in use
// included. Files whose names are not those of rotated files stay.
func (l *file) prune() {
	dir, base := filepath.Split(l.path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.note(zapcore.ErrorLevel, "Old log files could not be listed: "+err.Error())
		return
	}
	var backups []string // oldest first, as ReadDir sorts by name
	for _, entry := range entries {
		stamp, ok := strings.CutPrefix(entry.Name(), base+".")
		if !ok || entry.IsDir() {
			continue
		}
		if _, err := time.Parse(stampLayout, stamp); err == nil {
			backups = append(backups, filepath.Join(dir, entry.Name()))
		}
	}
	for len(backups) > l.maxFiles-1 {
		if err := os.Remove(backups[0]); err != nil {
			l.note(zapcore.ErrorLevel, "Old log file could not be removed: "+err.Error())
			return
		}
		l.note(zapcore.InfoLevel, fmt.Sprintf("Old log file %q removed", backups[0]))
		backups = backups[1:]
	}
}

// note writes a line about the file itself. It does not rotate.
func (l *file) note(level zapcore.Level, message string) {
	line, err := l.encoder.EncodeEntry(zapcore.Entry{Level: level, Time: time.Now(), Message: message}, nil)
	if err != nil {
		return
	}
	defer line.Free()
	n, err := l.f.Write(line.Bytes())
	l.size += int64(n)
	l.torn = err != nil && n > 0
}

func (l *file) close() error {
	if l == nil || l.f == nil {
		return nil
	}
	if err := l.f.Close(); err != nil {
		return fmt.Errorf("closing log file: %w", err)
	}
	return nil
}
