package server_test

import (
	"testing"

	"go.uber.org/goleak"

	"moonwire/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTranscripts plays each recorded exchange against Moonwire. The same files
// are played against the reference nats-server in package servertest.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	servertest.RunAll(t, "testdata/transcripts", servertest.Moonwire, servertest.StartMoonwire)
}
