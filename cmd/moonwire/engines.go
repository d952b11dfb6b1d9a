package main

import (
	"context"

	"moonwire/hooks"
	"moonwire/hooks/builtin"
	"moonwire/server"
)

// engines are what runs hooks, one for each kind that a configuration may name:
// a server refuses hooks of other kinds. It is called once for each server, so
// what all hooks of a kind share is made here.
func engines() []server.Option {
	return []server.Option{
		server.WithEngine(server.EngineBuiltin, openBuiltin),
	}
}

func openBuiltin(ctx context.Context, o server.EngineOptions) (hooks.Engine, error) {
	return builtin.Open(ctx, o.Hook.Builtin, o.Hook.Config, o.Old)
}
