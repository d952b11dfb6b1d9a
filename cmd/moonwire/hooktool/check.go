package hooktool

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"moonwire/hooks"
	"moonwire/hooks/lua"
	"moonwire/hooks/lua/sandbox"
)

// check loads hooks as the broker would, and says what they ask for.
func (t *tool) check(args []string) error {
	f := t.flags()
	var from source
	from.define(f)
	files, err := parse(f, args)
	if err != nil {
		return err
	}
	if from.conf != "" || len(files) == 0 {
		return t.checkAll(&from, files)
	}
	var errs []error
	for _, file := range files { // each alone: they need not be for one broker
		errs = append(errs, t.checkAll(&from, []string{file}))
	}
	return errors.Join(errs...)
}

func (t *tool) checkAll(from *source, files []string) error {
	o, err := t.open(from, files)
	if err != nil {
		return err
	}
	defer o.close()
	for i := range o.hooks {
		h := &o.hooks[i]
		title := fmt.Sprintf("%s (%v)", h.Name, h.Mode)
		if from.conf == "" {
			title = files[i]
		}
		t.describe(h, title)
	}
	if len(o.hooks) == 0 {
		fmt.Fprintf(t.Stdout, "%s: there are no hooks\n", from.conf)
	}
	set, err := hooks.Compile(o.hooks, hooks.Options{})
	if err != nil {
		return errors.Join(err, closeEngines(t.ctx, o.hooks))
	}
	for _, w := range set.Warnings {
		fmt.Fprintf(t.Stdout, "warning: %s\n", w)
	}
	var errs []error
	for i := range o.hooks {
		errs = append(errs, t.warnOfUndefined(o.hooks[i].Engine))
	}
	return errors.Join(append(errs, set.Close(t.ctx))...)
}

// warnOfUndefined says where a script reads globals that nobody defines. That is
// no error: Lua gives nil for them, and a script may ask for just that.
func (t *tool) warnOfUndefined(e hooks.Engine) error {
	s, ok := e.(interface {
		Undefined(context.Context) ([]sandbox.Use, error)
	})
	if !ok {
		return nil
	}
	list, err := s.Undefined(t.ctx)
	for _, u := range list {
		fmt.Fprintf(t.Stdout, "warning: %s:%d: nobody defines the global %s: it is nil\n", u.File, u.Line, u.Name)
	}
	return err
}

// describe says what a hook asks for, below a title.
func (t *tool) describe(h *hooks.Hook, title string) {
	if v, ok := h.Engine.(hooks.Versioned); ok {
		version, sum := v.Version()
		if version != "" {
			title += " version " + version
		}
		if sum != "" {
			title += " sha256 " + sum[:min(16, len(sum))]
		}
	}
	fmt.Fprintln(t.Stdout, title)
	if h.Engine == nil {
		return
	}
	places := placesOf(h.Engine)
	for i, r := range h.Engine.Registrations() {
		line := wish(&r)
		if i < len(places) {
			line += " (" + places[i] + ")"
		}
		fmt.Fprintf(t.Stdout, "  %s\n", line)
	}
}

var _ interface { // what placesOf and warnOfUndefined ask for
	Describe() []lua.Handler
	Undefined(context.Context) ([]sandbox.Use, error)
} = (*lua.Script)(nil)

// wish says in a line what a registration is for.
func wish(r *hooks.Registration) string {
	parts := []string{fmt.Sprintf("%-9s", r.Point)}
	switch r.Point {
	case hooks.AtConnect:
	case hooks.AtEvent:
		parts = append(parts, orAll(r.Events))
	default:
		parts = append(parts, orAll(r.Subjects))
	}
	if len(r.Accounts) > 0 {
		parts = append(parts, "of accounts "+strings.Join(r.Accounts, ", "))
	}
	if c := r.Cache; c != nil {
		parts = append(parts, fmt.Sprintf("kept by %s for %v, denials for %v", strings.Join(c.By.Names(), ", "), c.TTL, c.NegativeTTL))
	}
	if r.MaxPayload > 0 {
		parts = append(parts, fmt.Sprintf("up to %d bytes", r.MaxPayload))
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

func orAll(list []string) string {
	if len(list) == 0 {
		return "all"
	}
	return strings.Join(list, ", ")
}
