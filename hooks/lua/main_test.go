package lua

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a script that is right, and closes it with the test.
func open(t testing.TB, source string) *Script {
	t.Helper()
	return openWith(t, source, Options{})
}

func openWith(t testing.TB, source string, o Options) *Script {
	t.Helper()
	if o.Name == "" {
		o.Name = "test"
	}
	if o.File == "" {
		o.File, o.Source = "test.lua", []byte(source)
	}
	if o.Timeout == (hooks.PerPoint[time.Duration]{}) {
		o.Timeout = o.Timeout.All(time.Minute) // the machine may be busy
	}
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

var alice = &hooks.Client{
	ID: 7, User: "alice", Account: "A", Name: "app", Host: "10.0.0.1", Kind: "STANDARD", Lang: "go", Version: "1.2",
	Tags: map[string]string{"role": "admin"},
}

// recorder is a log that calls f with each line.
func recorder(f func(message string, fields []any)) func(library.Level, string, []any) {
	return func(_ library.Level, message string, fields []any) { f(message, fields) }
}
