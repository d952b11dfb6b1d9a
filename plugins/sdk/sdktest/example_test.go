package sdktest_test

import (
	"context"
	"testing"

	"moonwire/plugins/sdk"
	"moonwire/plugins/sdk/sdktest"
)

// orders is a plugin: only those who may give orders do.
type orders struct {
	Who []string `json:"who"`
}

func (o *orders) Configure(_ context.Context, c *sdk.Config) error {
	return c.Decode(o)
}

func (o *orders) Publish(_ context.Context, m *sdk.Message) sdk.Decision {
	for _, who := range o.Who {
		if m.Client.User == who {
			return sdk.Allow()
		}
	}
	return sdk.Deny("no orders from " + m.Client.User)
}

// Example is a test of a plugin.
func Example() {
	TestOrders := func(t *testing.T) {
		p := sdktest.Start(t, &orders{}, map[string]any{"who": []string{"alice"}},
			sdk.Registration{Point: sdk.AtPublish, Subjects: []string{"orders.>"}, Fields: []sdk.Field{sdk.User}})

		p.As(sdk.Client{User: "alice"}).Publish("orders.new").WantAllow()
		p.As(sdk.Client{User: "bob"}).Publish("orders.new").WantDeny()
		p.As(sdk.Client{User: "bob"}).Publish("weather.oslo").WantNotAsked()
	}
	_ = TestOrders
}

func TestExample(t *testing.T) {
	t.Parallel()
	p := sdktest.Start(t, &orders{}, map[string]any{"who": []string{"alice"}},
		sdk.Registration{Point: sdk.AtPublish, Subjects: []string{"orders.>"}, Fields: []sdk.Field{sdk.User}})
	p.As(sdk.Client{User: "alice"}).Publish("orders.new").WantAllow()
	if r := p.As(sdk.Client{User: "bob"}).Publish("orders.new").WantDeny(); r.Reason != "no orders from bob" {
		t.Errorf("the reason is %q", r.Reason)
	}
	p.As(sdk.Client{User: "bob"}).Publish("weather.oslo").WantNotAsked()
}
