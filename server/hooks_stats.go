package server

import (
	"time"

	"moonwire/hooks"
	"moonwire/server/monitor"
)

// kindGo is the kind of hooks of an embedder.
const kindGo = "go"

// Hooks implements [monitor.Source].
func (m source) Hooks() []monitor.HookInfo {
	stats := m.s.hooks.Set().Stats()
	now := m.s.loader.now.Load()
	list := make([]monitor.HookInfo, len(stats))
	for i := range stats {
		list[i] = monitor.HookInfo{HookStats: stats[i], Kind: kindGo}
		now.describe(&list[i])
	}
	return list
}

// describe adds what the options and the engine say of a hook.
func (l *loadedHooks) describe(i *monitor.HookInfo) {
	for j := range l.list {
		h := &l.list[j]
		if h.Name != i.Name {
			continue
		}
		from := sourceOf(h)
		i.Kind, i.Path = from.kind, from.path
		i.Accounts, i.Subjects, i.Final = h.Accounts, h.Subjects, h.Final
		i.OnError, i.Timeout = (*byPoint[string])(&h.OnError).said(), (*byPoint[time.Duration])(&h.Timeout).said()
	}
	rec := l.live(i.Name, i.Reloads[hooks.ReloadRolledBack])
	if rec == nil {
		return
	}
	if e, ok := rec.engine.(interface{ Instructions() hooks.Histogram }); ok {
		n := e.Instructions()
		i.Instructions = &n
	}
	if e, ok := rec.engine.(interface {
		Up() bool
		Restarts() uint64
	}); ok {
		i.Plugin = &monitor.PluginInfo{Up: e.Up(), Restarts: e.Restarts()}
	}
}
