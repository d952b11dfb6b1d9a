package sdktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/plugins/sdk"
)

// policy says what its fields say.
type policy struct {
	mu     sync.Mutex
	broker *sdk.Broker
	state  string
	events []string
}

func (p *policy) Version() string { return "v1" }

func (p *policy) Configure(_ context.Context, c *sdk.Config) error {
	if strings.Contains(string(c.JSON), "refuse") {
		return errors.New("no limit in config")
	}
	p.broker, p.state = c.Broker, string(c.State)
	return nil
}

func (p *policy) State(context.Context) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []byte(p.state + strings.Join(p.events, " ")), nil
}

func (p *policy) Connect(_ context.Context, c *sdk.Connect) sdk.Decision {
	if c.Password != "secret" {
		return sdk.Deny("wrong password")
	}
	return sdk.AllowAs(sdk.Identity{
		User: c.User, Account: "A", Expires: time.Unix(100, 0), MaxPayload: 10, Tags: map[string]string{"host": c.Client.Host},
		Permissions: &sdk.Permissions{Publish: sdk.Rules{Allow: []string{"a.>"}}, Responses: &sdk.Responses{Max: 1, Expires: time.Second}},
	})
}

func (p *policy) Publish(ctx context.Context, m *sdk.Message) sdk.Decision {
	switch m.Subject {
	case "kick":
		p.broker.Disconnect(sdk.Selector{User: "eve", ID: 7, Tags: map[string]string{"a": "b"}}, "revoked")
		p.broker.SetPermissions(sdk.Selector{Account: "A"}, &sdk.Permissions{Subscribe: sdk.Rules{Deny: []string{"x"}}})
		p.broker.Invalidate()
	case "slow":
		<-ctx.Done()
		return sdk.Fail(ctx.Err())
	case "panic":
		panic("by order")
	case "drop":
		return sdk.Drop("not here")
	case "keep":
		return sdk.Allow().For(2 * time.Second)
	case "forget":
		return sdk.Allow().For(0)
	}
	if m.Get("Token") != "1" || m.Payload != nil {
		return sdk.Deny(fmt.Sprintf("token %q, payload %q", m.Get("Token"), m.Payload))
	}
	return sdk.Allow()
}

func (p *policy) Subscribe(_ context.Context, s *sdk.Subscription) sdk.Decision {
	if s.Queue == "q" {
		return sdk.Deny(s.Subject)
	}
	return sdk.Pass()
}

func (p *policy) Rewrite(_ context.Context, m *sdk.Message) sdk.Decision {
	if m.OriginalSubject == "same" {
		return sdk.Pass()
	}
	return sdk.To("t." + m.Client.Account + "." + m.Subject)
}

func (p *policy) Inspect(_ context.Context, m *sdk.Message) sdk.Decision {
	switch {
	case m.Subject == "to":
		return sdk.To("elsewhere")
	case len(m.Payload) == 0:
		return sdk.Drop("empty")
	}
	m.SetPayload([]byte(strings.ToUpper(string(m.Payload))))
	if err := m.SetHeader("Size", fmt.Sprint(m.Size)); err != nil {
		return sdk.Fail(err)
	}
	return sdk.Pass()
}

func (p *policy) Event(_ context.Context, e *sdk.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e.Type+":"+e.Client.User)
}

func TestPoints(t *testing.T) {
	t.Parallel()
	p := Start(t, &policy{}, nil, sdk.Registration{Point: sdk.AtPublish}, sdk.Registration{Point: sdk.AtEvent, Events: []string{"connect"}})
	if p.Version() != "v1" {
		t.Errorf("the version is %q", p.Version())
	}
	ann := p.As(sdk.Client{User: "ann", Account: "A", Host: "h"})

	want := &sdk.Identity{
		User: "ann", Account: "A", Expires: time.Unix(100, 0), MaxPayload: 10, Tags: map[string]string{"host": "h"},
		Permissions: &sdk.Permissions{Publish: sdk.Rules{Allow: []string{"a.>"}}, Responses: &sdk.Responses{Max: 1, Expires: time.Second}},
	}
	if diff := cmp.Diff(want, ann.Connect(sdk.Connect{User: "ann", Password: "secret"}).WantAllow().Identity); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	p.Connect(sdk.Connect{User: "ann"}).WantDeny()

	ann.Publish("a", Header("token", "1"), Payload("not seen here")).WantAllow()
	if r := ann.Publish("a").WantDeny(); r.Reason != `token "", payload ""` {
		t.Errorf("the reason is %q", r.Reason)
	}
	if r := ann.Publish("slow", Within(10*time.Millisecond)).WantFailed(); r.Err == nil {
		t.Error("there is no error")
	}
	ann.Publish("panic").WantFailed()
	if r := ann.Publish("drop").WantFailed(); r.Err.Error() != "drop is no answer at publish" {
		t.Errorf("the error is %v", r.Err)
	}
	if r := ann.Publish("keep").WantAllow(); r.TTL != 2*time.Second || r.NoCache {
		t.Errorf("kept for %v, or not: %v", r.TTL, r.NoCache)
	}
	if r := ann.Publish("forget").WantAllow(); !r.NoCache {
		t.Error("it is kept")
	}

	ann.Subscribe("a.*", "").WantPass()
	ann.Subscribe("a.*", "q").WantDeny()

	if r := ann.Rewrite("dev.1").WantReplace(); r.Subject != "t.A.dev.1" {
		t.Errorf("the subject is %q", r.Subject)
	}
	ann.Rewrite("dev.1", Original("same")).WantPass()
	ann.Rewrite("dev.*").WantFailed()

	r := ann.Inspect("a", Payload("pay"), Header("A", "1"), Header("B", "2")).WantReplace()
	if string(r.Payload) != "PAY" || r.Get("size") != "27" || r.Get("B") != "2" {
		t.Errorf("the message is %q %q", r.Header, r.Payload)
	}
	ann.Inspect("a").WantDrop()
	if r := ann.Inspect("to").WantFailed(); r.Err.Error() != "a replace has no message" {
		t.Errorf("the error is %v", r.Err)
	}
	ann.Inspect("a", Payload("pay"), MaxPayload(10)).WantFailed()

	if !p.Event(sdk.Event{Type: "connect", Client: &sdk.Client{User: "ann"}}) || p.Event(sdk.Event{Type: "disconnect"}) {
		t.Error("the plugin is told of other events than it wants")
	}
	if s := string(p.State()); s != "connect:ann" {
		t.Errorf("the state is %q", s)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	p := Start(t, &policy{}, nil)
	p.Publish("kick")
	want := []Command{
		{Name: "disconnect", Of: sdk.Selector{User: "eve", ID: 7, Tags: map[string]string{"a": "b"}}, Reason: "revoked"},
		{Name: "set_permissions", Of: sdk.Selector{Account: "A"}, Permissions: &sdk.Permissions{Subscribe: sdk.Rules{Deny: []string{"x"}}}},
		{Name: "invalidate"},
	}
	got := p.Commands()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if s := got[0].String(); s != `disconnect user="eve" reason="revoked" id=7 tags=map[a:b]` {
		t.Errorf("got %s", s)
	}
	if len(p.Commands()) > 0 {
		t.Error("they come twice")
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	p := Start(t, &policy{}, nil,
		sdk.Registration{Point: sdk.AtPublish, Subjects: []string{"a.*", "b.>"}, Accounts: []string{"A"}, MaxPayload: 100, Fields: []sdk.Field{sdk.Subject}, Headers: []string{"Token"}},
		sdk.Registration{Point: sdk.AtSubscribe, Subjects: []string{"a.*"}},
	)
	a := p.As(sdk.Client{User: "ann", Account: "A"})
	a.Publish("a.x", Header("other", "1"), Header("token", "1")).WantAllow()
	a.Publish("b.x.y", Header("token", "1")).WantAllow()
	a.Publish("a").WantNotAsked()
	a.Publish("a.x.y").WantNotAsked()
	p.As(sdk.Client{User: "ann", Account: "B"}).Publish("a.x").WantNotAsked()
	if r := a.Publish("a.x", Payload(strings.Repeat("x", 101))).WantFailed(); !strings.Contains(r.Err.Error(), "101 bytes") {
		t.Errorf("the error is %v", r.Err)
	}
	for pattern, asked := range map[string]bool{"a.b": true, "a.*": true, ">": true, "*.b": true, "a.b.c": false, "b.*": false, "a": false} {
		if got := a.Subscribe(pattern, "").Asked; got != asked {
			t.Errorf("a subscription to %s: asked %v, want %v", pattern, got, asked)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		plugin any
		o      Options
		regs   []sdk.Registration
		want   string
	}{
		{"settings", &policy{}, Options{Config: map[string]any{"refuse": true}}, nil, "no limit in config"},
		{"no object", &policy{}, Options{Config: 7}, nil, "config: 7 is not an object"},
		{"no JSON", &policy{}, Options{Config: func() {}}, nil, "config: json"},
		{"no methods", struct{}{}, Options{}, nil, "has none of the methods"},
		{"no method", struct{ sdk.Rewriter }{}, Options{}, []sdk.Registration{{Point: sdk.AtPublish}}, "has no method Publish"},
		{"subject", &policy{}, Options{}, []sdk.Registration{{Point: sdk.AtPublish, Subjects: []string{"a..b"}}}, `registration 0 at publish: the broker would not load it: the subject "a..b"`},
		{"subject at connect", &policy{}, Options{}, []sdk.Registration{{Point: sdk.AtConnect, Subjects: []string{"a"}}}, "it has no subjects there"},
		{"account at connect", &policy{}, Options{}, []sdk.Registration{{Point: sdk.AtConnect, Accounts: []string{"a"}}}, "it has no accounts there"},
		{"cache of all", &policy{}, Options{}, []sdk.Registration{{Point: sdk.AtPublish, Cache: &sdk.Cache{}}}, "has to name the fields"},
		{"cache at inspect", &policy{}, Options{}, []sdk.Registration{{Point: sdk.AtInspect, Cache: &sdk.Cache{}}}, "not kept there"},
		{"no field", &policy{}, Options{}, []sdk.Registration{{Point: sdk.AtPublish, Fields: []sdk.Field{99}}}, "99 is no field"},
		{"no event", &policy{}, Options{}, []sdk.Registration{{Point: sdk.AtEvent, Events: []string{"conect"}}}, `"conect" is no event: want connect, disconnect,`},
		{"cache by nothing", &policy{}, Options{}, []sdk.Registration{
			{Point: sdk.AtPublish, Headers: []string{"A"}, Cache: &sdk.Cache{}},
		}, "its cache keeps answers by nothing"},
		{"cache by what changes", &policy{}, Options{}, []sdk.Registration{
			{Point: sdk.AtPublish, Fields: []sdk.Field{sdk.Size}, Cache: &sdk.Cache{By: []sdk.Field{sdk.Size}}},
		}, "no answers are kept by the size"},
		{"field beside the cache", &policy{}, Options{}, []sdk.Registration{
			{Point: sdk.AtPublish, Fields: []sdk.Field{sdk.User}, Cache: &sdk.Cache{By: []sdk.Field{sdk.Subject}}},
		}, "it is sent the user"},
		{"header beside the cache", &policy{}, Options{}, []sdk.Registration{
			{Point: sdk.AtPublish, Headers: []string{"A"}, Cache: &sdk.Cache{Headers: []string{"b"}}},
		}, `it is sent the header "A"`},
		{"tag beside the cache", &policy{}, Options{}, []sdk.Registration{
			{Point: sdk.AtPublish, Tags: []string{"A"}, Cache: &sdk.Cache{Tags: []string{"a"}}},
		}, `it is sent the tag "A"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Run(t, tt.plugin, tt.o, tt.regs...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// guest is a plugin that lets everybody in, in its way.
type guest sdk.Identity

func (g guest) Connect(context.Context, *sdk.Connect) sdk.Decision {
	return sdk.AllowAs(sdk.Identity(g))
}

// TestIdentities: what the broker takes for no answer is none here, and rules that have
// nothing in them allow nothing.
func TestIdentities(t *testing.T) {
	t.Parallel()
	rules := func(publish, subscribe sdk.Rules) *sdk.Permissions {
		return &sdk.Permissions{Publish: publish, Subscribe: subscribe}
	}
	for _, tt := range []struct {
		name string
		is   guest
		want string
	}{
		{"all", guest{User: "u", Permissions: rules(sdk.Rules{Deny: []string{"a.>"}}, sdk.Rules{Allow: []string{"b q.*"}})}, ""},
		{"subject", guest{Permissions: rules(sdk.Rules{Allow: []string{"a..b"}}, sdk.Rules{})}, `permissions.publish: "a..b"`},
		{"queue to publish", guest{Permissions: rules(sdk.Rules{Deny: []string{"a b"}}, sdk.Rules{})}, `permissions.publish: "a b"`},
		{"two queues", guest{Permissions: rules(sdk.Rules{}, sdk.Rules{Allow: []string{"a b c"}})}, `permissions.subscribe: "a b c"`},
		{"limit", guest{MaxPayload: -1}, "a limit is negative"},
	} {
		r := Start(t, tt.is, nil).Connect(sdk.Connect{})
		if err := fmt.Sprint(r.Err); tt.want != "" && !strings.Contains(err, tt.want) || tt.want == "" && r.Err != nil {
			t.Errorf("%s: got %v, want %q", tt.name, r, tt.want)
		}
	}
	r := Start(t, guest{Permissions: rules(sdk.Rules{Allow: []string{}}, sdk.Rules{})}, nil).Connect(sdk.Connect{}).WantAllow()
	if diff := cmp.Diff(rules(sdk.Rules{Deny: []string{">"}}, sdk.Rules{}), r.Identity.Permissions); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// stamper changes headers.
type stamper struct{ deletes bool }

func (s stamper) Inspect(_ context.Context, m *sdk.Message) sdk.Decision {
	if s.deletes {
		m.DeleteHeader("a")
	} else if err := m.SetHeader("N", "1"); err != nil {
		return sdk.Fail(err)
	}
	return sdk.Pass()
}

// TestPartialHeaders: who is not shown all headers cannot change one, as the others
// would be lost.
func TestPartialHeaders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		reg  sdk.Registration
		all  bool
	}{
		{"all that there is", sdk.Registration{}, true},
		{"all headers", sdk.Registration{Fields: []sdk.Field{sdk.Payload, sdk.Headers}}, true},
		{"none", sdk.Registration{Fields: []sdk.Field{sdk.Payload}}, false},
		{"none beside a tag", sdk.Registration{Tags: []string{"x"}}, false},
		{"one", sdk.Registration{Headers: []string{"A"}}, false},
		{"one in place of all", sdk.Registration{Fields: []sdk.Field{sdk.Headers}, Headers: []string{"a"}}, false},
	} {
		tt.reg.Point = sdk.AtInspect
		for _, deletes := range []bool{false, true} {
			r := Start(t, stamper{deletes}, nil, tt.reg).Inspect("x", Header("A", "1"), Header("B", "2"))
			switch {
			case tt.all:
				if r.WantReplace(); r.Get("B") != "2" {
					t.Errorf("%s: B is lost: %q", tt.name, r.Header)
				}
			case r.Verdict == Pass && deletes && tt.reg.Headers == nil: // there is nothing that it knows of
			case r.Verdict != Failed || !strings.Contains(r.Err.Error(), "name Headers in Fields"):
				t.Errorf("%s, deletes %v: got %v, with %q", tt.name, deletes, r, r.Header)
			}
		}
	}
}

// TestState: what one process hands over the next one has.
func TestState(t *testing.T) {
	t.Parallel()
	p, err := Run(t, &policy{}, Options{State: []byte("from before "), Restarted: true})
	if err != nil {
		t.Fatal(err)
	}
	if s := string(p.State()); s != "from before " {
		t.Errorf("got %q", s)
	}
	if s := Start(t, struct{ sdk.Publisher }{&policy{}}, nil).State(); s != nil {
		t.Errorf("got %q of a plugin without state", s)
	}
}

// told is a test that notes its failures.
type told struct {
	testing.TB
	failures []string
}

func (t *told) Helper() {}

func (t *told) Errorf(format string, args ...any) {
	t.failures = append(t.failures, fmt.Sprintf(format, args...))
}

func TestFailuresAreReadable(t *testing.T) {
	t.Parallel()
	note := &told{TB: t}
	p := Start(note, &policy{}, nil, sdk.Registration{Point: sdk.AtPublish, Subjects: []string{"a", "panic"}})
	bob := p.As(sdk.Client{User: "bob"})
	bob.Publish("a").WantAllow()
	bob.Publish("b").WantPass()
	bob.Publish("panic").WantDeny()
	bob.Publish("a").WantNotAsked()
	p.Subscribe("x.*", "q").WantPass()
	bob.Connect(sdk.Connect{User: "bob", Password: "secret"}).WantDeny()
	want := []string{
		`Publish a by bob: got deny "token \"\", payload \"\"", want allow`,
		`Publish b by bob: got not asked, want pass`,
		`Publish panic by bob: got failed: the plugin panicked: by order, want deny`,
		`Publish a by bob: got deny "token \"\", payload \"\"", want not asked`,
		`Subscribe x.* q by nobody: got deny "x.*", want pass`,
		`Connect of "bob": got allow as "bob" of account "A", want deny`,
	}
	if diff := cmp.Diff(want, note.failures); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
