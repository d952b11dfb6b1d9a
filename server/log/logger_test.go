package log_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	reference "github.com/nats-io/nats-server/v2/logger"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"moonwire/server/log"
)

// fixed is a clock that stands still.
type fixed time.Time

func (f fixed) Now() time.Time { return time.Time(f) }

func (f fixed) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }

var noon = time.Date(2026, 11, 22, 12, 31, 0, 123456789, time.FixedZone("CET", 3600))

// open returns a logger to a new file whose time is noon, and the file's path.
func open(t *testing.T, o log.Options) (*log.Logger, *zap.Logger, string) {
	t.Helper()
	if o.File == "" {
		o.File = filepath.Join(t.TempDir(), "moonwire.log")
	}
	l, err := log.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, l.Zap().WithOptions(zap.WithClock(fixed(noon))), o.File
}

// lines returns the lines of a file, which ends in a line end.
func lines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) == 0 {
		return nil
	}
	if data[len(data)-1] != '\n' {
		t.Errorf("%s does not end in a line end", path)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// logAll logs one line at each level.
func logAll(z *zap.Logger) {
	z.Log(log.TraceLevel, "trace")
	z.Debug("debug")
	z.Info("info")
	z.Warn("warn")
	z.Error("error")
	z.DPanic("dpanic")
	fatal(z, "fatal")
}

// fatal calls z.Fatal in a way that tools do not take for the end of the process.
func fatal(z *zap.Logger, message string) {
	call := z.Fatal
	call(message)
}

func TestLevels(t *testing.T) {
	t.Parallel()
	always := []string{"[INF] info", "[WRN] warn", "[ERR] error", "[ERR] dpanic", "[FTL] fatal"}
	tests := []struct {
		name    string
		options log.Options
		want    []string
	}{
		{"plain", log.Options{}, always},
		{"debug", log.Options{Debug: true}, append([]string{"[DBG] debug"}, always...)},
		{"trace without debug", log.Options{Trace: true}, append([]string{"[TRC] trace"}, always...)},
		{"both", log.Options{Debug: true, Trace: true}, append([]string{"[TRC] trace", "[DBG] debug"}, always...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, z, path := open(t, tt.options)
			logAll(z)
			var want []string
			for _, line := range tt.want {
				want = append(want, fmt.Sprintf("[%d] %s", os.Getpid(), line))
			}
			if diff := cmp.Diff(want, lines(t, path)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := z.Core().Enabled(zapcore.DebugLevel); got != tt.options.Debug {
				t.Errorf("debug enabled: %v, want %v", got, tt.options.Debug)
			}
			if got := z.Core().Enabled(log.TraceLevel); got != tt.options.Trace {
				t.Errorf("trace enabled: %v, want %v", got, tt.options.Trace)
			}
		})
	}
}

type pair struct{ a, b int }

func (p pair) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddInt("a", p.a)
	enc.AddInt("b", p.b)
	return nil
}

func TestTextLine(t *testing.T) {
	t.Parallel()
	timed := log.Options{Time: true}
	tests := []struct {
		name    string
		options log.Options
		log     func(z *zap.Logger)
		want    string
	}{
		{"no time", log.Options{}, func(z *zap.Logger) { z.Info("hello") }, "[INF] hello"},
		{"utc without time", log.Options{UTC: true}, func(z *zap.Logger) { z.Info("hello") }, "[INF] hello"},
		{"time, microseconds cut off", timed, func(z *zap.Logger) { z.Warn("hello") }, "2026/11/22 12:31:00.123456 [WRN] hello"},
		{"utc", log.Options{Time: true, UTC: true}, func(z *zap.Logger) { z.Warn("hello") }, "2026/11/22 11:31:00.123456 [WRN] hello"},
		{"empty message", log.Options{}, func(z *zap.Logger) { z.Info("") }, "[INF] "},
		{"name left out", log.Options{}, func(z *zap.Logger) { z.Named("conn").Info("hello") }, "[INF] hello"},
		{"formatted", log.Options{}, func(z *zap.Logger) { z.Sugar().Errorf("cid:%d - %s", 4, "gone") }, "[ERR] cid:4 - gone"},
		{
			"control characters",
			log.Options{},
			func(z *zap.Logger) { z.Info("a\tb\r\n[1] [INF] forged\x1b[31m\x7f ü") },
			"[INF] a\tb\\r\\n[1] [INF] forged\\x1b[31m\\x7f ü",
		},
		{
			"fields in order",
			log.Options{},
			func(z *zap.Logger) {
				z.With(zap.Uint64("cid", 7)).Info("hello", zap.String("name", "x"), zap.Error(errors.New("no route to host")))
			},
			`[INF] hello cid=7 name=x error="no route to host"`,
		},
		{
			"siblings do not share",
			log.Options{},
			func(z *zap.Logger) {
				parent := z.With(zap.String("p", "0"))
				_ = parent.With(zap.String("q", "1"))
				parent.With(zap.String("r", "2")).Info("hello")
			},
			"[INF] hello p=0 r=2",
		},
		{
			"words",
			log.Options{},
			func(z *zap.Logger) {
				z.Info("hello", zap.String("empty", ""), zap.String("quote", `a"b`), zap.String("equals", "a=b"),
					zap.String("newline", "a\nb"), zap.String("bytes", "\xff"), zap.String("umlaut", "ü"), zap.String("a key", `C:\x`))
			},
			`[INF] hello empty="" quote="a\"b" equals="a=b" newline="a\nb" bytes="\xff" umlaut=ü "a key"=C:\x`,
		},
		{
			"numbers",
			log.Options{},
			func(z *zap.Logger) {
				z.Info("hello", zap.Int("i", -1), zap.Int8("i8", -8), zap.Int16("i16", -16), zap.Int32("i32", -32), zap.Int64("i64", -64),
					zap.Uint("u", 1), zap.Uint8("u8", 8), zap.Uint16("u16", 16), zap.Uint32("u32", 32), zap.Uintptr("p", 3),
					zap.Float64("f", 0.5), zap.Float32("f32", 0.1), zap.Complex128("c", 1+2i), zap.Complex64("c64", 1i), zap.Bool("ok", true))
			},
			"[INF] hello i=-1 i8=-8 i16=-16 i32=-32 i64=-64 u=1 u8=8 u16=16 u32=32 p=3 f=0.5 f32=0.1 c=(1+2i) c64=(0+1i) ok=true",
		},
		{
			"structures",
			log.Options{},
			func(z *zap.Logger) {
				z.Info("hello", zap.Duration("rtt", 1500*time.Microsecond), zap.Time("at", noon), zap.Strings("list", []string{"a", "b c"}),
					zap.Object("pair", pair{1, 2}), zap.Any("map", map[string]int{"x": 1}), zap.Binary("bin", []byte{1, 2}),
					zap.ByteString("raw", []byte("a b")), zap.Stringer("level", zap.InfoLevel), zap.Skip())
			},
			`[INF] hello rtt=1.5ms at=2026-11-22T12:31:00.123456789+01:00 list=["a","b c"] pair={"a":1,"b":2} map={"x":1} bin=AQI= raw="a b" level=info`,
		},
		{
			"namespace",
			log.Options{},
			func(z *zap.Logger) {
				z.With(zap.Namespace("tls"), zap.Int("v", 13)).Info("hello", zap.Inline(pair{1, 2}), zap.Namespace("x"), zap.Int("y", 3))
			},
			"[INF] hello tls.v=13 tls.a=1 tls.b=2 tls.x.y=3",
		},
		{
			"field that cannot be encoded",
			log.Options{},
			func(z *zap.Logger) { z.Info("hello", zap.Reflect("f", func() {}), zap.Int("n", 1)) },
			`[INF] hello fError="encoding field f: json: unsupported type: func()" n=1`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, z, path := open(t, tt.options)
			tt.log(z)
			want := []string{fmt.Sprintf("[%d] %s", os.Getpid(), tt.want)}
			if diff := cmp.Diff(want, lines(t, path)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLikeReference compares lines with those of nats-server's own logger, the
// digits aside.
func TestLikeReference(t *testing.T) {
	t.Parallel()
	for _, timed := range []bool{false, true} {
		t.Run(fmt.Sprintf("time %v", timed), func(t *testing.T) {
			t.Parallel()
			_, z, path := open(t, log.Options{Time: timed, UTC: true, Debug: true, Trace: true})
			z.Log(log.TraceLevel, "<<- [PING]")
			z.Debug("Client connection created")
			z.Info("Server is ready")
			z.Warn("careful")
			z.Error("broken")

			theirs := filepath.Join(t.TempDir(), "reference.log")
			r := reference.NewFileLogger(theirs, timed, true, true, true, reference.LogUTC(true))
			r.Tracef("<<- [PING]")
			r.Debugf("Client connection created")
			r.Noticef("Server is ready")
			r.Warnf("careful")
			r.Errorf("broken")
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			digits := regexp.MustCompile(`[0-9]`)
			shape := func(path string) (list []string) {
				for _, line := range lines(t, path) {
					list = append(list, digits.ReplaceAllString(line, "0"))
				}
				return list
			}
			if diff := cmp.Diff(shape(theirs), shape(path)); diff != "" {
				t.Errorf("(-reference +ours):\n%s", diff)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options log.Options
		log     func(z *zap.Logger)
		want    map[string]any
	}{
		{
			"time and fields",
			log.Options{Time: true},
			func(z *zap.Logger) {
				z.Named("conn").With(zap.Int("cid", 4)).Warn("a\nb", zap.Duration("rtt", time.Second))
			},
			map[string]any{
				"time": "2026-11-22T12:31:00.123456+01:00", "level": "warn", "logger": "conn",
				"msg": "a\nb", "cid": 4.0, "rtt": "1s",
			},
		},
		{
			"utc",
			log.Options{Time: true, UTC: true},
			func(z *zap.Logger) { z.Info("x") },
			map[string]any{"time": "2026-11-22T11:31:00.123456Z", "level": "info", "msg": "x"},
		},
		{
			"no time, trace",
			log.Options{Trace: true},
			func(z *zap.Logger) { z.Log(log.TraceLevel, "x") },
			map[string]any{"level": "trace", "msg": "x"},
		},
		{
			"fatal",
			log.Options{},
			func(z *zap.Logger) { fatal(z, "x") },
			map[string]any{"level": "fatal", "msg": "x"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.options.Format = log.FormatJSON
			_, z, path := open(t, tt.options)
			tt.log(z)
			list := lines(t, path)
			if len(list) != 1 {
				t.Fatalf("got %d lines, want 1: %q", len(list), list)
			}
			var got map[string]any
			if err := json.Unmarshal([]byte(list[0]), &got); err != nil {
				t.Fatal(err)
			}
			tt.want["pid"] = float64(os.Getpid())
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tests := []struct {
		name    string
		options log.Options
		want    string
	}{
		{"format", log.Options{Format: "xml"}, `log format "xml"`},
		{"size limit", log.Options{SizeLimit: -1}, "log size limit -1"},
		{"max files", log.Options{MaxFiles: -1}, "log max files -1"},
		{"directory", log.Options{File: dir}, "opening log file: open " + dir},
		{"no such directory", log.Options{File: filepath.Join(dir, "x", "y")}, "opening log file: open "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, err := log.New(tt.options)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, %v; want an error that begins with %q", l, err, tt.want)
			}
		})
	}
}

func TestReconfigure(t *testing.T) {
	t.Parallel()
	l, z, first := open(t, log.Options{})
	child := z.With(zap.Int("cid", 1))
	second := filepath.Join(t.TempDir(), "second.log")

	for name, o := range map[string]log.Options{
		"format":    {File: second, Format: log.FormatJSON},
		"directory": {File: t.TempDir()},
		"max files": {File: second, MaxFiles: -1},
	} {
		if err := l.Reconfigure(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	child.Debug("not written")
	child.Info("old")
	if err := l.Reconfigure(log.Options{File: second, Debug: true, Time: true}); err != nil {
		t.Fatal(err)
	}
	child.Debug("new")

	pid := os.Getpid()
	if diff := cmp.Diff([]string{fmt.Sprintf("[%d] [INF] old cid=1", pid)}, lines(t, first)); diff != "" {
		t.Errorf("first file (-want +got):\n%s", diff)
	}
	want := []string{fmt.Sprintf("[%d] 2026/11/22 12:31:00.123456 [DBG] new cid=1", pid)}
	if diff := cmp.Diff(want, lines(t, second)); diff != "" {
		t.Errorf("second file (-want +got):\n%s", diff)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	l, z, path := open(t, log.Options{})
	z.Info("before")
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	z.Info("after")
	if err := l.Reopen(); err != nil {
		t.Errorf("Reopen after Close: %v", err)
	}
	fatal(z, "after")
	if err := l.Reconfigure(log.Options{File: path}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Reconfigure after Close: %v, want %v", err, os.ErrClosed)
	}
	if got := lines(t, path); len(got) != 1 {
		t.Errorf("got %q, want only the line before Close", got)
	}
	if l.Lost() != 0 {
		t.Errorf("%d lines lost, want none", l.Lost())
	}
}
