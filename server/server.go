package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nkeys"
	"go.uber.org/zap"

	"moonwire/hooks"
	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/conn"
	"moonwire/server/delivery"
	"moonwire/server/interest"
	"moonwire/server/listen"
	"moonwire/server/monitor"
	"moonwire/server/operator"
	"moonwire/server/wire"
)

// Options are the settings of a server. Zero values are defaults.
type Options = config.Options

// Server is a broker. Make it with [New].
type Server struct {
	opts     atomic.Pointer[Options] // with defaults; each is immutable
	log      *zap.Logger
	id       string
	name     string
	xkey     string
	start    time.Time
	loaded   atomic.Int64 // unix ns of the last change of the options
	env      *conn.Env
	ways     ways
	auth     atomic.Pointer[authority]
	accounts *account.Set
	operator *operator.Authenticator // nil unless in operator mode
	system   *system
	monitor  *monitor.Monitor
	changing sync.Mutex    // of what says who may do what: one change at a time
	rules    atomic.Uint64 // how often that has changed
	claims   claims        // guarded by changing

	contexts delivery.Pool
	ordinals interest.Ordinals
	traffic  account.Traffic
	lastID   atomic.Uint64
	total    atomic.Uint64 // connections ever admitted
	cut      atomic.Int64  // slow consumers
	stale    atomic.Int64
	lameDuck atomic.Bool
	brakes   brakes
	hooks    *hooks.Manager
	loader   *hookLoader
	natives  []hooks.Spec         // hooks in Go, of whoever embeds the server
	onReload func(*Options) error // nil for nothing

	tasks sync.WaitGroup // accept loops, connections, housekeeping
	quit  chan struct{}  // closed when Shutdown begins
	done  chan struct{}  // closed when it has ended
	ready chan struct{}  // closed when clients can connect

	mu struct {
		sync.Mutex
		started, stopping bool
		listener          net.Listener
		unix              net.Listener
		web               *listen.WebSocket
		certs             *certificates
		monitor           net.Listener
		http              *monitor.Server
		profile           net.Listener
		profiler          *monitor.Server
		clients           map[uint64]*conn.Client
		admitted          int
		closed            closedRing
		portsFile         string // to remove at the end; "" if there is none
	}
}

// An Option gives a new server something that is no setting.
type Option func(*Server)

// WithLogger makes the server log to l. Without it the server is silent.
func WithLogger(l *zap.Logger) Option { return func(s *Server) { s.log = l } }

// New returns a server that is not started yet. The error names everything
// that is wrong with o.
func New(o Options, with ...Option) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("invalid options: %w", err)
	}
	o = o.WithDefaults()
	key, err := nkeys.CreateServer()
	if err != nil {
		return nil, fmt.Errorf("making the server's key: %w", err)
	}
	curve, err := nkeys.CreateCurveKeys()
	if err != nil {
		return nil, fmt.Errorf("making the server's curve key: %w", err)
	}
	s := &Server{
		log: zap.NewNop(), start: time.Now(),
		quit: make(chan struct{}), done: make(chan struct{}), ready: make(chan struct{}),
	}
	s.opts.Store(&o)
	s.loaded.Store(s.start.UnixNano())
	if s.id, err = key.PublicKey(); err != nil {
		return nil, fmt.Errorf("making the server's key: %w", err)
	}
	if s.xkey, err = curve.PublicKey(); err != nil {
		return nil, fmt.Errorf("making the server's curve key: %w", err)
	}
	if s.name = o.ServerName; s.name == "" {
		s.name = s.id
	}
	s.loader = newHookLoader(s)
	for _, w := range with {
		w(s)
	}
	s.brakes = newBrakes(s.log)
	s.mu.clients = make(map[uint64]*conn.Client)
	s.env = &conn.Env{
		Host: host{s}, Log: s.log, Contexts: &s.contexts, Ordinals: &s.ordinals,
		Traffic: &s.traffic, ServerName: s.name, Failures: s.brakes.failures.Zap(),
	}
	s.env.Tracing.Store(o.Trace)
	s.env.NotifyDenied.Store(o.Hooks.Notify)
	s.env.Limits.Store(limits(&o))
	s.ways.init(&o)
	s.monitor = monitor.New(source{s}, monitor.Options{})
	if err := s.identify(&o); err != nil {
		return nil, err
	}
	s.hooks = s.newHooks()
	return s, nil
}

// options returns the options as they are now.
func (s *Server) options() *Options { return s.opts.Load() }

// identify makes what says who connections are, and where they belong.
func (s *Server) identify(o *Options) error {
	var err error
	var who authority
	if len(o.Operators)+len(o.TrustedKeys) > 0 {
		if s.operator, err = operator.New(o, s.log); err != nil {
			return fmt.Errorf("operator mode: %w", err)
		}
		who, s.claims = operated{s.operator}, make(claims)
		o = s.claimed(o)
	} else if who, err = auth.New(o); err != nil {
		return fmt.Errorf("authorization: %w", err)
	}
	s.auth.Store(&who)
	if s.accounts, err = account.NewSet(o); err != nil {
		if s.operator != nil {
			s.operator.Close()
		}
		return fmt.Errorf("accounts: %w", err)
	}
	if s.operator != nil {
		s.operator.OnUpdate(s.reviewAccount)
		s.operator.InUse(s.accountInUse)
	}
	s.system = newSystem(s, s.accounts.System())
	if s.operator != nil {
		s.serveClaims()
	}
	s.serveMonitor()
	return nil
}

func limits(o *Options) *conn.Limits {
	return &conn.Limits{
		MaxPayload:       o.MaxPayload,
		MaxControlLine:   o.MaxControlLine,
		MaxPending:       o.MaxPending,
		MaxSubscriptions: o.MaxSubscriptions,
		MaxSubTokens:     o.MaxSubTokens,
		PingInterval:     o.PingInterval,
		PingMax:          o.PingMax,
		WriteDeadline:    o.WriteDeadline,
		AuthTimeout:      o.AuthTimeout,
		Headers:          !o.NoHeaderSupport,
		NoStall:          o.NoFastProducerStall,
	}
}

// ErrStarted is returned by a second Start.
var ErrStarted = errors.New("the server was already started")

// Start opens the listeners and returns; clients can connect then. The error
// names the address or the file that could not be had, and nothing is left
// open. A server is started once.
func (s *Server) Start() error {
	s.changing.Lock() // a reload waits until there is all that it replaces
	defer s.changing.Unlock()
	if err := s.begin(); err != nil {
		return err
	}
	s.banner()
	_, err := s.loadHooks(s.options()) // without Server.mu: they may need the server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stopping {
		return ErrNotRunning
	}
	if err == nil {
		err = s.openLocked()
	}
	if err != nil {
		s.mu.stopping = true
		close(s.quit)
		s.closeAllLocked()
		stopMonitor(s.mu.http)
		stopMonitor(s.mu.profiler)
		s.tasks.Wait()
		s.env.Dormitory.Close()
		s.letGo(s.mu.certs)
		s.closeHooks()
		s.brakes.close()
		close(s.done)
		return err
	}
	s.tasks.Go(s.system.run)
	s.acceptAllLocked()
	s.tasks.Add(2)
	go s.housekeeping()
	go s.loader.follow()
	s.log.Info("Server is ready")
	close(s.ready)
	return nil
}

// begin notes that the server was started, or is never to be. It may be done once.
func (s *Server) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.started {
		return ErrStarted
	}
	s.mu.started = true
	return nil
}

func (s *Server) banner() {
	s.log.Info("Starting moonwire")
	s.log.Info("  Version:  " + Version + ", for clients of nats-server " + CompatibleVersion)
	s.log.Info("  Name:     " + s.name)
	s.log.Info("  ID:       " + s.id)
}

// openLocked opens the listeners and writes the files that tell of them.
func (s *Server) openLocked() error {
	var err error
	if s.env.Dormitory, err = conn.NewDormitory(); err != nil {
		return err
	}
	if s.mu.certs, err = s.newCertificates(s.options()); err != nil {
		return err
	}
	s.mu.certs.install(s)
	if o := s.options(); o.HTTPPort != 0 || o.HTTPSPort != 0 {
		if err = s.startMonitorLocked(); err != nil {
			return fmt.Errorf("starting the monitoring endpoint: %w", err)
		}
	}
	if s.options().ProfPort != 0 {
		if err = s.startProfilerLocked(); err != nil {
			return fmt.Errorf("starting the profiling endpoint: %w", err)
		}
	}
	if err = s.listenLocked(); err != nil {
		return err
	}
	s.announceLocked()
	return s.writeFilesLocked()
}

// hostPort names a listener by the host that was asked for and the port that
// was given.
func hostPort(host string, a net.Addr) string {
	return net.JoinHostPort(host, strconv.Itoa(port(a)))
}

func port(a net.Addr) int {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.Port
	}
	return 0
}

// accept serves a new connection, or tells it why not.
func (s *Server) accept(by *conn.Entrance, nc net.Conn, p conn.Presented) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stopping {
		_ = nc.Close()
		return false
	}
	var refused *wire.Error
	if most := max(s.options().MaxConnections, 0); s.mu.admitted >= most { // negative: nobody
		refused = wire.ErrMaxConnections
		s.brakes.failures.Zap().Error(wire.ErrMaxConnections.Text + ": " + strconv.Itoa(most))
	} else {
		s.total.Add(1)
		s.mu.admitted++
	}
	c := conn.New(s.env, by, nc, p, s.lastID.Add(1))
	s.mu.clients[c.ID] = c
	s.tasks.Add(1) // until Closed
	go c.Serve(refused)
	return true
}

// ReadyForConnections reports whether clients can connect, waiting for at most
// d.
func (s *Server) ReadyForConnections(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.ready:
		return true
	case <-s.quit:
	case <-t.C:
	}
	return false
}

// ID returns the server's public key, as in INFO.
func (s *Server) ID() string { return s.id }

// Name returns the server's name.
func (s *Server) Name() string { return s.name }

// Addr returns where clients connect, or nil before Start.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.listener == nil {
		return nil
	}
	return s.mu.listener.Addr()
}

// WebSocketAddr returns where clients connect that speak WebSocket, or nil when
// there is no such listener.
func (s *Server) WebSocketAddr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.web == nil {
		return nil
	}
	return s.mu.web.Addr()
}

// MonitorAddr returns where the monitoring endpoint listens, or nil when there
// is none.
func (s *Server) MonitorAddr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.monitor == nil {
		return nil
	}
	return s.mu.monitor.Addr()
}

// ProfilerAddr returns where the profiling endpoint listens, or nil when there
// is none.
func (s *Server) ProfilerAddr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.profile == nil {
		return nil
	}
	return s.mu.profile.Addr()
}

// ClientURL returns a URL that a client on this machine can connect to, such
// as nats://127.0.0.1:4222; "" before Start.
func (s *Server) ClientURL() string {
	a, ok := s.Addr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	host := a.IP.String()
	if a.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "nats://" + net.JoinHostPort(host, strconv.Itoa(a.Port))
}

// ErrNotRunning is returned for a connection to a server that was not started,
// or is stopped.
var ErrNotRunning = errors.New("the server is not running")

// InProcessConn returns a connection to the server that does not leave the
// process; nats.go takes the server itself as an option: nats.InProcessServer.
func (s *Server) InProcessConn() (net.Conn, error) {
	select {
	case <-s.ready:
	default:
		return nil, ErrNotRunning
	}
	client, server := listen.Pipe()
	if !s.accept(&s.ways.inProcess, server, conn.Presented{}) {
		_ = client.Close()
		return nil, ErrNotRunning
	}
	return client, nil
}

// sweepEvery is how often the indexes drop results that nothing uses.
const sweepEvery = 10 * time.Second

func (s *Server) housekeeping() {
	defer s.tasks.Done()
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-t.C:
			s.accounts.Sweep()
		}
	}
}

// closeAllLocked closes the listeners and removes the ports file.
func (s *Server) closeAllLocked() {
	s.stopListeningLocked()
	if s.mu.portsFile != "" {
		_ = os.Remove(s.mu.portsFile)
	}
}

// Shutdown closes all connections and listeners and waits until nothing of the
// server is left. What is queued for a client is sent first, for up to a
// second. Further calls wait for the first.
func (s *Server) Shutdown() {
	s.mu.Lock()
	if s.mu.stopping {
		s.mu.Unlock()
		<-s.done
		return
	}
	s.mu.stopping = true
	s.log.Info("Initiating Shutdown...")
	close(s.quit)
	s.closeAllLocked()
	for _, c := range s.mu.clients {
		c.Close(conn.ServerShutdown)
	}
	h, p, certs := s.mu.http, s.mu.profiler, s.mu.certs
	s.mu.Unlock()
	stopMonitor(h)
	stopMonitor(p)
	s.tasks.Wait()
	s.env.Dormitory.Close()
	s.letGo(certs)
	s.closeHooks()
	s.brakes.close()
	s.log.Info("Server Exiting..")
	close(s.done)
}

// WaitForShutdown returns when the server has stopped.
func (s *Server) WaitForShutdown() { <-s.done }
