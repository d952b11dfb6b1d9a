//go:build linux

package series

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"testing"

	"moonwire/cmd/moonbench/internal/load"
	"moonwire/cmd/moonbench/internal/target"
)

// secured is a forwarder that says how starting it with TLS ends.
type secured struct {
	forwarder
	err error
}

func (s *secured) StartTLS(ctx context.Context) (*target.Server, error) {
	srv, err := s.Start(ctx)
	if err != nil || s.err != nil {
		return nil, s.err
	}
	srv.TLS = &tls.Config{}
	return srv, nil
}

func TestStart(t *testing.T) {
	t.Parallel()
	var log []string
	plain := newForwarder(t, "A", &log)
	other := errors.New("out of memory")
	for _, tt := range []struct {
		name   string
		secure bool
		target target.Target
		tls    bool
		err    error
		unable bool
	}{
		{name: "plain", target: plain},
		{name: "plain though it can", target: &secured{forwarder: *plain}},
		{name: "with TLS", secure: true, target: &secured{forwarder: *plain}, tls: true},
		{name: "not made for it", secure: true, target: plain, err: target.ErrNoTLS, unable: true},
		{
			name: "nothing says how", secure: true,
			target: &secured{*plain, fmt.Errorf("%w: no command", target.ErrNoTLS)}, err: target.ErrNoTLS, unable: true,
		},
		{name: "fails", secure: true, target: &secured{*plain, other}, err: other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, err := start(t.Context(), tt.secure, tt.target)
			if !errors.Is(err, tt.err) || errors.Is(err, load.ErrUnable) != tt.unable {
				t.Fatalf("got %v, want %v, ErrUnable: %v", err, tt.err, tt.unable)
			}
			if err == nil && (srv.TLS != nil) != tt.tls {
				t.Errorf("TLS %v", srv.TLS)
			}
		})
	}
}
