package servertest

import (
	"os"
	"path/filepath"
	"testing"

	"moonwire/server"
	"moonwire/server/config"
)

// Broker is a Moonwire that runs inside the test process.
type Broker struct{ *server.Server }

// Addr implements Instance.
func (b Broker) Addr() string { return b.Server.Addr().String() }

// Shutdown implements Instance.
func (b Broker) Shutdown() { b.Server.Shutdown() }

// StartMoonwire is the [Starter] of Moonwire. An empty config means the
// defaults.
func StartMoonwire(t testing.TB, text string) Instance { return Start(t, text) }

// Start starts a Moonwire with a configuration in NATS syntax, on a random
// loopback port, and stops it when the test ends.
func Start(t testing.TB, text string) Broker {
	t.Helper()
	file := filepath.Join(t.TempDir(), "moonwire.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o, _, err := config.LoadFile(file, nil)
	if err != nil {
		t.Fatalf("configuring Moonwire: %v", err)
	}
	o.Host, o.Port = "127.0.0.1", -1
	return StartOptions(t, o)
}

// StartOptions starts a Moonwire with o and stops it when the test ends.
func StartOptions(t testing.TB, o server.Options) Broker {
	t.Helper()
	s, err := server.New(o)
	if err != nil {
		t.Fatalf("making Moonwire: %v", err)
	}
	if err := s.Start(); err != nil {
		t.Fatalf("starting Moonwire: %v", err)
	}
	t.Cleanup(s.Shutdown)
	return Broker{s}
}
