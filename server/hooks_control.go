package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"moonwire/hooks"
	"moonwire/server/conn"
	"moonwire/server/wire"
)

// Control returns what hooks can do to the connections of the server. It is safe
// for concurrent use, at any time.
//
// It has the method By of [hooks.Controls].
func (s *Server) Control() hooks.Control { return control{s: s} }

// control implements [hooks.Controls].
type control struct {
	s    *Server
	hook string     // that acts; "" if it is none of the server's
	mode hooks.Mode // of the hook while it is not at work
}

// By implements [hooks.Controls].
func (t control) By(hook string) hooks.Control { return control{s: t.s, hook: hook} }

// idle reports whether the hook is in shadow mode, and acts on nobody. The mode
// is that of now: an engine goes on when it changes.
func (t control) idle() bool {
	if t.hook == "" {
		return false
	}
	mode := t.s.hooks.Set().Mode(t.hook)
	if mode == hooks.Off { // it is being opened, or closed
		mode = t.mode
	}
	return mode == hooks.Shadow
}

// Disconnect implements [hooks.Control].
func (t control) Disconnect(of hooks.Selector, reason string) (int, error) {
	if err := of.Check(); err != nil {
		return 0, err
	}
	n, idle := 0, t.idle()
	for _, c := range t.clients(&of) {
		if !c.Gone.Load() && of.Selects(c.Describe()) {
			if !idle {
				c.Fail(wire.ErrRevoked)
			}
			n++
		}
	}
	t.log(n, idle, "ended", &of, fmt.Sprintf(": %q", reason))
	return n, nil
}

// SetPermissions implements [hooks.Control]. They stay when the configuration is
// reloaded. Connections that come later are not meant.
func (t control) SetPermissions(of hooks.Selector, p *hooks.Permissions) (int, error) {
	if err := of.Check(); err != nil {
		return 0, err
	}
	set, err := compile(p)
	if err != nil {
		return 0, err
	}
	n, idle := 0, t.idle()
	for _, c := range t.clients(&of) {
		for !c.Gone.Load() {
			id := c.Identity() // before it is described: what is then another is looked at again
			if id == nil || !of.Selects(c.Describe()) {
				break
			}
			if idle || c.Regrant(id, ruled(id, set)) {
				n++
				break
			}
		}
	}
	if !idle {
		t.s.hooks.Set().Flush("") // decisions may have been made by what was allowed
	}
	t.log(n, idle, "given other permissions", &of, "")
	return n, nil
}

// clients returns the connections that may be meant.
func (t control) clients(of *hooks.Selector) []*conn.Client {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if of.ID == 0 {
		return t.s.clientsLocked()
	}
	if c := t.s.mu.clients[of.ID]; c != nil {
		return []*conn.Client{c}
	}
	return nil
}

func (t control) log(n int, idle bool, what string, of *hooks.Selector, why string) {
	if n == 0 {
		return
	}
	var by []string
	if of.ID != 0 {
		by = append(by, fmt.Sprintf("cid %d", of.ID))
	}
	if of.User != "" {
		by = append(by, fmt.Sprintf("user %q", of.User))
	}
	if of.Account != "" {
		by = append(by, fmt.Sprintf("account %q", of.Account))
	}
	for _, name := range slices.Sorted(maps.Keys(of.Tags)) {
		by = append(by, fmt.Sprintf("tag %q", name+":"+of.Tags[name]))
	}
	log, verb := t.s.log.Info, "were"
	if idle { // as often as it likes, as they stay
		log = t.s.brakes.shadows.Zap().Info
		verb = fmt.Sprintf("would, without the shadow mode of hook %q, have been", t.hook)
	}
	log(fmt.Sprintf("Hooks: %d connections of %s %s %s%s", n, strings.Join(by, ", "), verb, what, why))
}
