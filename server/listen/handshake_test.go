package listen

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"moonwire/server/config"
)

// info stands for what the server says first.
const info = "INFO {}\r\n"

// greet begins a connection as a server does.
func greet(h *Handshake, nc net.Conn) (net.Conn, error) {
	nc, err := h.BeforeInfo(nc)
	if err != nil {
		return nc, err
	}
	if _, err := nc.Write([]byte(info)); err != nil {
		return nc, err
	}
	return h.AfterInfo(nc)
}

// begun is how a server's side of a connection began.
type begun struct {
	nc  net.Conn
	err error
}

// begin greets on one end of a connection and returns the other.
func begin(t *testing.T, h *Handshake) (client net.Conn, server <-chan begun) {
	t.Helper()
	client, far := socketPair(t)
	c := make(chan begun, 1)
	go func() {
		nc, err := greet(h, far)
		if err != nil {
			_ = nc.Close()
		}
		c <- begun{nc, err}
	}()
	return client, c
}

// expect reads want.
func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(r, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v, want %q", b, err, want)
	}
}

// echo sends a word and reads it at the other end.
func echo(t *testing.T, from io.Writer, to io.Reader) {
	t.Helper()
	if _, err := from.Write([]byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	expect(t, to, "PING\r\n")
}

// TestHandshake: each way to begin with each way of a client.
func TestHandshake(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	files := ca.issue(time.Hour, "localhost").files(t, t.TempDir())
	certs := newCerts(t, files, zap.NewNop())
	client := &tls.Config{ServerName: "localhost", RootCAs: ca.pool()}
	const (
		first = iota // the client begins with the handshake
		after        // it reads INFO before
		clear        // it never does
	)
	for name, c := range map[string]struct {
		way      int
		first    bool
		fallback time.Duration
		nonTLS   bool
		want     string // error; "" for none
	}{
		"after":                      {way: after},
		"clear, refused":             {way: clear, want: "client sent clear text, TLS is required"},
		"clear, allowed":             {way: clear, nonTLS: true},
		"after, clear allowed":       {way: after, nonTLS: true},
		"first":                      {way: first, first: true},
		"first, clear is no way":     {way: first, first: true, nonTLS: true},
		"first, fallback":            {way: first, first: true, fallback: patience},
		"after, fallback":            {way: after, first: true, fallback: time.Millisecond},
		"after, fallback, allowed":   {way: after, first: true, fallback: time.Millisecond, nonTLS: true},
		"clear, fallback":            {way: clear, first: true, fallback: time.Millisecond, want: "client sent clear text"},
		"clear, fallback, allowed":   {way: clear, first: true, fallback: time.Millisecond, nonTLS: true},
		"clear, although first only": {way: clear, first: true, nonTLS: true, want: "client sent clear text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := NewHandshake(&config.TLS{HandshakeFirst: c.first, HandshakeFallback: c.fallback, Timeout: patience}, certs, c.nonTLS)
			nc, server := begin(t, h)
			firstOnly := c.first && c.fallback == 0
			if c.way != first && !firstOnly {
				expect(t, nc, info)
			}
			if c.way != clear {
				nc = tls.Client(nc, client)
				if err := nc.(*tls.Conn).Handshake(); err != nil {
					t.Fatal(err)
				}
			}
			if c.way == first {
				expect(t, nc, info)
			}
			if _, err := nc.Write([]byte("CONNECT {}\r\n")); err != nil {
				t.Fatal(err)
			}
			s := <-server
			if c.want != "" {
				if s.err == nil || !strings.Contains(s.err.Error(), c.want) {
					t.Fatalf("got %v, want %q", s.err, c.want)
				}
				return
			}
			if s.err != nil {
				t.Fatal(s.err)
			}
			_, secure := s.nc.(*tls.Conn)
			if _, raw := s.nc.(*net.TCPConn); secure != (c.way != clear) || raw == secure {
				t.Errorf("got a %T", s.nc)
			}
			_ = s.nc.SetDeadline(time.Now().Add(patience))
			expect(t, s.nc, "CONNECT {}\r\n")
			echo(t, s.nc, nc)
		})
	}
}

// TestHandshakePipe: what is no socket may choose as well, and loses nothing.
func TestHandshakePipe(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	certs := newCerts(t, ca.issue(time.Hour, "localhost").files(t, t.TempDir()), zap.NewNop())
	h := NewHandshake(&config.TLS{HandshakeFirst: true, HandshakeFallback: time.Millisecond}, certs, true)
	for _, secure := range []bool{false, true} {
		nc, far := Pipe()
		server := make(chan begun, 1)
		go func() {
			nc, err := greet(h, far)
			server <- begun{nc, err}
		}()
		expect(t, nc, info)
		if secure {
			nc = tls.Client(nc, &tls.Config{ServerName: "localhost", RootCAs: ca.pool()})
		}
		sent := make(chan error, 1)
		go func() {
			_, err := nc.Write([]byte("CONNECT {}\r\n"))
			sent <- err
		}()
		s := <-server
		if s.err != nil {
			t.Fatal(s.err)
		}
		expect(t, s.nc, "CONNECT {}\r\n")
		if err := <-sent; err != nil {
			t.Error(err)
		}
		_, _ = far.Close(), nc.Close()
	}
}

// TestHandshakeTimeout: a client has the time it has, whether it is silent or
// trickles; one that may choose is taken for one of clear text.
func TestHandshakeTimeout(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	files := ca.issue(time.Hour, "localhost").files(t, t.TempDir())
	trickle := func(c net.Conn) {
		// The header of a record of 16 KiB, and then a byte now and then.
		for b := []byte{handshakeRecord, 3, 1, 0x3f, 0xff, 1, 0}; ; b = []byte{0} {
			if _, err := c.Write(b); err != nil {
				return
			}
			<-time.After(100 * time.Millisecond)
		}
	}
	silent := func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }
	certs := newCerts(t, files, zap.NewNop())
	for name, c := range map[string]struct {
		peer   func(net.Conn)
		nonTLS bool
		fail   bool
	}{
		"silent":             {silent, false, true},
		"silent, may choose": {silent, true, false},
		"slow":               {trickle, false, true},
		"slow, may choose":   {trickle, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := NewHandshake(&config.TLS{Timeout: time.Second}, certs, c.nonTLS)
				near, far := net.Pipe()
				var peer sync.WaitGroup
				defer peer.Wait()
				defer far.Close()
				peer.Go(func() { c.peer(near) })
				begin := time.Now()
				_, err := h.AfterInfo(far)
				if took := time.Since(begin); took < time.Second || took > 1100*time.Millisecond {
					t.Errorf("it took %s, want 1s", took)
				}
				if c.fail && (err == nil || !strings.Contains(err.Error(), "not done after 1s")) || !c.fail && err != nil {
					t.Errorf("got %v, want an error: %v", err, c.fail)
				}
			})
		})
	}
}

// TestHandshakeGone: a client that goes away, or a server that closes, ends the
// wait.
func TestHandshakeGone(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	certs := newCerts(t, ca.issue(time.Hour, "localhost").files(t, t.TempDir()), zap.NewNop())
	for _, nonTLS := range []bool{false, true} {
		h := NewHandshake(&config.TLS{Timeout: time.Hour}, certs, nonTLS)
		client, server := begin(t, h)
		expect(t, client, info)
		_ = client.Close()
		if s := <-server; !errors.Is(s.err, io.EOF) {
			t.Errorf("got %v, want EOF", s.err)
		}
		client, far := socketPair(t)
		done := make(chan error, 1)
		go func() {
			_, err := greet(h, far)
			done <- err
		}()
		expect(t, client, info)
		_ = far.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want that it was closed", err)
		}
	}
}

// TestHandshakeVerify: who is let in by a certificate, a pin or a version.
func TestHandshakeVerify(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	mine, foreign := ca.issue(time.Hour, "me"), other.issue(time.Hour, "stranger")
	late := ca.issue(-time.Second, "late")
	files := ca.issue(time.Hour, "localhost").files(t, t.TempDir())
	files.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	write(t, files.CAFile, ca.pem())
	files.Timeout = patience
	for name, c := range map[string]struct {
		set    func(*config.TLS)
		client *issued
		max    uint16
		want   string
	}{
		"verified":              {set: func(o *config.TLS) { o.Verify = true }, client: &mine},
		"mapped":                {set: func(o *config.TLS) { o.VerifyAndMap = true }, client: &mine},
		"none asked for":        {set: func(*config.TLS) {}, client: &foreign},
		"no certificate":        {set: func(o *config.TLS) { o.Verify = true }, want: "didn't provide a certificate"},
		"wrong authority":       {set: func(o *config.TLS) { o.Verify = true }, client: &foreign, want: "client certificate CN=stranger"},
		"expired":               {set: func(o *config.TLS) { o.VerifyAndMap = true }, client: &late, want: "client certificate CN=late"},
		"pinned":                {set: func(o *config.TLS) { o.Verify, o.PinnedCerts = true, []string{mine.pin()} }, client: &mine},
		"not pinned":            {set: func(o *config.TLS) { o.Verify, o.PinnedCerts = true, []string{foreign.pin()} }, client: &mine, want: mine.pin()},
		"only pinned":           {set: func(o *config.TLS) { o.PinnedCerts = []string{foreign.pin()} }, client: &foreign},
		"only pinned, another":  {set: func(o *config.TLS) { o.PinnedCerts = []string{foreign.pin()} }, client: &mine, want: "pinned_certs"},
		"only pinned, none":     {set: func(o *config.TLS) { o.PinnedCerts = []string{foreign.pin()} }, want: "certificate"},
		"old version":           {set: func(o *config.TLS) { o.MinVersion = "1.3" }, max: tls.VersionTLS12, want: "version"},
		"very old version":      {set: func(*config.TLS) {}, max: tls.VersionTLS11, want: "version"},
		"1.2 with pinned certs": {set: func(o *config.TLS) { o.PinnedCerts = []string{mine.pin()} }, client: &mine, max: tls.VersionTLS12},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := *files
			c.set(&o)
			nc, server := begin(t, NewHandshake(&o, newCerts(t, &o, zap.NewNop()), false))
			expect(t, nc, info)
			client := &tls.Config{ServerName: "localhost", RootCAs: ca.pool(), MinVersion: tls.VersionTLS10, MaxVersion: c.max}
			if c.client != nil {
				// Whatever authorities the server names.
				client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					p := c.client.pair(t)
					return &p, nil
				}
			}
			secure := tls.Client(nc, client)
			err := secure.Handshake()
			if err == nil {
				_, err = secure.Write([]byte("PING\r\n"))
			}
			s := <-server
			if c.want == "" {
				if s.err != nil || err != nil {
					t.Fatalf("server %v, client %v", s.err, err)
				}
				expect(t, s.nc, "PING\r\n")
				return
			}
			if s.err == nil || !strings.Contains(s.err.Error(), c.want) {
				t.Errorf("got %v, want %q", s.err, c.want)
			}
		})
	}
}

// TestHandshakeUntrusting: the client's mistrust is reported.
func TestHandshakeUntrusting(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	certs := newCerts(t, ca.issue(time.Hour, "localhost").files(t, t.TempDir()), zap.NewNop())
	nc, server := begin(t, NewHandshake(&config.TLS{}, certs, false))
	expect(t, nc, info)
	if err := tls.Client(nc, &tls.Config{ServerName: "localhost", RootCAs: other.pool()}).Handshake(); err == nil {
		t.Error("the client trusts a stranger")
	}
	if s := <-server; s.err == nil || !strings.Contains(s.err.Error(), "bad certificate") {
		t.Errorf("got %v, want that the certificate is bad", s.err)
	}
}

// TestHandshakeLimit: what is above the limit is closed and counted, and can be
// told why in clear.
func TestHandshakeLimit(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	certs := newCerts(t, ca.issue(time.Hour, "localhost").files(t, t.TempDir()), zap.NewNop())
	synctest.Test(t, func(t *testing.T) {
		h := NewHandshake(&config.TLS{ConnectionRateLimit: 2}, certs, false)
		try := func() error {
			near, far := net.Pipe()
			defer near.Close()
			defer far.Close()
			go func() {
				// The bubble's clock stands long before the certificate is valid.
				_, _ = tls.Client(near, &tls.Config{InsecureSkipVerify: true}).Read(make([]byte, 1))
			}()
			_, err := h.AfterInfo(far)
			return err
		}
		for i, want := range []error{nil, nil, ErrThrottled, ErrThrottled} {
			if err := try(); !errors.Is(err, want) {
				t.Errorf("handshake %d: %v, want %v", i, err, want)
			}
		}
		<-time.After(time.Second)
		for i, want := range []error{nil, nil, ErrThrottled} {
			if err := try(); !errors.Is(err, want) {
				t.Errorf("a second later, handshake %d: %v, want %v", i, err, want)
			}
		}
		if got := h.Throttled(); got != 3 {
			t.Errorf("got %d throttled, want 3", got)
		}
	})
}
