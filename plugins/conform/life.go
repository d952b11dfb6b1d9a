package conform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"moonwire/hooks"
	"moonwire/plugins"
	hookv1 "moonwire/plugins/api/v1"
)

// eventTypes are all that there are.
var eventTypes = [...]string{
	hooks.EventConnect, hooks.EventDisconnect, hooks.EventSubscribe, hooks.EventUnsubscribe,
	hooks.EventSlowConsumer, hooks.EventAuthError, hooks.EventReload,
}

// events are one of each type that a registration wants.
func events(list []hooks.Registration, i int) (out []*hookv1.Event) {
	r := &list[i]
	for _, typ := range eventTypes {
		if !wants(r, typ) {
			continue
		}
		e := &hookv1.Event{Type: typ, TimeNs: time.Now().UnixNano(), Registration: uint32(i)}
		switch typ {
		case hooks.EventReload:
		case hooks.EventSubscribe, hooks.EventUnsubscribe:
			e.Subject, e.Queue = []byte("conform."+odd), []byte("conform")
			fallthrough
		default:
			e.Client = record(r, 1)
			e.Client.Ref = 0
		}
		out = append(out, e)
	}
	return out
}

func wants(r *hooks.Registration, typ string) bool {
	return len(r.Events) == 0 || slices.Contains(r.Events, typ)
}

// notify tells a process of events at each registration that wants them. It
// returns how many there were.
func (p *process) notify(ctx context.Context) (n int, err error) {
	for i := range p.list {
		if p.list[i].Point != hooks.AtEvent {
			continue
		}
		in := &hookv1.NotifyRequest{Events: events(p.list, i)}
		ctx, cancel := context.WithTimeout(ctx, p.subject.o.Timeout)
		_, err := p.Hook().Notify(ctx, in)
		cancel()
		if err != nil {
			return n, fmt.Errorf("registration %d: Notify: %s", i, describe(err))
		}
		n += len(in.Events)
	}
	return n, nil
}

// describe is an error of gRPC in one line.
func describe(err error) string {
	s := status.Convert(err)
	return fmt.Sprintf("%s: %s", s.Code(), s.Message())
}

// checkEvents: it takes what has happened.
func checkEvents(ctx context.Context, s *subject) (string, error) {
	p, err := s.launch(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = p.end() }()
	n, err := p.notify(ctx)
	if err == nil && n == 0 {
		return "", skip("the plugin wants no events")
	}
	return fmt.Sprintf("%d events", n), err
}

// mostState is how many bytes a state may have.
const mostState = 64 << 20

// checkState: what one process hands over, the next one takes.
func checkState(ctx context.Context, s *subject) (string, error) {
	first, err := s.launch(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = first.end() }()
	// Something should have happened that there is to remember.
	if err := first.busy(ctx); err != nil {
		return "", err
	}
	state, err := first.handover(ctx)
	if err != nil {
		return "", err
	}
	second, err := s.launch(ctx, state)
	if err != nil {
		return "", fmt.Errorf("the next process does not take the state of %d bytes: %w", len(state), err)
	}
	defer func() { _ = second.end() }()
	if !alike(first.said, second.said) {
		return "", errors.New("the next process registers something else when it has the state")
	}
	if err := s.kept(ctx, second, state); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes", len(state)), second.busy(ctx)
}

// kept compares what a process hands over that got a state, and was asked nothing, with
// what one does that got none. It may well be another than what it got; but if it is the
// latter, though the process before had something else, then it has taken in nothing.
func (s *subject) kept(ctx context.Context, p *process, state []byte) error {
	now, err := p.handover(ctx)
	if _, none := errors.AsType[*skipped](err); err != nil && !none {
		return fmt.Errorf("the process that got the state: %w", err)
	}
	if bytes.Equal(now, state) {
		return nil
	}
	fresh, err := s.launch(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = fresh.end() }()
	none, err := fresh.handover(ctx)
	if _, skips := errors.AsType[*skipped](err); err != nil && !skips {
		return err
	}
	if bytes.Equal(now, none) && !bytes.Equal(state, none) {
		return fmt.Errorf("the process that got a state of %d bytes hands over what one hands over that got none: take over what Configure brings in state", len(state))
	}
	return nil
}

// busy asks all that there is to ask, and tells what there is to tell.
func (p *process) busy(ctx context.Context) error {
	t, err := p.talk(ctx)
	if err != nil {
		return err
	}
	defer t.hangUp()
	if err := t.well(ctx); err != nil {
		return err
	}
	_, err = p.notify(ctx)
	return err
}

// handover returns the state of a process. Having none is a *skipped.
func (p *process) handover(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.subject.o.StartTimeout)
	defer cancel()
	r, err := p.Hook().Handover(ctx, &hookv1.HandoverRequest{}, grpc.MaxCallRecvMsgSize(mostState+1<<10))
	switch {
	case status.Code(err) == codes.Unimplemented, err == nil && len(r.GetState()) == 0:
		return nil, skip("the plugin has no state")
	case err != nil:
		return nil, fmt.Errorf("asked for its state by Handover: %s", describe(err))
	}
	return r.GetState(), nil
}

// alike reports whether two processes want the same.
func alike(a, b *hookv1.ConfigureResponse) bool {
	return proto.Equal(
		&hookv1.ConfigureResponse{Registrations: a.GetRegistrations()},
		&hookv1.ConfigureResponse{Registrations: b.GetRegistrations()},
	)
}

// checkRestart: after its process was killed another one takes its place, and does
// the same.
func checkRestart(ctx context.Context, s *subject) (_ string, err error) {
	p, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	defer closing(p, &err)
	process, err := os.FindProcess(p.PID())
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		return "", fmt.Errorf("killing process %d: %w", p.PID(), err)
	}
	start := time.Now()
	if err := s.awaitNext(ctx, p); err != nil {
		return "", err
	}
	back := time.Since(start)
	list := p.Registrations()
	for _, i := range questions(list) {
		c := call(&list[i], 1, "conform")
		_, err := s.decide(ctx, p, i, c)
		c.Done()
		if err != nil {
			return "", fmt.Errorf("after the restart: %w", err)
		}
	}
	return fmt.Sprintf("back after %v", back.Round(time.Millisecond)), nil
}

// awaitNext waits until another process has taken the place of one that was killed.
// Who asks meanwhile waits as well, and learns why there is none.
func (s *subject) awaitNext(ctx context.Context, p *plugins.Plugin) error {
	late := time.NewTimer(s.o.StartTimeout)
	defer late.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	list := p.Registrations()
	for p.Restarts() == 0 || !p.Up() {
		if place := busiest(list); place >= 0 {
			c := call(&list[place], 1, "conform")
			err := batch(ctx, p, place, []*hooks.Call{c}, s.o.Timeout)
			c.Done()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("its process was killed, and the next does not take its place: %w", err)
			}
		}
		select {
		case <-tick.C:
		case <-late.C:
			return fmt.Errorf("its process was killed, and no other takes its place within %v", s.o.StartTimeout)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
