package server

import (
	"context"
	"time"

	"moonwire/hooks"
)

// WithHooks has the server ask hooks in Go. They come before those of the
// options, in the order given.
func WithHooks(specs ...hooks.Spec) Option {
	return func(s *Server) { s.natives = append(s.natives, specs...) }
}

// newHooks returns what loads hooks and hands them to the accounts.
func (s *Server) newHooks() *hooks.Manager {
	return hooks.NewManager(hooks.ManagerOptions{
		Swap: func(set *hooks.Set) { s.accounts.SetHooks(set.Table) },
	})
}

// loadHooks opens what the hooks run, and puts them to work.
func (s *Server) loadHooks() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stopped := make(chan struct{})
	defer close(stopped)
	go func() {
		select {
		case <-s.quit:
			cancel()
		case <-stopped:
		}
	}()
	return s.hooks.Load(ctx, s.natives)
}

// closeHooks lets go of what the hooks run.
func (s *Server) closeHooks() {
	ctx, cancel := context.WithTimeout(context.Background(), hooksPatience)
	defer cancel()
	if err := s.hooks.Close(ctx); err != nil {
		s.log.Error(err.Error())
	}
}

// hooksPatience is how long a server that shuts down waits for its hooks.
const hooksPatience = 5 * time.Second
