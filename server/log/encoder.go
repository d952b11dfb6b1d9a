package log

import (
	"os"
	"strconv"
	"time"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// label is how a level looks in a text line and, its colour apart, on a terminal.
type label struct{ name, colour string }

// labelOf returns nats-server's label for a zap level.
func labelOf(level zapcore.Level) label {
	switch {
	case level <= TraceLevel:
		return label{"TRC", "33"}
	case level == zapcore.DebugLevel:
		return label{"DBG", "36"}
	case level == zapcore.InfoLevel:
		return label{"INF", "32"}
	case level == zapcore.WarnLevel:
		return label{"WRN", "0;93"}
	case level <= zapcore.DPanicLevel:
		return label{"ERR", "31"}
	default:
		return label{"FTL", "31"}
	}
}

// textEncoder writes nats-server's lines. The name of a child logger is left out:
// nats-server has none. Control characters in messages are escaped, so that an
// entry is one line whatever a client calls itself.
type textEncoder struct {
	fields           // of the child logger
	set    *settings // shared
	pool   buffer.Pool
	pid    string // "[4711] "; immutable
}

func newTextEncoder(set *settings) zapcore.Encoder {
	return &textEncoder{set: set, pool: buffer.NewPool(), pid: "[" + strconv.Itoa(os.Getpid()) + "] "}
}

// Clone implements zapcore.Encoder.
func (e *textEncoder) Clone() zapcore.Encoder {
	clone := *e
	clone.buf = append([]byte(nil), e.buf...)
	return &clone
}

// EncodeEntry implements zapcore.Encoder.
func (e *textEncoder) EncodeEntry(entry zapcore.Entry, list []zapcore.Field) (*buffer.Buffer, error) {
	line := e.pool.Get()
	line.AppendString(e.pid)
	if e.set.time.Load() {
		t := entry.Time
		if e.set.utc.Load() {
			t = t.UTC()
		}
		line.AppendTime(t, "2006/01/02 15:04:05.000000 ")
	}
	if l := labelOf(entry.Level); e.set.colours.Load() {
		line.AppendString("[\x1b[" + l.colour + "m" + l.name + "\x1b[0m] ")
	} else {
		line.AppendString("[" + l.name + "] ")
	}
	appendMessage(line, entry.Message)
	_, _ = line.Write(e.buf)
	if len(list) > 0 {
		own := fields{namespace: e.namespace}
		for _, field := range list {
			field.AddTo(&own)
		}
		_, _ = line.Write(own.buf)
	}
	line.AppendByte('\n')
	return line, nil
}

// appendMessage appends message with its control characters escaped as in a Go
// string, but for tabs.
func appendMessage(line *buffer.Buffer, message string) {
	start := 0
	for i := 0; i < len(message); i++ {
		c := message[i]
		if c >= ' ' && c != 0x7f || c == '\t' {
			continue
		}
		quoted := strconv.Quote(message[i : i+1])
		line.AppendString(message[start:i])
		line.AppendString(quoted[1 : len(quoted)-1])
		start = i + 1
	}
	line.AppendString(message[start:])
}

// jsonEncoder is zap's JSON encoder with settings that may change.
type jsonEncoder struct {
	zapcore.Encoder
	set *settings // shared
}

func newJSONEncoder(set *settings) zapcore.Encoder {
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey:    "time",
		LevelKey:   "level",
		NameKey:    "logger",
		MessageKey: "msg",
		EncodeTime: func(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
			enc.AppendString(t.Format("2006-01-02T15:04:05.000000Z07:00"))
		},
		EncodeLevel: func(level zapcore.Level, enc zapcore.PrimitiveArrayEncoder) {
			if level == TraceLevel {
				enc.AppendString("trace")
				return
			}
			zapcore.LowercaseLevelEncoder(level, enc)
		},
		EncodeDuration: zapcore.StringDurationEncoder,
	})
	encoder.AddInt("pid", os.Getpid())
	return &jsonEncoder{Encoder: encoder, set: set}
}

// Clone implements zapcore.Encoder.
func (e *jsonEncoder) Clone() zapcore.Encoder {
	return &jsonEncoder{Encoder: e.Encoder.Clone(), set: e.set}
}

// EncodeEntry implements zapcore.Encoder.
func (e *jsonEncoder) EncodeEntry(entry zapcore.Entry, list []zapcore.Field) (*buffer.Buffer, error) {
	switch {
	case !e.set.time.Load():
		entry.Time = time.Time{} // zap leaves a zero time out
	case e.set.utc.Load():
		entry.Time = entry.Time.UTC()
	}
	return e.Encoder.EncodeEntry(entry, list)
}
