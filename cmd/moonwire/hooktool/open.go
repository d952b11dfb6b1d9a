package hooktool

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"moonwire/hooks"
	"moonwire/hooks/lua"
	"moonwire/hooks/lua/library"
	"moonwire/server"
	"moonwire/server/config"
)

// source is where hooks come from, as flags say: scripts, or a configuration.
type source struct {
	conf     string // path of the configuration; "" for none
	settings string // path of what scripts have as their config; "" for none
}

// define declares the flags.
func (s *source) define(f *flag.FlagSet) {
	f.StringVar(&s.conf, "c", "", "the hooks of this `configuration` of a server")
	s.defineSettings(f)
}

func (s *source) defineSettings(f *flag.FlagSet) {
	f.StringVar(&s.settings, "config", "", "a `file` with a JSON object that scripts have as their config")
}

// opened are hooks that can be asked.
type opened struct {
	hooks   []hooks.Hook    // their engines are closed by whoever asks them
	options *config.Options // of the configuration; nil for scripts
	shared  *library.Shared // of scripts; nil for a configuration
	server  *server.Server  // of the configuration, which is not started; nil for scripts
}

// open opens the hooks of the configuration, or those of some scripts. What is
// probably not meant is told.
func (t *tool) open(s *source, scripts []string) (*opened, error) {
	switch {
	case s.conf != "" && len(scripts) > 0:
		return nil, usagef("there are both a configuration and scripts; the configuration says which scripts it loads")
	case s.conf != "" && s.settings != "":
		return nil, usagef("-config is for scripts alone; a configuration says what its hooks are configured with")
	case s.conf != "":
		return t.openConfiguration(s.conf)
	case len(scripts) == 0:
		return nil, usagef("say which scripts are meant, or which configuration by -c")
	}
	return t.openScripts(s.settings, scripts, lua.Options{})
}

func (t *tool) openConfiguration(path string) (*opened, error) {
	o, warnings, err := config.LoadFile(path, t.Environ)
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		t.complain(errors.New("warning: " + w))
	}
	var engines []server.Option
	if t.Engines != nil {
		engines = t.Engines()
	}
	s, err := server.New(o, engines...)
	if err != nil {
		return nil, err
	}
	list, err := s.OpenHooks(t.ctx)
	if err != nil {
		s.Shutdown()
		return nil, err
	}
	return &opened{hooks: list, options: &o, server: s}, nil
}

// openScripts opens scripts as hooks that are named by their files.
func (t *tool) openScripts(settings string, scripts []string, o lua.Options) (_ *opened, err error) {
	if o.Config, err = readSettings(settings); err != nil {
		return nil, err
	}
	out := &opened{}
	if out.shared, err = library.NewShared(library.Options{Control: nobody{}}); err != nil {
		return nil, err
	}
	o.Libraries = library.Modules(out.shared)
	var errs []error
	for _, file := range scripts {
		o.Name, o.File = nameOf(file), file
		e, err := lua.Open(t.ctx, o)
		if err != nil {
			if errs = append(errs, err); filepath.Ext(file) != ".lua" {
				errs = append(errs, fmt.Errorf("%s was read as a script in Lua; plugins are checked by their configuration: moonwire hook check -c CONF", file))
			}
			continue
		}
		out.hooks = append(out.hooks, hooks.Hook{Name: o.Name, Engine: e})
	}
	if len(errs) > 0 {
		errs = append(errs, closeEngines(t.ctx, out.hooks))
		out.close()
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// close lets go of all but the engines, which somebody else closes before.
func (o *opened) close() {
	if o.shared != nil {
		o.shared.Close()
	}
	if o.server != nil {
		o.server.Shutdown()
	}
}

// asker returns what asks the hooks, and closes them.
func (o *opened) asker(ctx context.Context) (*asker, error) {
	a, err := newAsker(ctx, o.hooks, hooks.Options{})
	if err == nil && o.options != nil {
		a.maxPayload = o.options.MaxPayload
	}
	return a, err
}

// readSettings reads a JSON object from a file; "" is none.
func readSettings(path string) (map[string]any, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("-config: %w", err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("-config: %s is no JSON object: %w", path, err)
	}
	return m, nil
}

// Limits returns what bounds the script of a hook, in a broker as in its tests.
func Limits(h *config.Hook) lua.Limits {
	return lua.Limits{Instructions: h.Limits.Instructions, Memory: h.Limits.Memory, VMs: h.Limits.VMs, BlockingVMs: h.Limits.BlockingVMs}
}

// nobody is the connections that there are at a desk.
type nobody struct{}

// Disconnect implements [hooks.Control].
func (nobody) Disconnect(of hooks.Selector, _ string) (int, error) { return 0, of.Check() }

// SetPermissions implements [hooks.Control].
func (nobody) SetPermissions(of hooks.Selector, _ *hooks.Permissions) (int, error) {
	return 0, of.Check()
}
