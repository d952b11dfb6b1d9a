package server

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// ports is the content of the ports file: URLs of each listener.
type ports struct {
	Nats       []string `json:"nats,omitempty"`
	Monitoring []string `json:"monitoring,omitempty"`
	Cluster    []string `json:"cluster,omitempty"`
	Profile    []string `json:"profile,omitempty"`
	WebSocket  []string `json:"websocket,omitempty"`
}

// writeFilesLocked writes the pid file and the ports file, where asked for.
func (s *Server) writeFilesLocked() error {
	if f := s.options().PidFile; f != "" {
		if err := os.WriteFile(f, []byte(strconv.Itoa(os.Getpid())), 0o660); err != nil {
			return fmt.Errorf("writing pid_file: %w", err)
		}
	}
	if s.options().PortsFileDir == "" {
		return nil
	}
	o, scheme := s.options(), "nats"
	if o.TLS != nil && !o.AllowNonTLS {
		scheme = "tls"
	}
	p := ports{Nats: urls(scheme, s.mu.listener.Addr())}
	if s.mu.monitor != nil {
		p.Monitoring = urls(monitorScheme(o), s.mu.monitor.Addr())
	}
	if s.mu.web != nil {
		p.WebSocket = urls(s.mu.certs.webScheme(), s.mu.web.Addr())
	}
	if s.mu.profile != nil {
		p.Profile = urls("http", s.mu.profile.Addr())
	}
	j, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encoding the ports file: %w", err)
	}
	name := fmt.Sprintf("%s_%d.ports", filepath.Base(os.Args[0]), os.Getpid())
	f := filepath.Join(s.options().PortsFileDir, name)
	// Harnesses wait for the file to appear: it must be whole when it does.
	tmp := f + ".tmp"
	if err := os.WriteFile(tmp, j, 0o660); err != nil {
		return fmt.Errorf("writing the ports file in ports_file_dir: %w", err)
	}
	if err := os.Rename(tmp, f); err != nil {
		return fmt.Errorf("writing the ports file in ports_file_dir: %w", err)
	}
	s.mu.files = append(s.mu.files, f)
	return nil
}

// urls returns the URLs under which a listener is reached: one for each
// address of the machine if it listens on all.
func urls(scheme string, a net.Addr) []string {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return nil
	}
	hosts := []string{t.IP.String()}
	if t.IP.IsUnspecified() {
		hosts = nil
		addrs, _ := net.InterfaceAddrs() // none is an answer too
		for _, ia := range addrs {
			if n, ok := ia.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
				hosts = append(hosts, n.IP.String())
			}
		}
	}
	list := make([]string, 0, len(hosts))
	for _, h := range hosts {
		list = append(list, scheme+"://"+net.JoinHostPort(h, strconv.Itoa(t.Port)))
	}
	return list
}
