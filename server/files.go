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
	o := s.options()
	if o.PidFile != "" {
		if err := writePid(o.PidFile); err != nil {
			return err
		}
	}
	if o.PortsFileDir == "" {
		return nil
	}
	f := portsFile(o.PortsFileDir)
	if err := s.writePortsLocked(f); err != nil {
		return err
	}
	s.mu.portsFile = f
	return nil
}

// newFiles writes the files that o wants elsewhere than before, and returns what
// takes those away that were there before (adopt), or the new ones (undo).
func (s *Server) newFiles(before, o *Options) (adopt, undo func(), err error) {
	var older, newer []string
	undo = func() { remove(newer) }
	if o.PidFile != before.PidFile {
		if o.PidFile != "" {
			if err := writePid(o.PidFile); err != nil {
				return nil, nil, err
			}
			newer = append(newer, o.PidFile)
		}
		older = append(older, before.PidFile)
	}
	ports := ""
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.PortsFileDir != "" {
		ports = portsFile(o.PortsFileDir)
	}
	if o.PortsFileDir != before.PortsFileDir {
		if ports != "" {
			if err := s.writePortsLocked(ports); err != nil {
				undo()
				return nil, nil, err
			}
			newer = append(newer, ports)
		}
		older = append(older, s.mu.portsFile)
	}
	older, newer = differing(older, newer), differing(newer, older)
	adopt = func() {
		s.mu.portsFile = ports
		remove(older)
	}
	return adopt, undo, nil
}

// differing returns those of list that are none of the others under another
// name.
func differing(list, others []string) (left []string) {
	for _, f := range list {
		if f != "" && !anySame(f, others) {
			left = append(left, f)
		}
	}
	return left
}

func anySame(f string, others []string) bool {
	a, err := os.Stat(f)
	if err != nil {
		return false
	}
	for _, other := range others {
		if b, err := os.Stat(other); err == nil && os.SameFile(a, b) {
			return true
		}
	}
	return false
}

func remove(files []string) {
	for _, f := range files {
		_ = os.Remove(f)
	}
}

// writePid writes the process id.
func writePid(f string) error {
	if err := os.WriteFile(f, []byte(strconv.Itoa(os.Getpid())), 0o660); err != nil {
		return fmt.Errorf("writing pid_file: %w", err)
	}
	return nil
}

// portsFile returns the path of the ports file in dir.
func portsFile(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("%s_%d.ports", filepath.Base(os.Args[0]), os.Getpid()))
}

// writePortsLocked writes the ports file.
func (s *Server) writePortsLocked(f string) error {
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
	// Harnesses wait for the file to appear: it must be whole when it does.
	tmp := f + ".tmp"
	if err := os.WriteFile(tmp, j, 0o660); err != nil {
		return fmt.Errorf("writing the ports file in ports_file_dir: %w", err)
	}
	if err := os.Rename(tmp, f); err != nil {
		return fmt.Errorf("writing the ports file in ports_file_dir: %w", err)
	}
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
