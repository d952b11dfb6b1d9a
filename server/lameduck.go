package server

import (
	"math/rand/v2"
	"time"

	"moonwire/server/conn"
)

// LameDuck takes the server out of service gently: it accepts no more
// connections, tells the clients that understand it to go elsewhere, and after
// lame_duck_grace_period closes those that are left one by one, spread over
// the rest of lame_duck_duration. Then it shuts down. LameDuck returns at
// once; see WaitForShutdown. Further calls do nothing.
func (s *Server) LameDuck() {
	s.mu.Lock()
	if s.mu.stopping || !s.mu.started || s.lameDuck.Swap(true) {
		s.mu.Unlock()
		return
	}
	s.log.Info("Entering lame duck mode, stop accepting new clients")
	s.stopListeningLocked()
	s.announceLocked()
	clients := s.clientsLocked()
	s.mu.Unlock()

	for _, c := range clients {
		c.Inform()
	}
	go s.retire()
}

// InLameDuck reports whether LameDuck was called.
func (s *Server) InLameDuck() bool { return s.lameDuck.Load() }

// retire closes the connections and shuts down. It belongs to nobody but ends
// with the server: each wait is cut short by quit.
func (s *Server) retire() {
	defer s.Shutdown()
	s.mu.Lock()
	left := len(s.mu.clients)
	s.mu.Unlock()
	if left == 0 || !s.pause(s.options().LameDuckGracePeriod) {
		return
	}
	s.mu.Lock()
	clients := s.clientsLocked()
	s.mu.Unlock()
	if len(clients) == 0 {
		return
	}
	s.log.Info("Closing existing clients")
	spread := s.options().LameDuckDuration - s.options().LameDuckGracePeriod
	interval := min(spread/time.Duration(len(clients)), time.Second)
	for _, c := range clients {
		c.Close(conn.ServerShutdown)
		// At random, so that servers that retire together do not send their
		// clients in step.
		if interval > 0 && !s.pause(interval/2+rand.N(interval/2+1)) {
			return
		}
	}
}

// pause waits, and reports false when the server is shut down meanwhile.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.quit:
		return false
	case <-t.C:
		return true
	}
}

func (s *Server) clientsLocked() []*conn.Client {
	list := make([]*conn.Client, 0, len(s.mu.clients))
	for _, c := range s.mu.clients {
		list = append(list, c)
	}
	return list
}
