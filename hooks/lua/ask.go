package lua

import (
	"context"
	"errors"
	"fmt"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

var errClosed = errors.New("the script is closed")

// Do asks the function of a registration about calls, in one virtual machine.
// Each call has a budget of its own, and what one does wrong is no harm to the
// others.
func (s *Script) Do(ctx context.Context, registration int, calls []*hooks.Call) error {
	h, pool, err := s.at(registration)
	if err != nil {
		return err
	}
	if waits(h.Point) {
		var cancel context.CancelFunc
		ctx, cancel = s.living(ctx)
		defer cancel()
	}
	return s.batch(ctx, pool, h, calls)
}

// at returns a registration, and where its virtual machines are.
func (s *Script) at(registration int) (*handler, *sandbox.Pool, error) {
	if registration < 0 || registration >= len(s.handlers) {
		return nil, nil, fmt.Errorf("%s has no registration %d", s.options.File, registration)
	}
	h := &s.handlers[registration]
	if waits(h.Point) {
		return h, s.blocking, nil
	}
	return h, s.fast, nil
}

// living returns a context that ends with the script too.
func (s *Script) living(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// patience is after how many instructions of a batch its context is looked at,
// which costs more than a short call. A call counts for some of them by itself.
const (
	patience    = 1024
	callsItself = 64
)

func (s *Script) batch(ctx context.Context, pool *sandbox.Pool, h *handler, calls []*hooks.Call) error {
	if len(calls) == 0 {
		return nil
	}
	near := calls[0].Client.ID // all are of one connection
	vm, err := pool.Get(ctx, near)
	if err != nil {
		return failure(err)
	}
	used := tally{usage: machineOf(vm).usage}
	defer func() {
		used.count()
		if vm != nil {
			pool.Put(vm)
		}
	}()
	b, left := s.options.budget(h.Point), int64(patience)
	for i, c := range calls {
		if left <= 0 {
			left = patience
			err = ctx.Err()
		}
		if err == nil && vm.Broken() {
			pool.Put(vm)
			vm, err = pool.Get(ctx, near)
		}
		if err != nil {
			abandon(calls[i:], err, i > 0)
			return nil
		}
		n := machineOf(vm).ask(ctx, h, b, c)
		used.add(n)
		left -= callsItself + n
	}
	return nil
}

// abandon gives up calls that nobody was asked about: for now, if all that they
// lack is time, and some were asked.
func abandon(calls []*hooks.Call, err error, some bool) {
	err = failure(fmt.Errorf("the batch was not finished: %w", err))
	if some && errors.Is(err, context.DeadlineExceeded) {
		err = hooks.ErrUnasked
	}
	for _, c := range calls {
		c.Err = err
	}
}

// ask asks about one call, and returns the instructions that it took.
func (m *machine) ask(ctx context.Context, h *handler, b sandbox.Budget, c *hooks.Call) int64 {
	m.call = c
	defer m.leave() // whatever happens: c is somebody else's afterwards
	v, err := m.run(ctx, h, b)
	if m.headersBad {
		c.Out = hooks.Result{Verdict: hooks.Deny, Reason: hooks.MalformedHeader}
		return m.vm.Used().Instructions
	}
	if err == nil {
		err = m.answer(h, c, v)
	}
	if m.vm.Chance() {
		m.Outside()
	}
	if err != nil {
		c.Out, c.Err = hooks.Result{}, failure(err)
	}
	return m.vm.Used().Instructions
}

// run calls the function of h.
func (m *machine) run(ctx context.Context, h *handler, b sandbox.Budget) (sandbox.Value, error) {
	arg := m.enter(ctx, h)
	if len(m.functions) != len(m.s.handlers) {
		return sandbox.Value{}, fmt.Errorf("%s: %w", m.s.options.File, errDrift)
	}
	return m.vm.Call(m.functions[h.index], b, arg)
}

// failure says which kind of failure an error is, unless it does so itself.
func failure(err error) error {
	if e, ok := errors.AsType[*hooks.Error](err); ok {
		return e
	}
	kind := hooks.KindRuntime
	switch {
	case errors.Is(err, sandbox.ErrInstructions):
		kind = hooks.KindBudget
	case errors.Is(err, sandbox.ErrMemory):
		kind = hooks.KindMemory
	case errors.Is(err, sandbox.ErrDeadline), errors.Is(err, context.DeadlineExceeded):
		kind = hooks.KindTimeout
	case errors.Is(err, sandbox.ErrClosed):
		err = errClosed
	default:
		if _, ok := errors.AsType[*badAnswer](err); ok {
			kind = hooks.KindBadReply
		}
	}
	return &hooks.Error{Kind: kind, Err: err}
}

// Traceback returns the Lua functions that were at work when a call failed, a
// line for each, for the log; "" if err does not say.
func Traceback(err error) string {
	if e, ok := errors.AsType[*sandbox.Error](err); ok {
		return e.Traceback
	}
	return ""
}

// Notify tells the function of a registration of events, one after another. What
// goes wrong is logged.
func (s *Script) Notify(registration int, events []hooks.Event) {
	h, _, err := s.at(registration)
	if err != nil {
		return // it is none of ours
	}
	for i := range events {
		_ = s.told(h, &events[i]) // it is in the log
	}
}

// told is tell, and logs what goes wrong.
func (s *Script) told(h *handler, e *hooks.Event) error {
	err := s.tell(h, e)
	if err != nil {
		s.log(&s.failures, library.Error, "the function for an event failed", []any{
			"event", e.Type, "error", err.Error(), "traceback", Traceback(err),
		})
	}
	return err
}

func (s *Script) tell(h *handler, e *hooks.Event) error {
	ctx, cancel := context.WithTimeout(s.life, s.options.Timeout[h.Point])
	defer cancel()
	vm, err := s.blocking.Get(ctx, 0)
	if err != nil {
		return failure(err)
	}
	defer s.blocking.Put(vm) // after leave
	m := machineOf(vm)
	m.event = e
	defer m.leave()
	v, err := m.run(ctx, h, s.options.budget(h.Point))
	if err == nil && !v.IsNil() {
		err = wrongAnswer(h, v)
	}
	if err != nil {
		return failure(err)
	}
	return nil
}
