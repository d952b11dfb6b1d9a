package log

import (
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// PerSecond is how many lines of a [Brake] are logged within one second.
const PerSecond = 20

// Brake bounds the lines of one kind that others can cause at will, such as
// failed logins: a storm of them must not fill the disk. Up to [PerSecond]
// within a second are logged as they are; what comes beyond that is counted,
// and when the second is over one line says how many there were:
//
//	[4711] [ERR] 81263 more authentication errors in the last second
//
// Debug and trace lines are left alone. Make it with [NewBrake] and close it;
// all methods are safe for concurrent use.
type Brake struct {
	log  *zap.Logger // without the brake; immutable
	zap  *zap.Logger // with it; immutable
	what string      // immutable

	mu struct {
		sync.Mutex
		timer   *time.Timer // of the second that goes on; nil if none does
		written int         // in this second
		left    int         // left out in this second
		closed  bool
	}
}

// NewBrake returns a brake for lines that go to l, and are called so in the
// plural: "authentication errors".
func NewBrake(l *zap.Logger, what string) *Brake {
	b := &Brake{log: l, what: what}
	b.zap = l.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return braked{c, b} }))
	return b
}

// Zap returns the logger for the lines.
func (b *Brake) Zap() *zap.Logger { return b.zap }

// Close says what was left out and not told yet. Lines that come later are
// logged.
func (b *Brake) Close() {
	b.mu.Lock()
	b.mu.closed = true
	if b.mu.timer != nil {
		b.mu.timer.Stop()
	}
	left := b.mu.left
	b.mu.left = 0
	b.mu.Unlock()
	b.tell(left)
}

// take reports whether a line is to be logged.
func (b *Brake) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.closed {
		return true
	}
	if b.mu.timer == nil {
		b.mu.timer = time.AfterFunc(time.Second, b.over)
	}
	if b.mu.written < PerSecond {
		b.mu.written++
		return true
	}
	b.mu.left++
	return false
}

// over ends a second. The next one begins at once if lines were left out, so
// that in a storm there is one line for each.
func (b *Brake) over() {
	b.mu.Lock()
	left := b.mu.left
	b.mu.written, b.mu.left = 0, 0
	switch {
	case b.mu.closed:
	case left > 0:
		b.mu.timer.Reset(time.Second)
	default:
		b.mu.timer = nil
	}
	b.mu.Unlock()
	b.tell(left)
}

func (b *Brake) tell(left int) {
	if left > 0 {
		b.log.Error(fmt.Sprintf("%d more %s in the last second", left, b.what))
	}
}

// braked is a core with a brake.
type braked struct {
	zapcore.Core
	b *Brake
}

// With implements [zapcore.Core].
func (c braked) With(f []zapcore.Field) zapcore.Core { return braked{c.Core.With(f), c.b} }

// Check implements [zapcore.Core].
func (c braked) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Level > zapcore.DebugLevel && c.Enabled(e.Level) && !c.b.take() {
		return to
	}
	return c.Core.Check(e, to)
}
