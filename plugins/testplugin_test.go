package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"moonwire/plugins/sdk"
)

// servePlugin is the program of the tests: a plugin that behaves, or an enemy.
func servePlugin() {
	if name := os.Getenv(enemyKey); name != "" {
		enemies[name]()
		return
	}
	sdk.Main(&policy{release: make(chan struct{})}, regs()...)
}

func regs() []sdk.Registration {
	return []sdk.Registration{
		{Point: sdk.AtConnect},
		{Point: sdk.AtPublish, Subjects: []string{"p.>"}},
		{Point: sdk.AtSubscribe},
		{Point: sdk.AtRewrite, Subjects: []string{"r.>"}, Fields: []sdk.Field{sdk.Subject, sdk.Account}},
		{Point: sdk.AtInspect, Subjects: []string{"i.>"}, Fields: []sdk.Field{sdk.Subject, sdk.Headers, sdk.Payload, sdk.User, sdk.Size}},
		{Point: sdk.AtEvent},
	}
}

// policy does what the subjects say.
type policy struct {
	release chan struct{} // closed by a message: what comes late is answered then

	mu     sync.Mutex
	broker *sdk.Broker
	seen   []string
}

func (p *policy) Version() string { return "test-1" }

func (p *policy) Configure(_ context.Context, c *sdk.Config) error {
	var config struct{ Refuse, Exit string }
	if err := json.Unmarshal(c.JSON, &config); err != nil {
		return err
	}
	if config.Refuse != "" {
		return errors.New(config.Refuse)
	}
	p.broker = c.Broker
	p.seen = strings.Fields(string(c.State))
	return nil
}

func (p *policy) State(context.Context) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []byte(strings.Join(p.seen, " ")), nil
}

func (p *policy) Connect(ctx context.Context, r *sdk.Connect) sdk.Decision {
	switch r.User {
	case "deny":
		return sdk.Deny("no " + r.User)
	case "slow":
		<-ctx.Done()
		return sdk.Fail(ctx.Err())
	case "die":
		if r.Password == "" {
			os.Exit(3)
		}
	}
	return sdk.AllowAs(sdk.Identity{User: r.User, Account: r.Password, Tags: map[string]string{"host": r.Client.Host}})
}

func (p *policy) Publish(ctx context.Context, m *sdk.Message) sdk.Decision {
	switch _, what, _ := strings.Cut(m.Subject, "."); what {
	case "deny":
		return sdk.Deny("by " + m.Client.User)
	case "panic":
		panic("by order")
	case "die":
		os.Exit(3)
	case "hang":
		<-ctx.Done()
		return sdk.Allow()
	case "late":
		<-p.release
	case "release":
		close(p.release)
	case "fail":
		return sdk.Fail(errors.New("on purpose"))
	case "to":
		return sdk.To("p.y")
	case "disconnect":
		p.broker.Disconnect(sdk.Selector{User: "eve"}, "revoked")
	case "permissions":
		p.broker.SetPermissions(sdk.Selector{ID: 7}, &sdk.Permissions{Publish: sdk.Rules{Deny: []string{"x"}}})
	case "invalidate":
		p.broker.Invalidate()
	case "nobody":
		p.broker.Disconnect(sdk.Selector{}, "everybody?")
	case "processors":
		return sdk.Deny(strconv.Itoa(runtime.GOMAXPROCS(0)))
	case "noise":
		fmt.Fprintln(os.Stderr, "a line of noise")
	}
	return sdk.Allow()
}

func (p *policy) Subscribe(_ context.Context, s *sdk.Subscription) sdk.Decision {
	if s.Queue == "no" {
		return sdk.Deny(s.Subject)
	}
	return sdk.Pass()
}

func (p *policy) Rewrite(_ context.Context, m *sdk.Message) sdk.Decision {
	if m.Client.User != "" {
		return sdk.Fail(errors.New("a field came that nobody wanted"))
	}
	return sdk.To("t." + m.Client.Account + "." + m.Subject)
}

func (p *policy) Inspect(_ context.Context, m *sdk.Message) sdk.Decision {
	if len(m.Payload) == 0 {
		return sdk.Drop("empty")
	}
	if m.Client.User == "plain" {
		return sdk.Pass()
	}
	m.SetPayload([]byte(strings.ToUpper(string(m.Payload))))
	if err := m.SetHeader("Seen", m.Get("seen")+fmt.Sprint(m.Size)); err != nil {
		return sdk.Fail(err)
	}
	return sdk.Pass()
}

func (p *policy) Event(_ context.Context, e *sdk.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, e.Type+":"+e.Client.User)
}
