//go:build linux

package series

import (
	"context"
	"errors"
	"fmt"

	"moonwire/cmd/moonbench/internal/load"
	"moonwire/cmd/moonbench/internal/target"
)

// start starts a server, with TLS if secure is set. The error wraps
// load.ErrUnable if the server is not made for that.
func start(ctx context.Context, secure bool, t target.Target) (*target.Server, error) {
	if !secure {
		return t.Start(ctx)
	}
	s, ok := t.(target.Secured)
	if !ok {
		return nil, fmt.Errorf("server %s: %w: %w", t.Label(), load.ErrUnable, target.ErrNoTLS)
	}
	srv, err := s.StartTLS(ctx)
	if errors.Is(err, target.ErrNoTLS) {
		return nil, fmt.Errorf("%w: %w", load.ErrUnable, err)
	}
	return srv, err
}
