package library

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
)

// ClientsStats is what scripts did to connections.
type ClientsStats struct {
	Disconnected uint64 // connections that were ended
	Permissions  uint64 // connections whose permissions were replaced
}

// clients is how scripts act on connections that are there already.
type clients struct {
	control      hooks.Control // nil where there are no connections
	disconnected atomic.Uint64
	permitted    atomic.Uint64
}

func (c *clients) stats() ClientsStats {
	return ClientsStats{Disconnected: c.disconnected.Load(), Permissions: c.permitted.Load()}
}

func (c *clients) module() *Module {
	of := Param{"of", "clients.Selector", "Which connections."}
	count := Param{"count", "integer?", "How many there were; nil if it could not be done."}
	why := Param{"err", "string?", "Why not."}
	return &Module{
		Name: "clients",
		Doc: "Acts on connections that are there already, when rights have changed. " +
			"It reaches all connections of the broker, whatever accounts the hook is for, and does not wait for them. " +
			"Answers of a call that uses it are not cached.",
		Functions: []Function{
			{
				Name: "disconnect", Calls: true,
				Doc: "Ends connections, who are told that their authentication was revoked.",
				Params: []Param{of, {
					"reason", "string?",
					"For the log: at most 256 bytes of it. \"a hook ended the connection\" by default.",
				}},
				Returns: []Param{count, why},
				Example: `clients.disconnect({ user = "bob" }, "left the company")`,
				Do:      c.disconnect,
			},
			{
				Name: "permissions", Calls: true,
				Doc: "Replaces what connections may do. Subscriptions that are no longer allowed end. " +
					"What a part that is missing would bound is bounded no longer.",
				Params:  []Param{of, {"permissions", "Permissions", "What they may do from now on."}},
				Returns: []Param{count, why},
				Example: `clients.permissions({ account = "ACME", tags = { role = "guest" } }, { publish = {}, subscribe = { "news.>" } })`,
				Do:      c.permissions,
			},
		},
		Types: append([]Type{{
			Name: "clients.Selector",
			Doc: "Says which connections are meant: those of which all that is set is true. " +
				"At least one field must be set, and none may be empty.",
			Fields: []Param{
				{"id", "integer?", "Of the connection."},
				{"user", "string?", "The name of the user."},
				{"account", "string?", "The account."},
				{"tags", "table<string, string>?", "Tags with their values."},
			},
		}}, permissionTypes...),
	}
}

func (c *clients) disconnect(a *sandbox.Args) error {
	of, err := selector(a, 1)
	if err != nil {
		return err
	}
	reason := "a hook ended the connection"
	if !a.At(2).IsNil() {
		if reason, err = text(a, 2); err != nil {
			return err
		}
	}
	if len(reason) > mostReason {
		reason = reason[:mostReason]
	}
	reason = strings.ToValidUTF8(reason, "?")
	return c.act(a, &c.disconnected, func(by hooks.Control) (int, error) { return by.Disconnect(of, reason) })
}

// mostReason is how many bytes of a reason are kept.
const mostReason = 256

func (c *clients) permissions(a *sandbox.Args) error {
	of, err := selector(a, 1)
	if err != nil {
		return err
	}
	t, err := table(a, 2)
	if err != nil {
		return err
	}
	p, err := ParsePermissions(a.VM(), t, "permissions")
	if err != nil {
		return fmt.Errorf("bad argument #2 (%w)", err)
	}
	return c.act(a, &c.permitted, func(by hooks.Control) (int, error) { return by.SetPermissions(of, p) })
}

// act does something to connections.
func (c *clients) act(a *sandbox.Args, counter *atomic.Uint64, do func(hooks.Control) (int, error)) error {
	caller, by := CallerOf(a), c.control
	caller.Outside() // a cached answer would not do it again
	if c.control == nil {
		return fail(a, "there are no connections here")
	}
	if all, ok := by.(hooks.Controls); ok { // scripts share one
		by = all.By(caller.Hook())
	}
	a.Step(actSteps)
	n, err := do(by)
	if err != nil {
		return fail(a, err.Error())
	}
	counter.Add(uint64(n))
	a.Return(sandbox.Number(float64(n)))
	return nil
}

// actSteps is what looking through the connections of a broker costs a script: a
// call can do it some hundred times.
const actSteps = 10_000

// selector returns an argument that says which connections are meant. What is
// there and empty is an error: it would mean more connections than the script
// says.
func selector(a *sandbox.Args, i int) (s hooks.Selector, err error) {
	t, err := fields(a, i, "id", "user", "account", "tags")
	if err != nil {
		return s, err
	}
	where := fmt.Sprintf("bad argument #%d", i)
	if v := t.Get("id"); !v.IsNil() {
		f, ok := v.Number()
		if !ok || f != math.Trunc(f) || f < 1 || f > 1<<53 {
			return s, fmt.Errorf("%s (id must be that of a connection, a whole number above 0)", where)
		}
		s.ID = uint64(f)
	}
	for _, field := range []struct {
		key string
		to  *string
	}{{"user", &s.User}, {"account", &s.Account}} {
		v := t.Get(field.key)
		if v.IsNil() {
			continue
		}
		var ok bool
		if *field.to, ok = v.Text(); !ok || *field.to == "" {
			return s, fmt.Errorf("%s (%s must be a string that is not empty)", where, field.key)
		}
	}
	if v := t.Get("tags"); !v.IsNil() {
		if s.Tags, err = selectorTags(a, v); err != nil {
			return s, fmt.Errorf("%s (%w)", where, err)
		}
	}
	if err := s.Check(); err != nil {
		return s, fmt.Errorf("%s (%w)", where, err)
	}
	return s, nil
}

func selectorTags(a *sandbox.Args, v sandbox.Value) (map[string]string, error) {
	bad := errors.New("tags must be a table of strings with string keys, and not empty")
	t, ok := v.Table()
	if !ok {
		return nil, bad
	}
	tags := make(map[string]string)
	t.Each(func(key, value sandbox.Value) bool {
		k, isText := key.Text()
		s, alsoText := value.Text()
		if ok = isText && alsoText; ok {
			a.Step(4)
			a.Charge(96)
			tags[k] = s
		}
		return ok
	})
	if !ok || len(tags) == 0 {
		return nil, bad
	}
	return tags, nil
}
