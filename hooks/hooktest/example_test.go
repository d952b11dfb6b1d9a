package hooktest_test

import (
	"context"
	"fmt"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
)

// A hook of two functions, asked as a broker asks it.
func Example() {
	e := hooktest.New(
		hooktest.On(hooks.AtPublish, func(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Deny, Reason: "closed"} }, "shop.>"),
		hooktest.On(hooks.AtPublish, func(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Allow} }, "news.>"))
	set, err := hooks.Compile([]hooks.Hook{hooktest.Hook("h", e)}, hooks.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, subject := range []string{"shop.buy", "news.today", "other"} {
		c := &hooks.Call{Client: &hooks.Client{}, Subject: []byte(subject)}
		set.Table("").Do(context.Background(), new(hooks.Session), hooks.AtPublish, []*hooks.Call{c})
		fmt.Printf("%s: %s %q\n", subject, c.Outcome.Verdict, c.Outcome.Reason)
	}
	fmt.Println(set.Close(context.Background()))
	// Output:
	// shop.buy: deny "closed"
	// news.today: allow ""
	// other: pass ""
	// <nil>
}
