package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"moonwire/cmd/moonwire/hooktool"
	"moonwire/hooks"
	"moonwire/hooks/builtin"
	"moonwire/hooks/lua"
	"moonwire/hooks/lua/library"
	"moonwire/plugins"
	"moonwire/server"
)

// engines are what runs hooks, one for each kind that a configuration may name:
// a server refuses hooks of other kinds. It is called once for each server, so
// what all hooks of a kind share is made here.
func engines() []server.Option {
	scripts := new(scripts)
	return []server.Option{
		server.WithEngine(server.EngineBuiltin, openBuiltin),
		server.WithEngine(server.EngineLua, scripts.open),
		server.WithTests(server.EngineLua, hooktool.Test),
		server.WithEngine(server.EnginePlugin, openPlugin),
	}
}

func openBuiltin(ctx context.Context, o server.EngineOptions) (hooks.Engine, error) {
	return builtin.Open(ctx, o.Hook.Builtin, o.Hook.Config, o.Old)
}

// openPlugin opens a hook that is a program. One that is attached to has no program
// here: what the configuration calls it is its name.
func openPlugin(ctx context.Context, o server.EngineOptions) (hooks.Engine, error) {
	h := &o.Hook
	program := h.Plugin
	if filepath.Base(program) == program { // a file all the same, and not what PATH has of that name
		program = "." + string(filepath.Separator) + program
	}
	if h.Attach != "" {
		program = ""
	}
	return plugins.Open(ctx, plugins.Options{
		Name: o.Name, Command: program, Args: h.Args, Watch: h.Watch, Attach: h.Attach, Env: h.Env, Config: h.Config,
		SHA256: h.SHA256, NoMTLS: h.NoMTLS, Window: h.Window, BatchMax: h.Batch.Max, BatchBytes: h.Batch.Bytes,
		Memory: h.Limits.Memory, RestartMin: h.Restart.Min, RestartMax: h.Restart.Max,
		ServerName: o.ServerName, ServerVersion: server.Version,
		Accounts: h.Accounts, Log: o.Log, Control: o.Control, Flush: o.Flush,
	}, o.Old)
}

// scripts is what all Lua hooks of a server share: the entries of kv, the buckets
// of ratelimit, the connections of http. It is there while a script is.
type scripts struct {
	mu     sync.Mutex
	shared *library.Shared // nil if there are no scripts
	users  int
}

// open opens a Lua hook.
func (s *scripts) open(ctx context.Context, o server.EngineOptions) (hooks.Engine, error) {
	shared, err := s.take(&o)
	if err != nil {
		return nil, err
	}
	opened, err := lua.Open(ctx, lua.Options{
		Name: o.Name, File: o.Hook.Lua, Config: o.Hook.Config, Libraries: library.Modules(shared), Timeout: o.Timeout,
		Limits: hooktool.Limits(&o.Hook), Log: logTo(o.Log), NoteReads: o.NoteReads,
	})
	if err != nil {
		s.give()
		return nil, err
	}
	return &script{Script: opened, give: sync.OnceFunc(s.give)}, nil
}

// take returns what scripts share, for one more of them.
func (s *scripts) take(o *server.EngineOptions) (*library.Shared, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared == nil {
		kv, web := &o.Hooks.KV, &o.Hooks.HTTP
		shared, err := library.NewShared(library.Options{
			KV:      library.KVOptions{Entries: kv.MaxEntries, Bytes: kv.MaxBytes},
			HTTP:    library.HTTPOptions{Allow: web.Allow, Deny: web.Deny, CAFile: web.CAFile},
			Control: o.Control,
		})
		if err != nil {
			return nil, err
		}
		s.shared = shared
	}
	s.users++
	return s.shared, nil
}

// give takes back a take.
func (s *scripts) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 {
		s.shared.Close()
		s.shared = nil
	}
}

// script is a Lua hook that gives back what scripts share.
type script struct {
	*lua.Script
	give func()
}

// Close implements hooks.Engine.
func (s *script) Close(ctx context.Context) error {
	err := s.Script.Close(ctx)
	s.give()
	return err
}

// logTo returns what writes lines of scripts to a log.
func logTo(l *zap.Logger) func(library.Level, string, []any) {
	levels := map[library.Level]zapcore.Level{
		library.Debug: zap.DebugLevel, library.Info: zap.InfoLevel, library.Warn: zap.WarnLevel, library.Error: zap.ErrorLevel,
	}
	return func(level library.Level, message string, fields []any) {
		e := l.Check(levels[level], message)
		if e == nil {
			return
		}
		list := make([]zap.Field, 0, len(fields)/2)
		for i := 0; i+1 < len(fields); i += 2 {
			list = append(list, zap.Any(fmt.Sprint(fields[i]), fields[i+1]))
		}
		e.Write(list...)
	}
}
