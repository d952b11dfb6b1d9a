package conform

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"moonwire/hooks"
	"moonwire/plugins"
)

// checkStart: the program prints its handshake, and can be called.
func checkStart(ctx context.Context, s *subject) (string, error) {
	b, err := s.start(ctx, nil)
	if err != nil {
		return "", err
	}
	_ = s.end(b) // which is another check
	if s.o.TLS == Without {
		return "without TLS", nil
	}
	return "with mutual TLS", nil
}

// checkConfigure: it takes its configuration, and wants what can be had.
func checkConfigure(ctx context.Context, s *subject) (string, error) {
	p, err := s.launch(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = p.end() }()
	set, err := hooks.Compile([]hooks.Hook{{Name: "conform", Engine: idle(p.list)}}, hooks.Options{})
	if err != nil {
		return "", err
	}
	if err := set.Close(ctx); err != nil {
		return "", err
	}
	var points []string
	for i := range p.list {
		if name := p.list[i].Point.String(); !slices.Contains(points, name) {
			points = append(points, name)
		}
	}
	return fmt.Sprintf("version %q, %s", p.said.GetVersion(), strings.Join(points, ", ")), nil
}

// idle is an engine of registrations that is asked nothing.
type idle []hooks.Registration

// Registrations implements [hooks.Engine].
func (e idle) Registrations() []hooks.Registration { return e }

// Do implements [hooks.Engine].
func (idle) Do(context.Context, int, []*hooks.Call) error { return errors.New("nothing is asked here") }

// Notify implements [hooks.Engine].
func (idle) Notify(int, []hooks.Event) {}

// Close implements [hooks.Engine].
func (idle) Close(context.Context) error { return nil }

// checkHealth: it says that it serves.
func checkHealth(ctx context.Context, s *subject) (string, error) {
	p, err := s.launch(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = p.end() }()
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	return "", p.Well(ctx)
}

// checkWithoutTLS: it serves without TLS where the broker does not ask for it.
func checkWithoutTLS(ctx context.Context, s *subject) (string, error) {
	switch s.o.TLS {
	case With:
		return "", skip("only mutual TLS is looked at")
	case Without:
		return "", skip("it is how all checks start the plugin")
	}
	b, err := s.start(ctx, func(o *plugins.Options) { o.NoMTLS = true })
	if err != nil {
		return "", err
	}
	defer func() { _ = s.end(b) }()
	_, _, err = b.Configure(ctx, nil)
	return "", err
}

// endings is how many processes may be ended until one ends in time: the machine
// may be busy with something else.
const endings = 8

// checkShutdown: it ends by itself when it is asked to.
func checkShutdown(ctx context.Context, s *subject) (_ string, err error) {
	for range endings {
		if err = s.shutDown(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	return "", err
}

// shutDown has a process work for a moment, and end.
func (s *subject) shutDown(ctx context.Context) error {
	p, err := s.launch(ctx, nil)
	if err != nil {
		return err
	}
	if err := p.busy(ctx); err != nil {
		_ = p.end()
		return err
	}
	if err := p.end(); err != nil {
		return fmt.Errorf("%w: end the process when plugin.GRPCController is called, and whatever it waits for", err)
	}
	return nil
}

// checkOutput: none of its processes wrote more than the handshake.
func checkOutput(_ context.Context, s *subject) (string, error) {
	if s.spoke {
		return "", errors.New("the plugin writes to its standard output, which belongs to the handshake: write to the standard error")
	}
	return "", nil
}

// markKey is the variable of the environment by which processes that a plugin has
// started are known.
const markKey = "MOONWIRE_CONFORM"

func newMark() string { return rand.Text() }
