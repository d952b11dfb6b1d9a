package config

import (
	"fmt"
	"strings"
)

// hooks checks what the hooks are, and what stands beside what.
func (c *checker) hooks() {
	h := &c.Hooks
	if h.ScriptsDir != "" && len(h.Load) > 0 {
		c.add(`"hooks.scripts_dir": is set together with "load"; must be one of them`,
			place("Hooks", "ScriptsDir"), place("Hooks", "Load"))
	}
	seen := make(map[string]bool)
	for i := range h.Load {
		l, at := &h.Load[i], place("Hooks", "Load", i)
		switch {
		case l.Name == "":
			c.add(`"hooks.load": a hook without a name; must have one`, at, place(at, "Name"))
		case seen[l.Name]:
			c.add(fmt.Sprintf(`"hooks.load": %q is given twice; must be one hook`, l.Name), place(at, "Name"), at)
		}
		seen[l.Name] = true
		c.hook(l, at)
	}
}

// hook checks one hook.
func (c *checker) hook(h *Hook, at string) {
	var kinds, fields []string
	for _, k := range []struct{ key, field, value string }{
		{"lua", "Lua", h.Lua}, {"plugin", "Plugin", h.Plugin}, {"builtin", "Builtin", h.Builtin},
	} {
		if k.value != "" {
			kinds, fields = append(kinds, k.key), append(fields, place(at, k.field))
		}
	}
	switch len(kinds) {
	case 1:
		c.foreign(h, kinds[0], at)
	case 0:
		c.add(fmt.Sprintf(`"hooks.load": %q is nothing; must have one of "lua", "plugin" and "builtin"`, h.Name),
			at, place(at, "Lua"), place(at, "Plugin"), place(at, "Builtin"))
	default:
		c.add(fmt.Sprintf(`"hooks.load": %q is %s at once; must be one of them`, h.Name, strings.Join(kinds, " and ")),
			fields[1:]...)
	}
	if err := checkFree(h.Config, maxDepth); err != nil && h.Config != nil {
		c.add(fmt.Sprintf(`"hooks.load.config": of %q: %v`, h.Name, err), place(at, "Config"))
	}
	if h.Attach != "" && !h.NoMTLS {
		c.add(`"hooks.load.attach": the plugin has no certificate of the broker; must come with "mtls: false"`, place(at, "Attach"))
	}
	if r := h.Restart; r.Min > 0 && r.Max > 0 && r.Min > r.Max {
		c.add(fmt.Sprintf(`"hooks.load.restart.min": %s is above "max" (%s); must be at most that`, showDuration(r.Min), showDuration(r.Max)),
			place(at, "Restart", "Min"), place(at, "Restart", "Max"))
	}
	c.narrowed(h, at)
	for name := range h.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			c.add(fmt.Sprintf(`"hooks.load.env": %q is no name of a variable`, name), place(at, "Env"))
		}
	}
}

// narrowed checks the accounts of a hook: one that is misspelled would let
// everybody pass by the hook. In operator mode they are not known here.
func (c *checker) narrowed(h *Hook, at string) {
	if len(c.Operators)+len(c.TrustedKeys) > 0 {
		return
	}
	for i, name := range h.Accounts {
		switch {
		case name == c.SystemAccount:
			c.add(fmt.Sprintf(`"hooks.load.accounts": %q is the system account, which no hook is asked about`, name), place(at, "Accounts", i))
		case name != globalAccount && c.account(name) == nil:
			c.add(fmt.Sprintf(`"hooks.load.accounts": there is no account %q; must be %q or one of "accounts"`, name, globalAccount),
				place(at, "Accounts", i))
		}
	}
}

// foreign reports the keys of a hook that belong to another kind: it would not
// be heeded.
func (c *checker) foreign(h *Hook, kind, at string) {
	for _, of := range []struct {
		set        bool
		key, field string
		kinds      string
	}{
		{h.Limits.Instructions != 0, "limits.instructions", place("Limits", "Instructions"), "lua"},
		{h.Limits.VMs != 0, "limits.vms", place("Limits", "VMs"), "lua"},
		{h.Limits.BlockingVMs != 0, "limits.blocking_vms", place("Limits", "BlockingVMs"), "lua"},
		{h.Limits.Memory != 0, "limits.memory", place("Limits", "Memory"), "lua plugin"},
		{len(h.Args) > 0, "args", "Args", "plugin"},
		{len(h.Watch) > 0, "watch", "Watch", "plugin"},
		{len(h.Env) > 0, "env", "Env", "plugin"},
		{h.SHA256 != "", "sha256", "SHA256", "plugin"},
		{h.NoMTLS, "mtls", "NoMTLS", "plugin"},
		{h.Window != 0, "window", "Window", "plugin"},
		{h.Batch.Max != 0, "batch.max", place("Batch", "Max"), "plugin"},
		{h.Batch.Bytes != 0, "batch.bytes", place("Batch", "Bytes"), "plugin"},
		{h.Restart.Min != 0, "restart.min", place("Restart", "Min"), "plugin"},
		{h.Restart.Max != 0, "restart.max", place("Restart", "Max"), "plugin"},
		{h.Attach != "", "attach", "Attach", "plugin"},
	} {
		if of.set && !strings.Contains(of.kinds, kind) {
			owners := strings.Replace(of.kinds, " ", " and ", 1)
			c.add(fmt.Sprintf(`"hooks.load.%s": is of %s hooks; must be left out of a %s hook`, of.key, owners, kind), place(at, of.field))
		}
	}
}
