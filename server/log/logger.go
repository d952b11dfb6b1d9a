package log

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// TraceLevel is the zap level of protocol traces, below debug. Neither of the
// two switches the other on. Log at it with
//
//	logger.Log(log.TraceLevel, "<<- [PING]")
const TraceLevel = -2

// Values of Options.Format.
const (
	FormatText = "text" // nats-server's lines; the default
	FormatJSON = "json" // one JSON object for each line
)

// Options say what is logged and where. The zero value writes info and above to
// stderr, as text without a time.
type Options struct {
	Debug     bool   // write debug lines
	Trace     bool   // write trace lines
	Time      bool   // start a line with the date and time
	UTC       bool   // that time is UTC, not local; nothing without Time
	File      string // path of the log file; empty: stderr
	SizeLimit int64  // bytes after which File is rotated; 0: never
	MaxFiles  int    // files kept, File included, the oldest go; 0: all
	Format    string // FormatText or FormatJSON; empty: FormatText
}

// validate returns an error that names the first option which cannot be used.
func (o Options) validate() error {
	switch {
	case o.Format != "" && o.Format != FormatText && o.Format != FormatJSON:
		return fmt.Errorf("log format %q: must be %q or %q", o.Format, FormatText, FormatJSON)
	case o.SizeLimit < 0:
		return fmt.Errorf("log size limit %d: must not be negative", o.SizeLimit)
	case o.MaxFiles < 0:
		return fmt.Errorf("log max files %d: must not be negative", o.MaxFiles)
	}
	return nil
}

// Logger owns the destination of the log and the zap logger that writes to it.
// All its methods may be called concurrently.
type Logger struct {
	zap      *zap.Logger // immutable
	json     bool        // immutable
	settings *settings   // shared with all child loggers
	out      *output     // shared with all child loggers
}

// settings are what may change while child loggers exist.
type settings struct {
	debug, trace, time, utc, colours atomic.Bool
}

// Enabled implements zapcore.LevelEnabler.
func (s *settings) Enabled(level zapcore.Level) bool {
	switch level {
	case TraceLevel:
		return s.trace.Load()
	case zapcore.DebugLevel:
		return s.debug.Load()
	default:
		return level >= zapcore.InfoLevel
	}
}

// apply takes over o for a log that goes to stderr unless o names a file.
func (s *settings) apply(o Options, stderr *os.File) {
	s.debug.Store(o.Debug)
	s.trace.Store(o.Trace)
	s.time.Store(o.Time)
	s.utc.Store(o.UTC)
	s.colours.Store(o.File == "" && isTerminal(stderr))
}

// New returns a Logger that works to o. It returns an error if an option is not
// valid or the file cannot be opened. Close it when its last child is done.
func New(o Options) (*Logger, error) { return newLogger(o, os.Stderr) }

func newLogger(o Options, stderr *os.File) (*Logger, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	l := &Logger{json: o.Format == FormatJSON, settings: new(settings)}
	l.settings.apply(o, stderr)
	encoder := newTextEncoder(l.settings)
	if l.json {
		encoder = newJSONEncoder(l.settings)
	}
	l.out = &output{stderr: stderr, encoder: encoder.Clone()}
	if err := l.out.open(o); err != nil {
		return nil, err
	}
	l.zap = zap.New(zapcore.NewCore(encoder, l.out, l.settings),
		zap.WithFatalHook(carryOn{}), zap.ErrorOutput(discard{}))
	return l, nil
}

// Zap returns the logger. It and its children are valid until Close; later their
// lines are dropped. Its Fatal writes the line and returns; as static checkers
// take a call of Fatal for the end of the process, better write
//
//	logger.Log(zap.FatalLevel, "…")
func (l *Logger) Zap() *zap.Logger { return l.zap }

// Reopen closes the log file and opens its path anew, for log rotation by others
// who rename the file and then signal (SIGUSR1). It does nothing when the log
// goes to stderr. If the path cannot be opened it returns an error and goes on
// with the old file.
func (l *Logger) Reopen() error { return l.out.reopen() }

// Reconfigure takes over o, for all child loggers too, as a configuration reload
// needs. Only Format must stay what it was. If it returns an error nothing has
// changed. Lines logged at the same moment may look as before.
func (l *Logger) Reconfigure(o Options) error {
	if err := o.validate(); err != nil {
		return err
	}
	if (o.Format == FormatJSON) != l.json {
		return errors.New("log format: cannot be changed while running")
	}
	if err := l.out.open(o); err != nil {
		return err
	}
	l.settings.apply(o, l.out.stderr)
	return nil
}

// Lost returns how many lines could not be written since New, for want of disk
// space for instance.
func (l *Logger) Lost() uint64 { return l.out.lost.Load() }

// Close closes the log file; stderr stays open. Lines logged later are dropped
// and not counted. Further calls do nothing.
func (l *Logger) Close() error { return l.out.close() }

// carryOn is what happens after a Fatal line was written: nothing.
type carryOn struct{}

// OnWrite implements zapcore.CheckWriteHook.
func (carryOn) OnWrite(*zapcore.CheckedEntry, []zapcore.Field) {}

// discard drops zap's reports of failed writes: output counts them, and they
// would go to stderr in a form of their own.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (discard) Sync() error { return nil }

// isTerminal reports whether f is a character device, which is what nats-server
// takes for a terminal.
func isTerminal(f *os.File) bool {
	stat, err := f.Stat()
	return err == nil && stat.Mode()&os.ModeCharDevice != 0
}
