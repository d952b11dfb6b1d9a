package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"moonwire/hooks"
	"moonwire/server/config"
)

// hookSource is where the engine of a hook comes from.
type hookSource struct {
	kind string
	path string // of script or program; "" for builtin hooks
}

func sourceOf(h *config.Hook) hookSource {
	switch {
	case h.Lua != "":
		return hookSource{EngineLua, h.Lua}
	case h.Plugin != "":
		return hookSource{EnginePlugin, h.Plugin}
	}
	return hookSource{kind: EngineBuiltin}
}

// String says what the hook is.
func (s hookSource) String() string { return strings.TrimSpace(s.kind + " " + s.path) }

// hookList returns the hooks that options name, with paths that are seen from
// the working directory.
func hookList(o *Options) ([]config.Hook, error) {
	if o.Hooks.ScriptsDir != "" {
		return scriptsIn(o.HookPath(o.Hooks.ScriptsDir))
	}
	list := make([]config.Hook, len(o.Hooks.Load))
	for i, h := range o.Hooks.Load {
		for _, path := range []*string{&h.Lua, &h.Plugin} {
			if *path != "" {
				*path = o.HookPath(*path)
			}
		}
		h.Watch = slices.Clone(h.Watch) // or the options would change
		for j, path := range h.Watch {
			h.Watch[j] = o.HookPath(path)
		}
		list[i] = h
	}
	return list, nil
}

const (
	scriptSuffix = ".lua"
	testSuffix   = "_test.lua"
)

// scriptsIn returns a hook for each script in a folder, in the order of their
// names. Tests of scripts are none.
func scriptsIn(dir string) ([]config.Hook, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("hooks.scripts_dir: %w", err)
	}
	var list []config.Hook
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), scriptSuffix)
		if !ok || strings.HasSuffix(e.Name(), testSuffix) || strings.HasPrefix(name, ".") {
			continue
		}
		list = append(list, config.Hook{Name: name, Lua: filepath.Join(dir, e.Name())})
	}
	o := Options{Hooks: config.Hooks{Load: list}}
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("hooks.scripts_dir: %s: %w", dir, err)
	}
	return o.WithDefaults().Hooks.Load, nil
}

// specsLocked returns what is to be at work: hooks in Go first, and then those of
// a list. The error joins all that is wrong.
func (l *hookLoader) specsLocked(o *Options, list []config.Hook) ([]hooks.Spec, error) {
	specs := append([]hooks.Spec(nil), l.server.natives...)
	var errs []error
	for i := range list {
		spec, err := l.specLocked(o, &list[i])
		specs, errs = append(specs, spec), append(errs, err)
	}
	return specs, errors.Join(errs...)
}

// specLocked returns what is to be made of one hook.
func (l *hookLoader) specLocked(o *Options, h *config.Hook) (spec hooks.Spec, err error) {
	spec.Name, spec.Accounts, spec.Subjects, spec.Final = h.Name, h.Accounts, h.Subjects, h.Final
	if spec.Mode, err = hooks.ParseMode(cmp.Or(h.Mode, hooks.Enforce.String())); err != nil {
		return spec, fmt.Errorf("hook %q: mode: %w", h.Name, err)
	}
	if spec.OnError, err = onError(h.OnError); err != nil {
		return spec, fmt.Errorf("hook %q: on_error: %w", h.Name, err)
	}
	spec.Timeout = (*byPoint[time.Duration])(&h.Timeout).all()
	if spec.Mode == hooks.Off {
		return spec, nil // it needs no engine
	}
	from := sourceOf(h)
	open := l.openers[from.kind]
	if open == nil {
		return spec, fmt.Errorf(`hook %q: this broker has nothing that runs %s hooks; take the hook out, or set "mode: off"`, h.Name, from.kind)
	}
	name, acts := h.Name, l.control()
	if t, ok := acts.(control); ok {
		t.hook, t.mode = name, spec.Mode
		acts = t
	}
	eo := EngineOptions{
		Name: name, Hook: *h, Hooks: o.Hooks, Timeout: spec.Timeout, Control: acts,
		Log: l.server.log.With(zap.String("hook", h.Name)), NoteReads: l.desk,
		ServerName: l.server.name, Flush: func() { l.server.hooks.Set().Flush(name) },
	}
	eo.Hooks.Load = nil
	if ca := eo.Hooks.HTTP.CAFile; ca != "" {
		eo.Hooks.HTTP.CAFile = o.HookPath(ca)
	}
	settings, err := sumSettings(&eo)
	if err != nil {
		return spec, fmt.Errorf("hook %q: %w", h.Name, err)
	}
	var test Tester
	if o.Hooks.Reload.RequireTests {
		test = l.testers[from.kind]
	}
	spec.Version = l.versionLocked(h.Name, settings)
	version := spec.Version
	spec.Open = func(ctx context.Context, old hooks.Engine) (hooks.Engine, error) {
		eo.Old = old
		rec := &openedHook{version: version, path: from.path, settings: settings}
		return l.openLocked(ctx, rec, eo, open, test)
	}
	return spec, nil
}

// sumSettings returns a sum of what an engine is opened with, but for its files:
// what a set of hooks does with the answers is no matter of the engine.
func sumSettings(eo *EngineOptions) (string, error) {
	h, common := eo.Hook, eo.Hooks
	h.Mode, h.OnError, h.Subjects, h.Final = "", config.HookOnError{}, nil, false
	if h.Plugin == "" { // whose commands they bound
		h.Accounts = nil
	}
	common.Reload, common.ScriptsDir, common.Notify = config.HooksReload{}, "", false
	data, err := json.Marshal([]any{h, common})
	if err != nil {
		return "", fmt.Errorf("its settings: %w", err)
	}
	return sumOf(data), nil
}

// byPoint is what options say of a hook by points, for all of them that have
// nothing of their own too.
type byPoint[T comparable] struct{ Default, Connect, Rewrite, Publish, Subscribe, Inspect T }

// all returns what counts at each point; zero if nothing is said.
func (b *byPoint[T]) all() hooks.PerPoint[T] {
	return hooks.PerPoint[T]{
		hooks.AtConnect: cmp.Or(b.Connect, b.Default), hooks.AtRewrite: cmp.Or(b.Rewrite, b.Default),
		hooks.AtPublish: cmp.Or(b.Publish, b.Default), hooks.AtSubscribe: cmp.Or(b.Subscribe, b.Default),
		hooks.AtInspect: cmp.Or(b.Inspect, b.Default),
	}
}

// said returns what is said, by the keys of the options.
func (b *byPoint[T]) said() map[string]T {
	m := map[string]T{
		"default": b.Default, "connect": b.Connect, "rewrite": b.Rewrite, "publish": b.Publish,
		"subscribe": b.Subscribe, "inspect": b.Inspect,
	}
	maps.DeleteFunc(m, func(_ string, v T) bool { return v == *new(T) })
	return m
}

// onError returns what becomes of calls that a hook fails for.
func onError(c config.HookOnError) (all hooks.PerPoint[hooks.OnError], err error) {
	words := (*byPoint[string])(&c).all()
	for p, word := range words {
		if word == "" {
			continue
		}
		if all[p], err = hooks.ParseOnError(word); err != nil {
			return all, err
		}
	}
	return all, nil
}
