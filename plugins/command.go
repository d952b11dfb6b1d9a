package plugins

import (
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"moonwire/hooks"
	hookv1 "moonwire/plugins/api/v1"
)

// What a plugin's refused commands may write to the log: lines a second, and at
// once.
const (
	refusedPerSecond = 1
	refusedAtOnce    = 20
)

// obey runs the plugin's commands, in their order, also those that had come when the
// link ended: they may be what takes away somebody's rights.
func (l *link) obey() {
	limit, omitted := rate.NewLimiter(refusedPerSecond, refusedAtOnce), 0
	for {
		c, ok := l.nextCommand()
		if !ok {
			return
		}
		err := l.plugin.run(c)
		switch {
		case err == nil:
		case limit.Allow():
			l.plugin.o.Log.Error("the plugin's command is refused", zap.Error(err), zap.Int("omitted", omitted))
			omitted = 0
		default:
			omitted++
		}
	}
}

// nextCommand waits for a command, and reports false when there will be none.
func (l *link) nextCommand() (*hookv1.Command, bool) {
	select {
	case c := <-l.commands:
		return c, true
	case <-l.dead:
	}
	select {
	case c := <-l.commands:
		return c, true
	default:
		return nil, false
	}
}

// run runs one command.
func (p *Plugin) run(c *hookv1.Command) error {
	switch c := c.GetCommand().(type) {
	case *hookv1.Command_Invalidate:
		p.o.Flush()
		return nil
	case *hookv1.Command_Disconnect:
		of, err := p.selector(c.Disconnect.GetOf())
		if err != nil {
			return fmt.Errorf("disconnect: %w", err)
		}
		_, err = p.o.Control.Disconnect(of, brief(c.Disconnect.GetReason()))
		return err
	case *hookv1.Command_SetPermissions:
		of, err := p.selector(c.SetPermissions.GetOf())
		if err != nil {
			return fmt.Errorf("set_permissions: %w", err)
		}
		_, err = p.o.Control.SetPermissions(of, permissions(c.SetPermissions.GetPermissions()))
		return err
	}
	return errors.New("it is none that the broker knows: the plugin was made for a newer one")
}

// selector is which connections a command means, as far as the hook may have to
// do with them.
func (p *Plugin) selector(s *hookv1.Selector) (of hooks.Selector, err error) {
	of = hooks.Selector{ID: s.GetId(), User: s.GetUser(), Account: s.GetAccount(), Tags: s.GetTags()}
	if p.o.Control == nil {
		return of, errors.New("the broker takes no commands here")
	}
	if len(p.o.Accounts) > 0 && !slices.Contains(p.o.Accounts, of.Account) {
		return of, fmt.Errorf("account %q: the hook is for accounts %q only, and its commands have to name one of them", of.Account, p.o.Accounts)
	}
	return of, of.Check()
}
