//go:build linux

package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"moonwire/cmd/moonbench/internal/scenario"
	"moonwire/cmd/moonbench/internal/sequence"
)

// Config says what to run against which server.
type Config struct {
	Addr     string            // host:port
	Scenario scenario.Scenario // must be valid
	Meter    Meter             // of the server
	Warmup   time.Duration     // load before the measured window
	Measure  time.Duration     // length of the measured window
	Patience time.Duration     // how long nothing may arrive until it counts as lost; 0 is DefaultPatience
	Loops    int               // loader threads; 0 is half the CPUs

	// TLS says whom to trust. Scenarios with TLS need it, the others ignore
	// it. The server's name is the host of Addr if it names none.
	TLS *tls.Config
}

// DefaultPatience is how long a run waits for messages that do not come.
const DefaultPatience = 5 * time.Second

// Meter reads the cost of the server under test.
type Meter interface {
	CPU() (time.Duration, error) // used so far
	RSS() (int64, error)         // bytes
	Refresh() error              // called before the window begins
}

// ErrStream is wrapped by errors that say that messages were lost, duplicated,
// out of order or changed.
var ErrStream = errors.New("the server did not deliver what was published")

// Session is one scenario's connections to one server.
type Session struct {
	cfg    Config
	addr   netip.AddrPort
	shared *shared
	tls    *tls.Config // nil without TLS; immutable
	loops  []*loop
	counts []*atomic.Uint64 // what was sent: each leads to Scenario.Copies units
	checks []check
	stuck  *stuckGroup // nil if there are none

	receivers int // connections that are probed in the end
	info      serverInfo
	baseRSS   int64 // before the first connection
}

// check tells in the end what one receiver found about one stream.
type check struct {
	what   string // "subscriber 3, publisher 0"
	report func() sequence.Report
}

// Open connects and subscribes everything that the scenario needs. The caller
// must Close the Session, also if Run fails.
func Open(ctx context.Context, cfg Config) (*Session, error) {
	if err := cfg.Scenario.Validate(); err != nil {
		return nil, err
	}
	if cfg.Patience == 0 {
		cfg.Patience = DefaultPatience
	}
	if cfg.Loops == 0 {
		cfg.Loops = max(1, runtime.NumCPU()/2)
	}
	if err := checkFiles(&cfg.Scenario); err != nil {
		return nil, err
	}
	addr, err := resolve(ctx, cfg.Addr)
	if err != nil {
		return nil, err
	}
	secure, err := clientTLS(&cfg)
	if err != nil {
		return nil, err
	}
	s := &Session{cfg: cfg, addr: addr, tls: secure, shared: &shared{
		trouble: make(chan struct{}, 1),
		acks:    make(chan phase, cfg.Loops*int(quitting)),
	}}
	bufSize := max(256<<10, 4*(cfg.Scenario.Payload+cfg.Scenario.Header))
	for range cfg.Loops {
		l, err := newLoop(s.shared, bufSize)
		if err != nil {
			s.Close()
			return nil, err
		}
		if secure != nil {
			l.sealed = make([]byte, bufSize)
		}
		s.loops = append(s.loops, l)
	}
	if s.baseRSS, err = restingRSS(cfg.Meter); err != nil {
		s.Close()
		return nil, err
	}
	b := builder{Session: s, ctx: ctx, sc: &s.cfg.Scenario}
	if err := b.build(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// checkFiles refuses a scenario that needs more connections than the process
// may open.
func checkFiles(sc *scenario.Scenario) error {
	const spare = 64
	need := uint64(sc.Publishers + sc.Subscribers + sc.Bystanders + sc.Stuck + sc.Slow + sc.Connections + spare)
	if limit := fileLimit(); need > limit {
		return fmt.Errorf("scenario %q needs %d file descriptors, the limit is %d: raise it with ulimit -n, for the server too", sc.Name, need, limit)
	}
	return nil
}

// restingRSS is the server's memory before anybody connects.
func restingRSS(m Meter) (int64, error) {
	if err := m.Refresh(); err != nil {
		return 0, err
	}
	return m.RSS()
}

func resolve(ctx context.Context, addr string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("server address: %w", err)
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("server address: %w", err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("server address: %w", err)
	}
	return netip.AddrPortFrom(ips[0].Unmap(), uint16(n)), nil
}

// Close ends all connections. The loops must not be running: Run has returned
// or was never called.
func (s *Session) Close() {
	for _, l := range s.loops {
		l.close()
	}
	if s.stuck != nil {
		s.stuck.close()
	}
}

// Run runs the load and returns what it cost. It returns an error that wraps
// ErrStream if the streams were not what they should be.
func (s *Session) Run(ctx context.Context) (Result, error) {
	s.shared.epoch = time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, l := range s.loops {
		wg.Go(func() {
			if err := l.run(); err != nil {
				cancel(err)
			}
		})
	}
	if s.stuck != nil {
		s.stuck.start(cancel)
	}
	res, err := s.conduct(ctx)
	s.enter(quitting)
	wg.Wait()
	if s.stuck != nil {
		res.Cut = s.stuck.stop()
	}
	if err == nil || s.shared.odd.Load() || errors.Is(err, ErrStream) {
		// An anomaly explains more than what it led to.
		if verdict := s.verdict(); verdict != nil {
			return res, verdict
		}
	}
	if err != nil {
		return res, err
	}
	for _, l := range s.loops {
		res.Stall = max(res.Stall, time.Duration(l.stall))
	}
	if s.cfg.Scenario.HasLatency() {
		res.Latency = newHistogram()
		for _, l := range s.loops {
			res.Latency.Merge(l.latency)
		}
	}
	if s.cfg.Scenario.Paced() {
		res.Late = newHistogram()
		for _, l := range s.loops {
			res.Late.Merge(l.late)
		}
	}
	return res, nil
}

// verdict collects what the receivers have found. The loops must have ended.
func (s *Session) verdict() error {
	var errs []error
	const shown = 5
	bad := 0
	for _, c := range s.checks {
		r := c.report()
		if r.OK() {
			continue
		}
		if bad++; bad <= shown {
			errs = append(errs, fmt.Errorf("%s: %s", c.what, r))
		}
	}
	if bad == 0 {
		return nil
	}
	if bad > shown {
		errs = append(errs, fmt.Errorf("and %d more", bad-shown))
	}
	return fmt.Errorf("%w:\n%w", ErrStream, errors.Join(errs...))
}
