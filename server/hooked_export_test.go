package server

import "moonwire/hooks"

// Manager returns what loads the hooks of s.
func Manager(s *Server) *hooks.Manager { return s.hooks }

// MayWait reports whether a CONNECT may wait for somebody now.
func MayWait(s *Server) bool { return host{s}.MayWait() }
