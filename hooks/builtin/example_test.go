package builtin_test

import (
	"context"
	"fmt"

	"moonwire/hooks"
	"moonwire/hooks/builtin"
)

// Both hooks as a configuration loads them: what is too fast is denied, and the
// rest carries the name of its sender.
func Example() {
	ctx := context.Background()
	m := hooks.NewManager(hooks.ManagerOptions{})
	defer m.Close(ctx)

	configuration := []struct {
		name     string
		settings map[string]any
	}{
		{"ratelimit", map[string]any{
			"rules": []any{map[string]any{"by": "user", "rate": 0.1, "burst": int64(2)}},
		}},
		{"stamp", map[string]any{
			"fields":  []any{"user", "account"},
			"headers": map[string]any{"user": "Sent-By"},
		}},
	}
	var specs []hooks.Spec
	for _, c := range configuration {
		specs = append(specs, hooks.Spec{
			Hook: hooks.Hook{Name: c.name},
			Open: func(ctx context.Context, old hooks.Engine) (hooks.Engine, error) {
				return builtin.Open(ctx, c.name, c.settings, old)
			},
		})
	}
	if err := m.Load(ctx, specs); err != nil {
		fmt.Println(err)
		return
	}

	ann := &hooks.Client{ID: 1, User: "ann", Account: "acme"}
	var session hooks.Session // of ann's connection
	for range 3 {
		c := hooks.NewCall()
		c.Client, c.Subject, c.Payload = ann, []byte("orders.new"), []byte("{}")
		c.Header = []byte("NATS/1.0\r\nSent-By: the boss\r\nPriority: 1\r\n\r\n")
		for _, p := range []hooks.Point{hooks.AtPublish, hooks.AtInspect} {
			if m.Table("acme").Do(ctx, &session, p, []*hooks.Call{c}); c.Outcome.Verdict.Refuses() {
				break
			}
		}
		fmt.Printf("%v %q\n", c.Outcome.Verdict, c.Outcome.Reason)
		if !c.Outcome.Verdict.Refuses() {
			fmt.Printf("%q\n", c.Header)
		}
		c.Done()
	}
	// Output:
	// replace ""
	// "NATS/1.0\r\nSent-By: ann\r\nMoonwire-Account: acme\r\nPriority: 1\r\n\r\n"
	// replace ""
	// "NATS/1.0\r\nSent-By: ann\r\nMoonwire-Account: acme\r\nPriority: 1\r\n\r\n"
	// deny "rules[0]: over 0.1 a second by user"
}

// Settings that are wrong are named all at once.
func ExampleOpen() {
	_, err := builtin.Open(context.Background(), "ratelimit", map[string]any{
		"rules": []any{map[string]any{"by": "usr", "rate": int64(100), "brust": int64(200)}},
	}, nil)
	fmt.Println(err)
	// Output:
	// ratelimit: rules[0].by: unknown field "usr"; did you mean "user"?
	// ratelimit: rules[0].brust: unknown key "brust"; did you mean "burst"?
}
