package hooks_test

import (
	"bytes"
	"context"
	"fmt"

	"moonwire/hooks"
)

// policy is a hook in Go: tenants keep to their own subjects, and old names get
// new ones.
type policy struct{}

const (
	rename = iota // the registrations, by their place
	keepOut
)

func (policy) Registrations() []hooks.Registration {
	return []hooks.Registration{
		rename:  {Point: hooks.AtRewrite, Subjects: []string{"dev.>"}},
		keepOut: {Point: hooks.AtPublish, Subjects: []string{"t.>"}},
	}
}

func (policy) Do(_ context.Context, registration int, calls []*hooks.Call) error {
	for _, c := range calls {
		home := []byte("t." + c.Client.Account + ".")
		switch registration {
		case rename:
			c.Out.Verdict = hooks.Replace
			c.Out.Subject = c.Copy(append(home, c.Subject...))
		case keepOut:
			if !bytes.HasPrefix(c.Subject, home) {
				c.Out = hooks.Result{Verdict: hooks.Deny, Reason: "not yours"}
			}
		}
	}
	return nil
}

func (policy) Notify(int, []hooks.Event)   {}
func (policy) Close(context.Context) error { return nil }

// A server loads hooks by a manager, and asks them about each batch of messages
// that a connection reads.
func Example() {
	ctx := context.Background()
	m := hooks.NewManager(hooks.ManagerOptions{
		Swap: func(*hooks.Set) {}, // give each account its Set.Table
	})
	defer m.Close(ctx)
	err := m.Load(ctx, []hooks.Spec{{
		Hook: hooks.Hook{Name: "tenants"},
		Open: func(context.Context, hooks.Engine) (hooks.Engine, error) { return policy{}, nil },
	}})
	if err != nil {
		fmt.Println(err)
		return
	}

	client := &hooks.Client{ID: 1, User: "ann", Account: "acme"}
	var session hooks.Session // one for each connection
	table := m.Table("acme")  // what the account points to

	for _, subject := range []string{"dev.7.temp", "t.other.x", "news"} {
		c := hooks.NewCall()
		c.Client, c.Subject = client, []byte(subject)
		for _, p := range []hooks.Point{hooks.AtRewrite, hooks.AtPublish} {
			if !table.Wanted(&session, p, c.Subject) {
				continue // no hook is concerned
			}
			table.Do(ctx, &session, p, []*hooks.Call{c})
			fmt.Printf("%s: %v %v %s %q\n", subject, p, c.Outcome.Verdict, c.Subject, c.Outcome.Reason)
		}
		c.Done()
	}
	// Output:
	// dev.7.temp: rewrite replace t.acme.dev.7.temp ""
	// dev.7.temp: publish pass t.acme.dev.7.temp ""
	// t.other.x: publish deny t.other.x "not yours"
}

// The cached form of a client, as engines keep it.
func ExampleClient_Extend() {
	type form struct{ greeting string }
	c := &hooks.Client{User: "ann"}
	key := "greeter" // the hook's name
	if c.Extension(key) == nil {
		c.Extend(key, form{"hello " + c.User})
	}
	fmt.Println(c.Extension(key).(form).greeting)
	// Output: hello ann
}

// Which fields an answer may be kept by.
func ExampleParseFields() {
	f, err := hooks.ParseFields([]string{"user", "subject", "tags.role", "header.Nats-Msg-Id"})
	fmt.Println(f.Set, f.Tags, f.Headers, err)
	// Output: user,subject [role] [Nats-Msg-Id] <nil>
}
