package sdk

import (
	"net"

	"google.golang.org/grpc"

	hookv1 "moonwire/plugins/api/v1"
)

// Server serves a plugin without go-plugin's handshake: in tests, and to a broker
// that attaches to it where [Main] with MOONWIRE_ATTACH will not do, as in a program
// that has other things to do. It does not answer for the health of the plugin.
type Server struct{ grpc *grpc.Server }

// NewServer returns a server for a plugin. The error says which registration has no
// method, or that there is no method at all.
func NewServer(plugin any, registrations ...Registration) (*Server, error) {
	s, err := newService(plugin, registrations...)
	if err != nil {
		return nil, err
	}
	return newServer(s), nil
}

func newServer(s *service) *Server {
	g := grpc.NewServer(serverOptions()...)
	hookv1.RegisterHookServer(g, s)
	return &Server{g}
}

// Serve answers those who connect to l, until Stop.
func (s *Server) Serve(l net.Listener) error { return s.grpc.Serve(l) }

// Stop ends the server and all that it is asked.
func (s *Server) Stop() { s.grpc.Stop() }
