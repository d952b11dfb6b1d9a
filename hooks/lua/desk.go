package lua

import (
	"context"
	"fmt"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
)

// Measure is Do for one call, and returns the instructions and bytes that the
// call was charged. It is for tools.
func (s *Script) Measure(ctx context.Context, registration int, c *hooks.Call) (sandbox.Budget, error) {
	h, pool, err := s.at(registration)
	if err != nil {
		return sandbox.Budget{}, err
	}
	if h.Point == hooks.AtEvent {
		return sandbox.Budget{}, fmt.Errorf("%s: registration %d is for events", s.options.File, registration)
	}
	vm, err := pool.Get(ctx, c.Client.ID)
	if err != nil {
		return sandbox.Budget{}, failure(err)
	}
	defer pool.Put(vm)
	ctx, cancel := s.living(ctx)
	defer cancel()
	m := machineOf(vm)
	used := tally{usage: m.usage}
	used.add(m.ask(ctx, h, s.options.budget(h.Point), c))
	used.count()
	return vm.Used(), c.Err
}

// Tell is Notify for one event that returns what goes wrong, besides logging it.
// It is for tests of scripts.
func (s *Script) Tell(registration int, e hooks.Event) error {
	h, _, err := s.at(registration)
	if err != nil {
		return err
	}
	return s.told(h, &e)
}

// Undefined returns where the script and its modules read globals that nobody
// defines, such as a function whose name is misspelt: its calls fail there. It is
// for tools.
func (s *Script) Undefined(ctx context.Context) ([]sandbox.Use, error) {
	pool := s.fast
	if pool == nil {
		pool = s.blocking
	}
	vm, err := pool.Get(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer pool.Put(vm)
	return vm.Undefined(), nil
}
