package plugins

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"moonwire/hooks"
	"moonwire/plugins/api"
	hookv1 "moonwire/plugins/api/v1"
)

// Plugin is a hook that runs in a process of its own. It is a hooks.Engine. Make
// it with [Open].
type Plugin struct {
	o             Options // immutable
	registrations []hooks.Registration
	wanted        *hookv1.ConfigureResponse // what the first process said
	encoders      []encoder
	masks         []mask
	eventMasks    []mask // by registration
	sum           string

	now      atomic.Pointer[running] // never nil; with no link between two processes
	life     context.Context         // ends with Close
	end      context.CancelFunc
	ended    chan struct{}  // closed when the supervisor has ended
	restarts *atomic.Uint64 // of all plugins that followed each other
	batches  sync.Pool
	orders   sync.WaitGroup // those that run commands
}

// running is the process at work. Immutable.
type running struct {
	process *process
	link    *link         // nil: there is none
	why     error         // if there is none
	resting bool          // if there is none: the next is not being started yet
	next    chan struct{} // closed when another takes its place
}

// Open starts a plugin, or attaches to one, and returns when it can be asked. Old is
// the engine that it is to replace, whose state the new process gets if it is a
// Plugin as well; nil if there is none. The error says what the program did instead.
func Open(ctx context.Context, o Options, old hooks.Engine) (*Plugin, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	sum, _ := o.sum() // "" if it cannot be read, or is attached to
	p := &Plugin{o: o, sum: sum, ended: make(chan struct{}), restarts: new(atomic.Uint64)}
	if old, ok := old.(*Plugin); ok {
		p.restarts = old.restarts
	}
	p.life, p.end = context.WithCancel(context.Background())
	state, died, err := handover(ctx, old)
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	var r *running
	if err == nil {
		r, err = p.launch(ctx, state, died)
	}
	if err != nil {
		p.end()
		return nil, err
	}
	p.now.Store(r)
	if o.Attach != "" {
		o.Log.Warn("the plugin is attached to, and not started: nothing pins, limits or replaces its process", zap.String("socket", o.Attach))
	}
	go p.supervise()
	return p, nil
}

// handover asks the process that is to be replaced for its state. Died: there is
// nobody to ask any more, and so no state.
func handover(ctx context.Context, old hooks.Engine) (state []byte, died bool, err error) {
	p, ok := old.(*Plugin)
	if !ok {
		return nil, false, nil
	}
	r := p.now.Load()
	if r.link == nil {
		return nil, true, nil
	}
	// By then one that stands still has been found out, and given up.
	ctx, cancel := context.WithTimeout(ctx, 2*p.o.HealthEvery+suspicion)
	defer cancel()
	answer, err := r.process.hook.Handover(ctx, &hookv1.HandoverRequest{}, grpc.MaxCallRecvMsgSize(mostState+1<<10))
	const lost = "the running plugin does not hand over its state, which would be lost (to do without it, remove the hook and load it again)"
	switch s := status.Convert(err); s.Code() {
	case codes.OK:
		return answer.GetState(), false, nil
	case codes.Unimplemented:
		return nil, false, nil
	case codes.ResourceExhausted:
		return nil, false, fmt.Errorf("%s: it has more than %d bytes", lost, mostState)
	case codes.DeadlineExceeded:
		return nil, false, fmt.Errorf("%s: it does not answer in time", lost)
	case codes.Unavailable, codes.Canceled:
		if r.link.diesWithin(pipeDelay) { // else the plugin says it of itself
			return nil, true, nil
		}
		fallthrough
	default:
		return nil, false, fmt.Errorf("%s: %s", lost, brief(s.Message()))
	}
}

// mostState is how many bytes a state may have.
const mostState = 64 << 20

// launch starts a process or attaches to one, configures it and opens its stream.
func (p *Plugin) launch(ctx context.Context, state []byte, restarted bool) (_ *running, err error) {
	begin := start
	if p.o.Attach != "" {
		begin = attach
	}
	proc, err := begin(ctx, &p.o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			proc.stop(expired())
		}
	}()
	said, err := proc.configure(ctx, &p.o, state, restarted)
	if err != nil {
		return nil, err
	}
	if err := p.adopt(said); err != nil {
		return nil, err
	}
	l, err := newLink(p, proc.conn)
	if err != nil {
		return nil, err
	}
	return &running{process: proc, link: l, next: make(chan struct{})}, nil
}

// adopt takes what the first process wants to be asked. Those that follow have to
// want the same, as the chains are made of it.
func (p *Plugin) adopt(said *hookv1.ConfigureResponse) error {
	if p.wanted != nil {
		a := &hookv1.ConfigureResponse{Registrations: said.GetRegistrations()}
		b := &hookv1.ConfigureResponse{Registrations: p.wanted.GetRegistrations()}
		if !proto.Equal(a, b) {
			return errors.New("the restarted plugin registers something else than before: reload the hook")
		}
		return nil
	}
	list, err := registrations(said.GetRegistrations())
	if err != nil {
		return err
	}
	p.registrations, p.wanted = list, said
	for i, r := range list {
		m := newMask(r.Fields)
		e := encoder{
			registration: i, point: r.Point, number: numbers[r.Point], fields: r.Fields.Set, headers: r.Fields.Headers, mask: -1,
		}
		p.eventMasks = append(p.eventMasks, m)
		for j := range p.masks {
			if p.masks[j].equal(m) {
				e.mask = j
			}
		}
		if e.mask < 0 && !m.empty() {
			e.mask = len(p.masks)
			p.masks = append(p.masks, m)
		}
		p.encoders = append(p.encoders, e)
	}
	return nil
}

// Registrations implements [hooks.Engine].
func (p *Plugin) Registrations() []hooks.Registration { return p.registrations }

// Version implements [hooks.Versioned].
func (p *Plugin) Version() (version, sha256 string) { return brief(p.wanted.GetVersion()), p.sum }

// Files returns the files besides the program whose changes ask for a new process.
func (p *Plugin) Files() []string { return p.o.Watch }

// Up reports whether a process is at work.
func (p *Plugin) Up() bool {
	r := p.now.Load()
	return r.link != nil && r.link.why() == nil
}

// PID returns the id of the process at work, or 0 if there is none, or somebody else
// has started it.
func (p *Plugin) PID() int {
	if r := p.now.Load(); r.process != nil {
		return r.process.pid()
	}
	return 0
}

// Restarts returns how many processes were started in the place of one that ended,
// of this plugin and those that it has replaced.
func (p *Plugin) Restarts() uint64 { return p.restarts.Load() }

// mostAsked is of how many processes a call is asked that die while they have it:
// it may be what kills them.
const mostAsked = 2

// Do implements [hooks.Engine]. While one process takes the place of another calls
// wait for it, as far as their time goes, and are asked again.
func (p *Plugin) Do(ctx context.Context, registration int, calls []*hooks.Call) error {
	e := &p.encoders[registration]
	if calls = e.showable(calls); len(calls) == 0 {
		return nil
	}
	for asked := 0; ; {
		r := p.now.Load()
		why := r.why
		if r.link != nil {
			var sent bool
			if sent, why = r.link.ask(ctx, e, calls); why == nil {
				return nil
			}
			if sent {
				asked++
				calls = unanswered(calls, why)
			}
		}
		if asked == mostAsked || r.resting && e.point != hooks.AtConnect || !p.await(ctx, r) {
			if errors.Is(ctx.Err(), context.Canceled) {
				why = ctx.Err()
			}
			for _, c := range calls {
				c.Err = why
			}
			return nil // as some may be answered
		}
		for _, c := range calls {
			c.Err = nil
		}
	}
}

// unanswered returns the calls that have no answer because of an error.
func unanswered(calls []*hooks.Call, why error) []*hooks.Call {
	rest := make([]*hooks.Call, 0, len(calls))
	for _, c := range calls {
		if c.Err == why { // itself, not one like it
			rest = append(rest, c)
		}
	}
	return rest
}

// await waits until something else takes the place of r, and reports false if the
// caller's time, or the plugin's, ends before.
func (p *Plugin) await(ctx context.Context, r *running) bool {
	select {
	case <-r.next:
		return true
	case <-ctx.Done():
	case <-p.life.Done():
	}
	return false
}

// notifyTimeout is how long a plugin may take for some events.
const notifyTimeout = 5 * time.Second

// Notify implements [hooks.Engine]. It waits for the next process if there is
// none, which fills the queue of events: they are dropped there, and counted.
func (p *Plugin) Notify(registration int, events []hooks.Event) {
	m := p.eventMasks[registration]
	in := &hookv1.NotifyRequest{Events: make([]*hookv1.Event, len(events))}
	for i, e := range events {
		in.Events[i] = &hookv1.Event{
			Type: api.Valid(e.Type), TimeNs: e.Time.UnixNano(), Reason: api.Valid(e.Reason), Registration: uint32(registration),
			Subject: []byte(e.Subject), Queue: []byte(e.Queue),
		}
		if e.Client != nil {
			in.Events[i].Client = m.record(e.Client, 0)
		}
	}
	ctx, cancel := context.WithTimeout(p.life, notifyTimeout)
	defer cancel()
	why := ""
	for {
		r := p.now.Load()
		if r.link != nil {
			_, err := r.process.hook.Notify(ctx, in)
			if err == nil {
				return
			}
			why = brief(status.Convert(err).Message())
			if r.link.why() == nil {
				break // it is there, and does not want them
			}
		}
		if !p.await(ctx, r) {
			break
		}
	}
	if p.life.Err() == nil {
		p.o.Log.Warn("the plugin did not take events", zap.Int("events", len(events)), zap.String("why", cmp.Or(why, "it is not running")))
	}
}

// Close implements [hooks.Engine].
func (p *Plugin) Close(ctx context.Context) error {
	p.end()
	select {
	case <-p.ended:
	case <-ctx.Done():
		return fmt.Errorf("the plugin is still being stopped: %w", ctx.Err())
	}
	return nil
}
