package log

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap/zapcore"
)

// TestColours has a character device for a terminal, and encodes by hand what it
// swallows.
func TestColours(t *testing.T) {
	t.Parallel()
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	l, err := newLogger(Options{}, device)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	check := func(level zapcore.Level, want string) {
		t.Helper()
		line, err := l.out.encoder.EncodeEntry(zapcore.Entry{Level: level, Message: "x"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer line.Free()
		if want = fmt.Sprintf("[%d] [%s] x\n", os.Getpid(), want); line.String() != want {
			t.Errorf("got %q, want %q", line, want)
		}
	}
	check(TraceLevel, "\x1b[33mTRC\x1b[0m")
	check(zapcore.DebugLevel, "\x1b[36mDBG\x1b[0m")
	check(zapcore.InfoLevel, "\x1b[32mINF\x1b[0m")
	check(zapcore.WarnLevel, "\x1b[0;93mWRN\x1b[0m")
	check(zapcore.ErrorLevel, "\x1b[31mERR\x1b[0m")
	check(zapcore.FatalLevel, "\x1b[31mFTL\x1b[0m")

	if err := l.Reconfigure(Options{File: filepath.Join(t.TempDir(), "log")}); err != nil {
		t.Fatal(err)
	}
	check(zapcore.InfoLevel, "INF")
	if err := l.Reconfigure(Options{}); err != nil {
		t.Fatal(err)
	}
	check(zapcore.InfoLevel, "\x1b[32mINF\x1b[0m")
}
