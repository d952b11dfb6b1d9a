package sdktest

import (
	"fmt"
	"time"

	hookv1 "moonwire/plugins/api/v1"
	"moonwire/plugins/sdk"
)

// Command is what the plugin asked the broker to do by itself.
type Command struct {
	// Name is "disconnect", "set_permissions" or "invalidate".
	Name        string
	Of          sdk.Selector     // whom; not of invalidate
	Reason      string           // of a disconnect
	Permissions *sdk.Permissions // of a set_permissions; nil allows everything
}

// String is the command in one line.
func (c Command) String() string {
	s := c.Name
	for _, f := range []struct{ name, value string }{{"user", c.Of.User}, {"account", c.Of.Account}, {"reason", c.Reason}} {
		if f.value != "" {
			s += fmt.Sprintf(" %s=%q", f.name, f.value)
		}
	}
	if c.Of.ID != 0 {
		s += fmt.Sprintf(" id=%d", c.Of.ID)
	}
	if len(c.Of.Tags) > 0 {
		s += fmt.Sprintf(" tags=%v", c.Of.Tags)
	}
	return s
}

// Commands returns what the plugin has asked the broker to do since the last call.
// A command that a method gives before it answers is there when the answer is.
func (p *Plugin) Commands() []Command {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.commands
	p.commands = nil
	return list
}

func command(c *hookv1.Command) Command {
	switch c := c.GetCommand().(type) {
	case *hookv1.Command_Disconnect:
		return Command{Name: "disconnect", Of: selector(c.Disconnect.GetOf()), Reason: c.Disconnect.GetReason()}
	case *hookv1.Command_SetPermissions:
		return Command{Name: "set_permissions", Of: selector(c.SetPermissions.GetOf()), Permissions: permissions(c.SetPermissions.GetPermissions())}
	}
	return Command{Name: "invalidate"}
}

func selector(s *hookv1.Selector) sdk.Selector {
	return sdk.Selector{ID: s.GetId(), User: s.GetUser(), Account: s.GetAccount(), Tags: s.GetTags()}
}

func identity(id *hookv1.Identity) *sdk.Identity {
	out := &sdk.Identity{
		User: id.GetUser(), Account: id.GetAccount(), Permissions: permissions(id.GetPermissions()), Tags: id.GetTags(),
		MaxSubscriptions: int(id.GetLimits().GetSubscriptions()), MaxPayload: int(id.GetLimits().GetPayload()),
	}
	if e := id.GetExpires(); e != 0 {
		out.Expires = time.Unix(e, 0)
	}
	return out
}

func permissions(p *hookv1.Permissions) *sdk.Permissions {
	if p == nil {
		return nil
	}
	out := &sdk.Permissions{
		Publish:   sdk.Rules{Allow: p.GetPublish().GetAllow(), Deny: p.GetPublish().GetDeny()},
		Subscribe: sdk.Rules{Allow: p.GetSubscribe().GetAllow(), Deny: p.GetSubscribe().GetDeny()},
	}
	if r := p.GetResponses(); r != nil {
		out.Responses = &sdk.Responses{Max: int(r.GetMax()), Expires: time.Duration(r.GetExpiresMs()) * time.Millisecond}
	}
	return out
}
