package server

import "moonwire/hooks"

// Manager returns what loads the hooks of s.
func Manager(s *Server) *hooks.Manager { return s.hooks }
