package library

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// HTTPOptions say what scripts can reach by http. A zero field means its
// default.
type HTTPOptions struct {
	// Allow, if there are any, are the only places that scripts can connect to:
	// hosts such as "api.example.com" and "*.example.com", addresses, and networks
	// such as "10.0.0.0/8". Deny are places that they cannot; it is stronger.
	// Default is everything but networks where clouds tell secrets: 169.254.0.0/16,
	// fe80::/10, fd00:ec2::/32, fd20:ce::254, 168.63.129.16 and 100.100.100.200. These
	// are only allowed when Allow has an address or a network in one of them, not by a
	// host or a larger network.
	Allow, Deny []string
	// Timeout is how long a request may take, if its call does not end sooner.
	// Default 10s.
	Timeout time.Duration
	// MaxBody is how many bytes an answer may have. Default 1 MiB.
	MaxBody int
	// InFlight is how many requests are under way at once; more are refused.
	// Default 64.
	InFlight int
	// PerHost is how many connections there are to one host; more requests wait.
	// Default 16.
	PerHost int
	// CAFile has certificates in PEM that are trusted beside those of the system.
	CAFile string
	// Resolver finds the addresses of hosts. Default net.DefaultResolver.
	Resolver *net.Resolver
	// Transport, if not nil, takes the place of the network, which the other
	// options bound: for tests of scripts.
	Transport http.RoundTripper
}

// HTTPStats is what http is doing, and what it did.
type HTTPStats struct {
	InFlight int64
	Requests uint64 // that were begun
	Failed   uint64 // of these, without an answer that a script got
	Refused  uint64 // not begun, as too many were in flight
}

// What requests and answers may have.
const (
	mostURL       = 8 << 10
	mostHeaders   = 64
	mostHeader    = 16 << 10 // bytes of all headers of a request
	mostBody      = 1 << 20  // bytes of a request
	mostAnswer    = 64 << 10 // bytes of all headers of an answer
	mostRedirects = 3
	idle          = 30 * time.Second // a connection that is not used
)

// httpLib sends requests for scripts.
type httpLib struct {
	options HTTPOptions // with defaults
	client  *http.Client
	ctx     context.Context // ends with the library
	cancel  context.CancelFunc

	requests, failed, refused atomic.Uint64

	mu struct {
		sync.Mutex
		inFlight int
		closed   bool
		gone     sync.Cond // nothing is in flight any more
	}
}

func newHTTP(o HTTPOptions) (*httpLib, error) {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.InFlight <= 0 {
		o.InFlight = 64
	}
	if o.PerHost <= 0 {
		o.PerHost = 16
	}
	g := guard{resolver: o.Resolver}
	var errs [3]error
	g.allow, errs[0] = parsePlaces("allow", o.Allow)
	g.deny, errs[1] = parsePlaces("deny", o.Deny)
	roots, err := rootCAs(o.CAFile)
	errs[2] = err
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	h := &httpLib{options: o}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.mu.gone.L = &h.mu
	// No proxies, whatever the environment says: the guard would judge them
	// instead of where requests go. No compression: what an answer takes is what
	// was sent. HTTP/1.1, whose connections are simple to bound.
	h.client = &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				ctx, cancel := dialContext(ctx)
				defer cancel()
				return g.dial(ctx, network, address)
			},
			DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				ctx, cancel := dialContext(ctx)
				defer cancel()
				return dialTLS(ctx, &g, roots, network, address)
			},
			DisableCompression:     true,
			MaxIdleConns:           o.InFlight,
			MaxIdleConnsPerHost:    o.PerHost,
			MaxConnsPerHost:        o.PerHost,
			IdleConnTimeout:        idle,
			MaxResponseHeaderBytes: mostAnswer,
		},
	}
	if o.Transport != nil {
		h.client.Transport = o.Transport
	}
	return h, nil
}

// rootCAs returns the system's authorities and those of a file; nil is the
// system's alone.
func rootCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("hooks.http.ca: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("hooks.http.ca: %s has no certificate in PEM", file)
	}
	return pool, nil
}

// requestKey is where the context of a request lies in that of its dial, which
// the transport takes off the end of the request.
type requestKey struct{}

// dialContext returns a context that ends with the request that a connection is
// made for. Connections that nobody waits for would not be bounded in number.
func dialContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	request, ok := ctx.Value(requestKey{}).(context.Context)
	if !ok {
		return ctx, cancel
	}
	stop := context.AfterFunc(request, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

func dialTLS(ctx context.Context, g *guard, roots *x509.CertPool, network, address string) (net.Conn, error) {
	plain, err := g.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err == nil {
		c := tls.Client(plain, &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12})
		if err = c.HandshakeContext(ctx); err == nil {
			return c, nil
		}
	}
	_ = plain.Close()
	return nil, err
}

// enter begins a request, or says why not.
func (h *httpLib) enter() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.closed {
		return errors.New("the broker is closing")
	}
	if h.mu.inFlight >= h.options.InFlight {
		h.refused.Add(1)
		return fmt.Errorf("%d requests are under way already; call later", h.mu.inFlight)
	}
	h.mu.inFlight++
	h.requests.Add(1)
	return nil
}

func (h *httpLib) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.inFlight--; h.mu.inFlight == 0 {
		h.mu.gone.Broadcast()
	}
}

// close ends all requests and waits for that.
func (h *httpLib) close() {
	h.cancel()
	h.mu.Lock()
	h.mu.closed = true
	for h.mu.inFlight > 0 {
		h.mu.gone.Wait()
	}
	h.mu.Unlock()
	h.client.CloseIdleConnections()
}

func (h *httpLib) stats() HTTPStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return HTTPStats{
		InFlight: int64(h.mu.inFlight), Requests: h.requests.Load(),
		Failed: h.failed.Load(), Refused: h.refused.Load(),
	}
}
