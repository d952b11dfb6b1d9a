package main

import "moonwire/server"

// engines are what runs hooks, one for each kind that a configuration may name:
//
//	server.WithEngine(server.EngineLua, …), with server.WithTests
//	server.WithEngine(server.EngineBuiltin, …)
//
// A server refuses hooks of the other kinds. It is called once for each server:
// what all hooks of a kind share is made here.
func engines() []server.Option {
	return nil
}
