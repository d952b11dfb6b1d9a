package plugins

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"moonwire/hooks"
	hookv1 "moonwire/plugins/api/v1"
)

// Bare is one process of a plugin, started and stopped as a [Plugin] does it, and
// with nothing in front of it: nobody watches it, starts another in its place or
// asks it anything. It is for those who hold a plugin to the protocol, as package
// conform does. Make it with [Start].
type Bare struct {
	o       Options // immutable
	process *process
}

// Start starts a process, and returns when it can be called. The error says what
// the program did instead. Whoever gets a process has to call [Bare.Stop].
func Start(ctx context.Context, o Options) (*Bare, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Attach != "" {
		return nil, errors.New("attach: a process of its own is wanted here: leave it out, and name the program")
	}
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	p, err := start(ctx, &o)
	if err != nil {
		return nil, err
	}
	return &Bare{o, p}, nil
}

// Configure gives the process its settings, and the state of one that it follows,
// if there is any. It returns what the plugin wants to be asked: as it said it, and
// as the chain takes it.
func (b *Bare) Configure(ctx context.Context, state []byte) (*hookv1.ConfigureResponse, []hooks.Registration, error) {
	ctx, cancel := context.WithTimeout(ctx, b.o.StartTimeout)
	defer cancel()
	said, err := b.process.configure(ctx, &b.o, state, false)
	if err != nil {
		return nil, nil, err
	}
	list, err := registrations(said.GetRegistrations())
	return said, list, err
}

// Hook is the plugin's end of the protocol.
func (b *Bare) Hook() hookv1.HookClient { return b.process.hook }

// Well returns why the process does not serve, or nil.
func (b *Bare) Well(ctx context.Context) error { return b.process.well(ctx) }

// Spoke reports whether the process has written to its standard output more than
// its handshake.
func (b *Bare) Spoke() bool { return b.process.spoke.Load() }

// Stop asks the process to end, and kills it when it has not within a second, or
// when ctx ends. The error says how it ended, if that was not by itself and with
// status 0. Calls after the first return the same.
func (b *Bare) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	b.process.stop(ctx)
	<-b.process.program.ended
	err := b.process.program.err
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() < 0 {
		return fmt.Errorf("it does not end within %v of Shutdown: %w", grace, err)
	}
	return err
}
