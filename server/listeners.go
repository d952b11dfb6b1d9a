package server

import (
	"fmt"
	"net"

	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/conn"
	"moonwire/server/listen"
)

// ways are the entrances of a server.
type ways struct {
	tcp, unix, web, inProcess conn.Entrance
}

func (w *ways) init(o *Options) {
	w.tcp.Type, w.unix.Type = auth.Standard, auth.Standard
	w.web.Type, w.inProcess.Type = auth.WebSocket, auth.InProcess
	w.web.PingInterval, w.web.AuthTimeout = o.WebSocket.PingInterval, o.WebSocket.AuthTimeout
}

func (s *Server) entrances() [4]*conn.Entrance {
	return [...]*conn.Entrance{&s.ways.tcp, &s.ways.unix, &s.ways.web, &s.ways.inProcess}
}

// listenLocked opens the listeners for clients.
func (s *Server) listenLocked() error {
	o := s.options()
	var err error
	if s.mu.listener, err = listen.TCP(o.Host, o.Port); err != nil {
		return err
	}
	s.log.Info("Listening for client connections on " + hostPort(o.Host, s.mu.listener.Addr()))
	if o.TLS != nil {
		s.log.Info("TLS required for client connections")
	}
	if o.UnixSocket != "" {
		if s.mu.unix, err = listen.Unix(o.UnixSocket); err != nil {
			return err
		}
		s.log.Info("Listening for client connections on unix:" + o.UnixSocket)
	}
	if o.WebSocket.Port != 0 {
		return s.listenWebLocked(o)
	}
	return nil
}

// acceptAllLocked begins to take connections.
func (s *Server) acceptAllLocked() {
	serve := func(by *conn.Entrance, l net.Listener) {
		if l == nil {
			return
		}
		s.tasks.Add(1)
		go func() {
			defer s.tasks.Done()
			listen.Accept(l, s.log, func(nc net.Conn) { s.accept(by, nc, conn.Presented{}) })
		}()
	}
	serve(&s.ways.tcp, s.mu.listener)
	serve(&s.ways.unix, s.mu.unix)
	s.acceptWebLocked()
}

// stopListeningLocked takes no more connections.
func (s *Server) stopListeningLocked() {
	for _, l := range []net.Listener{s.mu.listener, s.mu.unix} {
		if l != nil {
			_ = l.Close()
		}
	}
	if s.mu.web != nil {
		_ = s.mu.web.Close()
	}
}

// certificates are those of the listeners; each follows its files.
type certificates struct {
	clients, web *listen.Certs // nil where there is no TLS
}

// newCertificates reads what o names.
func (s *Server) newCertificates(o *Options) (*certificates, error) {
	c := new(certificates)
	for _, of := range []struct {
		key  string
		tls  *config.TLS
		into **listen.Certs
	}{
		{"tls", o.TLS, &c.clients},
		{"websocket.tls", o.WebSocket.TLS, &c.web},
	} {
		if of.tls == nil {
			continue
		}
		var err error
		if *of.into, err = listen.NewCerts(of.tls, s.log); err != nil {
			c.close()
			return nil, fmt.Errorf("%s: %w", of.key, err)
		}
	}
	return c, nil
}

// install has new connections use the certificates.
func (c *certificates) install(s *Server) {
	if s.mu.web != nil {
		s.mu.web.SetCerts(c.web)
	}
	if c.clients == nil {
		s.ways.tcp.SetTLS(nil)
		return
	}
	o := s.options()
	s.ways.tcp.SetTLS(listen.NewHandshake(o.TLS, c.clients, o.AllowNonTLS))
}

// webScheme is that of the URLs of WebSocket clients.
func (c *certificates) webScheme() string {
	if c.web != nil {
		return "wss"
	}
	return "ws"
}

func (c *certificates) close() {
	if c == nil {
		return
	}
	for _, certs := range []*listen.Certs{c.clients, c.web} {
		if certs != nil {
			certs.Close()
		}
	}
}

// listenWebLocked opens the listener for WebSockets.
func (s *Server) listenWebLocked(o *Options) error {
	w := o.WebSocket
	if w.Host == "" {
		w.Host = o.Host
	}
	var err error
	if s.mu.web, err = listen.NewWebSocket(&w, s.mu.certs.web, s.brakes.web.Zap()); err != nil {
		return err
	}
	if s.mu.certs.web == nil {
		s.log.Warn("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!")
	}
	s.log.Info("Listening for websocket clients on " + s.mu.certs.webScheme() + "://" + hostPort(w.Host, s.mu.web.Addr()))
	return nil
}

func (s *Server) acceptWebLocked() {
	w := s.mu.web
	if w == nil {
		return
	}
	s.tasks.Add(1)
	go func() {
		defer s.tasks.Done()
		w.Serve(func(nc net.Conn, i listen.WebSocketInfo) {
			s.accept(&s.ways.web, nc, conn.Presented{
				JWT: i.JWT, User: i.Username, Password: i.Password, Token: i.Token,
				TLS: i.TLS, Host: i.Host, IP: i.ForwardedFor,
			})
		})
	}()
}

// letGo ends what works in the background.
func (s *Server) letGo(certs *certificates) {
	certs.close()
	if s.operator != nil {
		s.operator.Close()
	}
}
