package server

import (
	"context"
	"errors"
	"fmt"

	"moonwire/hooks"
)

// OpenHooks opens the hooks of the options for a tool that asks them without a
// broker, in the order in which a broker would ask them; those that are off have
// no engine. The caller closes the engines, and then shuts the server down: it
// must not have been started, and cannot be any more. The error joins all that
// keeps hooks from being opened; then there are none.
func (s *Server) OpenHooks(ctx context.Context) ([]hooks.Hook, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	l := s.loader
	l.mu.Lock()
	defer l.mu.Unlock()
	l.desk = true
	list, err := hookList(s.options())
	if err != nil {
		return nil, err
	}
	specs, err := l.specsLocked(s.options(), list)
	if err != nil {
		return nil, err
	}
	l.pending = make(map[string]*openedHook)
	var opened []hooks.Hook
	var errs []error
	for _, spec := range specs {
		h := spec.Hook
		if h.Mode != hooks.Off {
			if h.Engine, err = spec.Open(ctx, nil); err != nil {
				errs = append(errs, fmt.Errorf("opening hook %q: %w", h.Name, err))
				continue
			}
		}
		opened = append(opened, h)
	}
	if len(errs) == 0 {
		return opened, nil
	}
	for _, h := range opened {
		if h.Engine != nil {
			errs = append(errs, h.Engine.Close(ctx))
		}
	}
	return nil, errors.Join(errs...)
}
