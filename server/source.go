package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"runtime"
	"slices"
	"strconv"
	"time"

	"moonwire/server/account"
	"moonwire/server/config"
	"moonwire/server/conn"
	"moonwire/server/listen"
	"moonwire/server/monitor"
)

// startMonitorLocked opens the monitoring endpoint, which has a port with TLS or
// one without.
func (s *Server) startMonitorLocked() error {
	o := s.options()
	l, err := listen.TCP(o.HTTPHost, cmp.Or(o.HTTPSPort, o.HTTPPort))
	if err != nil {
		return err
	}
	if o.HTTPSPort != 0 {
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: s.monitorTLS})
	}
	s.mu.monitor = l
	s.mu.http = monitor.NewServer(s.monitor, s.log)
	s.log.Info("Starting " + monitorScheme(o) + " monitor on " + hostPort(o.HTTPHost, l.Addr()))
	s.serveHTTP(s.mu.http, l)
	return nil
}

// monitorScheme is how URLs of the monitoring endpoint begin.
func monitorScheme(o *Options) string {
	if o.HTTPSPort != 0 {
		return "https"
	}
	return "http"
}

// monitorTLS returns what TLS is for the monitoring endpoint now: as it is for
// clients, but that nobody is asked for a certificate.
func (s *Server) monitorTLS(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	s.mu.Lock()
	certs := s.mu.certs.clients
	s.mu.Unlock()
	of, err := certs.Config().GetConfigForClient(hello)
	if err != nil {
		return nil, err
	}
	c := of.Clone()
	c.ClientAuth, c.VerifyConnection = tls.NoClientCert, nil
	return c, nil
}

// startProfilerLocked opens the profiling endpoint. The rate of the block
// profile belongs to the process: it stays when the server ends.
func (s *Server) startProfilerLocked() error {
	l, err := listen.TCP(s.options().Host, s.options().ProfPort)
	if err != nil {
		return err
	}
	if r := s.options().ProfBlockRate; r > 0 {
		runtime.SetBlockProfileRate(r)
	}
	s.mu.profile = l
	s.mu.profiler = monitor.NewProfiler(s.log)
	s.log.Info("profiling port: " + strconv.Itoa(port(l.Addr())))
	if t, ok := l.Addr().(*net.TCPAddr); ok && !t.IP.IsLoopback() {
		s.log.Warn("Profiles can be read by whoever reaches " + hostPort(s.options().Host, l.Addr()))
	}
	s.serveHTTP(s.mu.profiler, l)
	return nil
}

// serveHTTP answers requests until h is closed.
func (s *Server) serveHTTP(h *monitor.Server, l net.Listener) {
	s.tasks.Add(1)
	go func() {
		defer s.tasks.Done()
		if err := h.Serve(l); err != nil {
			s.log.Error(err.Error())
		}
	}()
}

// monitorGrace is how long requests to the monitoring endpoint may go on when
// the server stops; profiles have as long.
const monitorGrace = time.Second

// stopMonitor closes h, which may be nil.
func stopMonitor(h *monitor.Server) {
	if h == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), monitorGrace)
	defer cancel()
	_ = h.Close(ctx) // it is closed in any case
}

// source shows the server to package monitor.
type source struct{ s *Server }

// ServerID implements [monitor.Source].
func (m source) ServerID() string { return m.s.id }

// Varz implements [monitor.Source].
func (m source) Varz() monitor.Varz {
	s, o, t := m.s, m.s.options(), &m.s.traffic
	v := monitor.Varz{
		ID: s.id, Name: s.name, Version: CompatibleVersion, Moonwire: Version, Proto: 1,
		Host: o.Host, Port: port(s.Addr()), AuthRequired: s.asksFor(s.authority(), s.ways.tcp.Type),
		MaxConnections: o.MaxConnections, MaxSubscriptions: max(o.MaxSubscriptions, 0),
		PingInterval: o.PingInterval, MaxPingsOut: o.PingMax,
		HTTPHost:    o.HTTPHost,
		AuthTimeout: o.AuthTimeout.Seconds(), MaxControlLine: int32(o.MaxControlLine),
		MaxPayload: o.MaxPayload, MaxPending: o.MaxPending, WriteDeadline: o.WriteDeadline,
		SystemAccount: s.accounts.System().Name,
		Start:         s.start, ConfigLoadTime: time.Unix(0, s.loaded.Load()),
		TotalConnections: s.total.Load(),
		InMsgs:           t.InMsgs.Load(), InBytes: t.InBytes.Load(),
		OutMsgs: t.OutMsgs.Load(), OutBytes: t.OutBytes.Load(),
		SlowConsumers: s.cut.Load(), StaleConnections: s.stale.Load(),
		Subscriptions: uint32(s.accounts.Subscriptions()),
	}
	if o.HTTPSPort != 0 {
		v.HTTPSPort = port(s.MonitorAddr())
	} else {
		v.HTTPPort = port(s.MonitorAddr())
	}
	if o.TLS != nil {
		v.TLSRequired, v.TLSVerify = !o.AllowNonTLS, o.TLS.Verify || o.TLS.VerifyAndMap
		v.TLSTimeout = o.TLS.Timeout.Seconds()
	}
	v.InClientMsgs, v.InClientBytes = v.InMsgs, v.InBytes
	v.OutClientMsgs, v.OutClientBytes = v.OutMsgs, v.OutBytes
	v.SlowConsumersBy.Clients = uint64(v.SlowConsumers)
	v.StaleBy.Clients = uint64(v.StaleConnections)
	s.mu.Lock()
	defer s.mu.Unlock()
	v.Connections = s.mu.admitted
	v.TLSCertNotAfter = s.mu.certs.clients.NotAfter()
	if s.mu.web != nil {
		v.Websocket = websocketVarz(&o.WebSocket)
		v.Websocket.Port = port(s.mu.web.Addr())
		v.Websocket.TLSCertNotAfter = s.mu.certs.web.NotAfter()
	}
	return v
}

// websocketVarz returns what is configured of the listener for WebSockets.
func websocketVarz(w *config.WebSocket) monitor.WebsocketVarz {
	v := monitor.WebsocketVarz{
		Host: w.Host, Port: w.Port, Advertise: w.Advertise, NoAuthUser: w.NoAuthUser, JWTCookie: w.JWTCookie,
		HandshakeTimeout: w.HandshakeTimeout, AuthTimeout: w.AuthTimeout.Seconds(), NoTLS: w.NoTLS,
		SameOrigin: w.SameOrigin, AllowedOrigins: slices.Clone(w.AllowedOrigins), Compression: w.Compression,
	}
	if w.TLS != nil {
		v.TLSMap, v.TLSPinnedCerts = w.TLS.VerifyAndMap, slices.Clone(w.TLS.PinnedCerts)
	}
	return v
}

// Conns implements [monitor.Source].
func (m source) Conns(state monitor.ConnState) []monitor.ConnInfo {
	var open []*conn.Client
	var closed []conn.Snapshot
	m.s.mu.Lock()
	if state != monitor.ConnClosed {
		open = m.s.clientsLocked()
	}
	if state != monitor.ConnOpen {
		closed = m.s.mu.closed.all()
	}
	m.s.mu.Unlock()
	list := make([]monitor.ConnInfo, 0, len(open)+len(closed))
	for _, c := range open {
		if s := c.Snapshot(); s.Reason == "" {
			list = append(list, m.connInfo(&s))
		}
	}
	for i := range closed {
		list = append(list, m.connInfo(&closed[i]))
	}
	return list
}

func (m source) connInfo(s *conn.Snapshot) monitor.ConnInfo {
	i := monitor.ConnInfo{
		CID: s.ID, Kind: "Client", Type: conn.ClientType(s.Type), IP: s.IP, Port: s.Port,
		Start: s.Start, LastActivity: s.LastActive, RTT: monitor.RTT(s.RTT),
		Reason: string(s.Reason), Pending: int(s.Pending),
		InMsgs: s.InMsgs, InBytes: s.InBytes, OutMsgs: s.OutMsgs, OutBytes: s.OutBytes,
		NumSubs: uint32(s.NumSubs), Name: s.Name, Lang: s.Lang, Version: s.Version,
		TLSVersion: s.TLSVersion, TLSCipher: s.TLSCipher, TLSFirst: s.TLSFirst,
		AuthorizedUser: s.User, Account: s.Account, Tags: s.Tags, JWT: s.JWT, IssuerKey: s.Issuer,
	}
	if i.NameTag = s.Account; m.s.operator != nil {
		i.NameTag = cmp.Or(m.s.operator.AccountName(s.Account), s.Account)
	}
	for _, c := range s.TLSPeerCerts {
		i.TLSPeerCerts = append(i.TLSPeerCerts, monitor.PeerCert{
			Subject: c.Subject, SubjectPKISha256: c.KeySHA256, CertSha256: c.SHA256,
		})
	}
	if !s.Stop.IsZero() {
		i.Stop = &s.Stop
	}
	return i
}

// Subscriptions implements [monitor.Source].
func (m source) Subscriptions(cid uint64) []monitor.SubDetail {
	m.s.mu.Lock()
	c := m.s.mu.clients[cid]
	closed := m.s.mu.closed.find(cid)
	m.s.mu.Unlock()
	var account string
	var subs []conn.SubSnapshot
	switch {
	case c != nil:
		account, subs = c.Snapshot().Account, c.Subscriptions()
	case closed != nil:
		account, subs = closed.Account, closed.Subs
	}
	list := make([]monitor.SubDetail, 0, len(subs))
	for _, sub := range subs {
		list = append(list, monitor.SubDetail{
			Account: account, Subject: sub.Subject, Queue: sub.Queue, Sid: sub.Sid,
			Msgs: int64(sub.Delivered), Max: int64(sub.Max), CID: cid,
		})
	}
	return list
}

// Accounts implements [monitor.Source].
func (m source) Accounts() []monitor.AccountState {
	all := m.s.accounts.All()
	list := make([]monitor.AccountState, 0, len(all))
	for _, a := range all {
		list = append(list, m.account(a))
	}
	return list
}

func (m source) account(a *account.Account) (s monitor.AccountState) {
	c, t := a.Config.Load(), &a.Traffic
	name, clients, subs := a.Name, int(a.Clients.Load()), uint32(a.Index.Len())
	if m.s.operator != nil {
		name = cmp.Or(m.s.operator.AccountName(a.Name), a.Name)
	}
	s.Stat = monitor.AccountStat{
		Account: a.Name, Name: name, Conns: clients, TotalConns: clients, NumSubs: subs,
		Sent:     monitor.ClientData(t.OutMsgs.Load(), t.OutBytes.Load()),
		Received: monitor.ClientData(t.InMsgs.Load(), t.InBytes.Load()),
	}
	s.Info = monitor.AccountInfo{
		Name: a.Name, NameTag: name, IsSystem: a.IsSystem, Complete: true, Clients: clients, NumSubs: subs,
		Updated: time.Unix(0, m.s.loaded.Load()).UTC(), Index: monitor.IndexStats{NumSubs: subs},
	}
	for i := range c.Exports {
		e := &c.Exports[i]
		s.Info.Exports = append(s.Info.Exports, monitor.AccountExport{
			Subject: e.Subject, Type: direction(e.Service), Response: e.ResponseType, Position: e.TokenPosition,
			Accounts: slices.Clone(e.Accounts),
		})
	}
	for i := range c.Imports {
		e := &c.Imports[i]
		local := cmp.Or(e.To, e.Subject)
		if e.Prefix != "" {
			local = e.Prefix + "." + e.Subject
		}
		out := monitor.AccountImport{Subject: e.Subject, Account: e.Account, Local: local, Type: direction(e.Service), Share: e.Share}
		if e.Service {
			out.To = local
		}
		s.Info.Imports = append(s.Info.Imports, out)
	}
	for _, from := range c.Mappings {
		if s.Info.Mappings == nil {
			s.Info.Mappings = make(map[string][]monitor.AccountDestination)
		}
		for _, d := range from.Destinations {
			s.Info.Mappings[from.Source] = append(s.Info.Mappings[from.Source], monitor.AccountDestination(d))
		}
	}
	return s
}

// direction is how monitoring calls what is exported and imported.
func direction(service bool) string {
	if service {
		return "service"
	}
	return "stream"
}

// Healthz implements [monitor.Source].
func (m source) Healthz() monitor.Health {
	select {
	case <-m.s.quit:
		return monitor.Health{Status: monitor.StatusUnavailable, Error: "the server is shutting down"}
	case <-m.s.ready:
		if m.s.InLameDuck() {
			return monitor.Health{Status: monitor.StatusUnavailable, Error: "the server is in lame duck mode and takes no more clients"}
		}
		return monitor.Health{Status: monitor.StatusOK}
	default:
		return monitor.Health{Status: monitor.StatusUnavailable, Error: "the server is not ready"}
	}
}
