package sdk

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"moonwire/plugins/api"
	hookv1 "moonwire/plugins/api/v1"
)

// service is a plugin as gRPC serves it.
type service struct {
	hookv1.UnimplementedHookServer
	plugin        any
	registrations []Registration
	broker        *Broker
	called        func() // by a broker, at Configure; may be nil
}

// newService returns the service of a plugin. The error says which registration has
// no method, or that there is no method at all.
func newService(plugin any, registrations ...Registration) (*service, error) {
	if err := misshapen(plugin); err != nil {
		return nil, err
	}
	s := &service{plugin: plugin, registrations: slices.Clone(registrations), broker: newBroker()}
	named := make(map[Point]bool)
	for i, r := range registrations {
		if r.Point < AtConnect || r.Point > AtEvent {
			return nil, fmt.Errorf("registration %d: %d is no point", i, r.Point)
		}
		if !s.has(r.Point) {
			return nil, fmt.Errorf("registration %d: %T has no method %s", i, plugin, methods[r.Point])
		}
		named[r.Point] = true
	}
	for p := AtConnect; p <= AtEvent; p++ {
		if s.has(p) && !named[p] {
			s.registrations = append(s.registrations, Registration{Point: p})
		}
	}
	if len(s.registrations) == 0 {
		return nil, fmt.Errorf("%T has none of the methods %s", plugin, strings.Join(methods[1:], ", "))
	}
	return s, nil
}

// showsHeaders reports whether messages come with all their headers by a registration.
func (s *service) showsHeaders(registration uint64) bool {
	if registration >= uint64(len(s.registrations)) {
		return false
	}
	r := &s.registrations[registration]
	return len(r.Headers) == 0 && (len(r.Fields)+len(r.Tags) == 0 || slices.Contains(r.Fields, Headers))
}

var methods = [...]string{"", "Connect", "Rewrite", "Publish", "Subscribe", "Inspect", "Event"}

// has reports whether the plugin has the method of a point.
func (s *service) has(p Point) (ok bool) {
	switch p {
	case AtConnect:
		_, ok = s.plugin.(Connecter)
	case AtRewrite:
		_, ok = s.plugin.(Rewriter)
	case AtPublish:
		_, ok = s.plugin.(Publisher)
	case AtSubscribe:
		_, ok = s.plugin.(Subscriber)
	case AtInspect:
		_, ok = s.plugin.(Inspector)
	case AtEvent:
		_, ok = s.plugin.(Notified)
	}
	return ok
}

// Configure implements the protocol.
func (s *service) Configure(ctx context.Context, in *hookv1.ConfigureRequest) (*hookv1.ConfigureResponse, error) {
	if s.called != nil {
		s.called()
	}
	out := &hookv1.ConfigureResponse{}
	err := guard(func() error {
		if v, ok := s.plugin.(Versioned); ok {
			out.Version = api.Valid(v.Version())
		}
		c, ok := s.plugin.(Configurer)
		if !ok {
			return nil
		}
		err := c.Configure(ctx, &Config{
			Hook: in.GetHook(), ServerName: in.GetServerName(), ServerVersion: in.GetServerVersion(),
			JSON: in.GetConfig(), State: in.GetState(), Restarted: in.GetRestarted(), Broker: s.broker,
		})
		if err != nil {
			out.Error = reason(err)
		}
		return nil
	})
	if err != nil {
		out.Error = reason(err)
	}
	if out.Error != "" {
		return out, nil
	}
	for _, r := range s.registrations {
		out.Registrations = append(out.Registrations, r.proto())
	}
	return out, nil
}

func (r *Registration) proto() *hookv1.Registration {
	out := &hookv1.Registration{
		Point: hookv1.Point(r.Point), Accounts: r.Accounts, Fields: numbers(r.Fields), Tags: r.Tags, Headers: r.Headers,
		MaxPayload: uint32(min(max(r.MaxPayload, 0), math.MaxUint32)), Events: r.Events,
	}
	if r.Point == AtConnect && len(r.Fields) == 0 {
		for f := User; f <= Secrets; f++ {
			out.Fields = append(out.Fields, hookv1.Field(f))
		}
	}
	for _, p := range r.Subjects {
		out.Subjects = append(out.Subjects, []byte(p))
	}
	if c := r.Cache; c != nil {
		out.Cache = &hookv1.CachePolicy{
			By: numbers(c.By), Tags: c.Tags, Headers: c.Headers,
			TtlMs: milliseconds(c.TTL), NegativeTtlMs: milliseconds(c.NegativeTTL),
		}
	}
	return out
}

// milliseconds is a time as the protocol has it: what is more than nothing stays so.
func milliseconds(d time.Duration) uint32 {
	ms := (max(d, 0) + time.Millisecond - 1) / time.Millisecond
	return uint32(min(ms, math.MaxUint32))
}

func numbers(list []Field) (out []hookv1.Field) {
	for _, f := range list {
		out = append(out, hookv1.Field(f))
	}
	return out
}

// Handover implements the protocol.
func (s *service) Handover(ctx context.Context, _ *hookv1.HandoverRequest) (*hookv1.HandoverResponse, error) {
	p, ok := s.plugin.(Stateful)
	if !ok {
		return nil, status.Error(codes.Unimplemented, "the plugin has no state")
	}
	var state []byte
	err := guard(func() (err error) { state, err = p.State(ctx); return err })
	return &hookv1.HandoverResponse{State: state}, err
}

// Notify implements the protocol.
func (s *service) Notify(ctx context.Context, in *hookv1.NotifyRequest) (*hookv1.NotifyResponse, error) {
	p, ok := s.plugin.(Notified)
	if !ok {
		return nil, status.Error(codes.Unimplemented, "the plugin takes no events")
	}
	for _, e := range in.GetEvents() {
		event := &Event{
			Type: e.GetType(), Time: time.Unix(0, e.GetTimeNs()), Reason: e.GetReason(),
			Subject: string(e.GetSubject()), Queue: string(e.GetQueue()),
		}
		if e.GetClient() != nil {
			event.Client = client(e.GetClient())
		}
		if err := guard(func() error { p.Event(ctx, event); return nil }); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return &hookv1.NotifyResponse{}, nil
}

func client(c *hookv1.Client) *Client {
	return &Client{
		ID: c.GetId(), User: c.GetUser(), Account: c.GetAccount(), Name: c.GetName(), Host: c.GetHost(),
		Kind: c.GetKind(), Lang: c.GetLang(), Version: c.GetVersion(), Tags: c.GetTags(),
	}
}

// guard makes an error of a panic.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", r, debug.Stack())
			err = fmt.Errorf("the plugin panicked: %v", r)
		}
	}()
	return f()
}
