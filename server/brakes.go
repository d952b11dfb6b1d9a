package server

import (
	"go.uber.org/zap"

	"moonwire/server/log"
)

// brakes hold the log back where anybody who can connect could fill the disk
// with it.
type brakes struct {
	auth     *log.Brake // credentials
	failures *log.Brake // TLS handshakes, and connections that there is no room for
	web      *log.Brake // upgrades to WebSocket, and TLS before them
	// decisions of hooks, of which clients may cause as many as they like
	decisions *log.Brake
	// shadows are those of hooks in shadow mode: what a policy that is tried would
	// refuse does not crowd out what is refused
	shadows *log.Brake
}

func newBrakes(l *zap.Logger) brakes {
	return brakes{
		auth:     log.NewBrake(l, "authentication errors"),
		failures: log.NewBrake(l, "failed connections"),
		web:      log.NewBrake(l, "failed WebSocket handshakes"),

		decisions: log.NewBrake(l, "decisions of hooks"),
		shadows:   log.NewBrake(l, "decisions of hooks in shadow mode"),
	}
}

func (b *brakes) close() {
	for _, b := range []*log.Brake{b.auth, b.failures, b.web, b.decisions, b.shadows} {
		b.Close()
	}
}
