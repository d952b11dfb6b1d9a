package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	hookv1 "moonwire/plugins/api/v1"
	"moonwire/plugins/sdk"
)

// Plugin is a plugin that runs for the length of a test. Its questions are those
// of a client that is nobody in particular; see [Plugin.As].
type Plugin struct {
	Client

	t             testing.TB
	hook          hookv1.HookClient
	stream        grpc.BidiStreamingClient[hookv1.Batch, hookv1.Replies]
	version       string
	registrations []*hookv1.Registration

	mu       sync.Mutex
	last     uint64                        // the newest name of a request or client
	waiting  map[uint64]chan *hookv1.Reply // by id
	commands []Command
	ended    error // why there are no more answers
}

// Options say how a plugin starts. The zero value is a first start without
// settings.
type Options struct {
	// Config is the hook's `config`: anything that is an object in JSON. Nil is an
	// empty one.
	Config any
	// State is what the process before has handed over, as [Plugin.State] returns it.
	State []byte
	// Restarted: the process before has died.
	Restarted bool
}

// Start runs a plugin with settings until the test ends, as sdk.Main would with the
// registrations. The test fails if the plugin does not want to.
func Start(t testing.TB, plugin, config any, registrations ...sdk.Registration) *Plugin {
	t.Helper()
	p, err := Run(t, plugin, Options{Config: config}, registrations...)
	if err != nil {
		t.Fatalf("starting the plugin: %v", err)
	}
	return p
}

// Run is as [Start], with all options. The error is the plugin's if it refuses its
// settings, and the broker's if it would not load what the plugin registers.
func Run(t testing.TB, plugin any, o Options, registrations ...sdk.Registration) (*Plugin, error) {
	t.Helper()
	server, err := sdk.NewServer(plugin, registrations...)
	if err != nil {
		return nil, err
	}
	config, err := encode(o.Config)
	if err != nil {
		return nil, err
	}
	l := bufconn.Listen(1 << 20)
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(l) }) // it ends with Stop
	conn, err := grpc.NewClient("passthrough:plugin", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	p := &Plugin{t: t, hook: hookv1.NewHookClient(conn), waiting: make(map[uint64]chan *hookv1.Reply)}
	p.Client = Client{plugin: p}
	t.Cleanup(func() {
		cancel()
		server.Stop()
		_ = conn.Close()
		served.Wait()
	})

	said, err := p.hook.Configure(ctx, &hookv1.ConfigureRequest{
		Hook: "test", ServerName: "sdktest", Config: config, State: o.State, Restarted: o.Restarted,
	})
	if err != nil {
		return nil, errors.New(status.Convert(err).Message())
	}
	if why := said.GetError(); why != "" {
		return nil, errors.New(why)
	}
	p.version, p.registrations = said.GetVersion(), said.GetRegistrations()
	for i, r := range p.registrations {
		if err := check(r); err != nil {
			return nil, fmt.Errorf("registration %d at %s: the broker would not load it: %w", i, pointName(r.GetPoint()), err)
		}
	}
	if p.stream, err = p.hook.Stream(ctx); err != nil {
		return nil, errors.New(status.Convert(err).Message())
	}
	served.Go(p.read)
	return p, nil
}

// encode is a hook's settings as the broker sends them.
func encode(config any) ([]byte, error) {
	if config == nil {
		return []byte("{}"), nil
	}
	b, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if len(b) == 0 || b[0] != '{' {
		return nil, fmt.Errorf("config: %s is not an object", b)
	}
	return b, nil
}

// As returns a client that asks questions of its own.
func (p *Plugin) As(c sdk.Client) *Client { return &Client{plugin: p, is: c} }

// Version returns what the plugin says of itself.
func (p *Plugin) Version() string { return p.version }

// State returns what the plugin would hand over to the process that takes its
// place; nil if it has no such method.
func (p *Plugin) State() []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := p.hook.Handover(ctx, &hookv1.HandoverRequest{})
	switch {
	case status.Code(err) == codes.Unimplemented:
		return nil
	case err != nil:
		p.t.Errorf("State: %s", status.Convert(err).Message())
	}
	return r.GetState()
}

// Event tells the plugin of something, and reports whether it wants to know.
func (p *Plugin) Event(e sdk.Event) bool {
	p.t.Helper()
	in := &hookv1.NotifyRequest{}
	for i, r := range p.registrations {
		if !wantsEvent(r, &e) {
			continue
		}
		out := &hookv1.Event{
			Type: e.Type, TimeNs: e.Time.UnixNano(), Reason: e.Reason, Subject: []byte(e.Subject), Queue: []byte(e.Queue), Registration: uint32(i),
		}
		if e.Client != nil {
			out.Client = record(r, e.Client, 0)
		}
		in.Events = append(in.Events, out)
	}
	if len(in.Events) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := p.hook.Notify(ctx, in); err != nil {
		p.t.Errorf("Event %s: %s", e.Type, status.Convert(err).Message())
	}
	return true
}

// patience is how long a plugin has for an answer. The broker has less, but a
// machine that runs tests has other things to do.
const patience = 10 * time.Second

// read takes in what the plugin sends.
func (p *Plugin) read() {
	for {
		in, err := p.stream.Recv()
		p.mu.Lock()
		if err != nil {
			p.ended = fmt.Errorf("the plugin has ended its stream: %s", status.Convert(err).Message())
			for _, c := range p.waiting {
				close(c)
			}
			p.waiting = nil
			p.mu.Unlock()
			return
		}
		for _, c := range in.GetCommands() {
			p.commands = append(p.commands, command(c))
		}
		for _, r := range in.GetReplies() {
			if c := p.waiting[r.GetId()]; c != nil {
				delete(p.waiting, r.GetId())
				c <- r
			}
		}
		p.mu.Unlock()
	}
}

// ask sends a request of a client and returns the reply.
func (p *Plugin) ask(r *hookv1.Request, c *hookv1.Client, within time.Duration) (*hookv1.Reply, error) {
	answer := make(chan *hookv1.Reply, 1)
	if err := p.send(r, c, answer); err != nil {
		return nil, err
	}
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case reply, ok := <-answer:
		p.mu.Lock()
		defer p.mu.Unlock()
		if !ok {
			return nil, p.ended
		}
		return reply, nil
	case <-t.C:
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, r.GetId())
		return nil, fmt.Errorf("the plugin does not answer within %s", within)
	}
}

func (p *Plugin) send(r *hookv1.Request, c *hookv1.Client, answer chan *hookv1.Reply) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended != nil {
		return p.ended
	}
	p.last++
	r.Id = p.last
	frame := &hookv1.Batch{Requests: []*hookv1.Request{r}}
	if c != nil {
		c.Ref, r.Client = p.last, p.last
		frame.Clients, frame.Gone = []*hookv1.Client{c}, []uint64{p.last}
	}
	p.waiting[r.GetId()] = answer
	if err := p.stream.Send(frame); err != nil {
		delete(p.waiting, r.GetId())
		return fmt.Errorf("the plugin takes no questions: %w", err)
	}
	return nil
}
