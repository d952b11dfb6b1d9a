package log

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"go.uber.org/zap/zapcore"
)

// output is where the lines go: stderr or a file. It is the zapcore.WriteSyncer
// of all loggers and makes each line one write.
type output struct {
	stderr  *os.File        // immutable; not owned
	encoder zapcore.Encoder // immutable; for the lines that files write themselves
	lost    atomic.Uint64   // lines that could not be written

	mu struct {
		sync.Mutex
		file   *file // nil: stderr
		closed bool
	}
}

// Write implements zapcore.WriteSyncer.
func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.closed {
		return 0, fs.ErrClosed
	}
	var err error
	if o.mu.file != nil {
		err = o.mu.file.write(line)
	} else {
		_, err = o.stderr.Write(line)
	}
	if err != nil {
		o.lost.Add(1)
		return 0, err
	}
	return len(line), nil
}

// Sync implements zapcore.WriteSyncer. It does nothing: lines are not buffered
// here, and a server does not wait for the disk to log.
func (o *output) Sync() error { return nil }

// open directs the log to what options name and closes what it went to before.
// If it returns an error nothing has changed.
func (o *output) open(options Options) error {
	var next *file
	if options.File != "" {
		var err error
		if next, err = openFile(options, o.encoder); err != nil {
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.closed {
		return errors.Join(fs.ErrClosed, next.close())
	}
	last := o.mu.file
	o.mu.file = next
	// What went into the old file is written; that it does not close is no
	// reason to refuse the new one.
	_ = last.close()
	return nil
}

func (o *output) reopen() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.closed || o.mu.file == nil {
		return nil
	}
	return o.mu.file.reopen()
}

func (o *output) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.closed {
		return nil
	}
	o.mu.closed = true
	return o.mu.file.close()
}
