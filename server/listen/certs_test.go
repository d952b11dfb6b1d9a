package listen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"moonwire/server/config"
)

// lines is a core of a log that hands the lines on.
type lines struct {
	zapcore.LevelEnabler
	to chan<- zapcore.Entry
}

func (l lines) With([]zapcore.Field) zapcore.Core { return l }
func (l lines) Sync() error                       { return nil }
func (l lines) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return c.AddCore(e, l)
}

func (l lines) Write(e zapcore.Entry, _ []zapcore.Field) error {
	l.to <- e
	return nil
}

// news returns a log, and the lines that it gets.
func news() (*zap.Logger, <-chan zapcore.Entry) {
	to := make(chan zapcore.Entry, 100)
	return zap.New(lines{zap.InfoLevel, to}), to
}

// next returns the next line of the log.
func next(t *testing.T, lines <-chan zapcore.Entry) zapcore.Entry {
	t.Helper()
	select {
	case e := <-lines:
		return e
	case <-time.After(patience):
		t.Fatal("no line was logged")
		return zapcore.Entry{}
	}
}

// serial returns the serial number of the certificate that c shows to a client
// that asks for name.
func serial(t *testing.T, c *Certs, name string, roots *x509.CertPool) int64 {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		s := tls.Server(far, c.Config())
		_ = s.Handshake()
		_ = s.Close()
	}()
	client := tls.Client(near, &tls.Config{ServerName: name, RootCAs: roots})
	if err := client.Handshake(); err != nil {
		t.Fatalf("handshake for %s: %v", name, err)
	}
	return client.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// TestCertsTell: whatever is wrong is said with the key and the file.
func TestCertsTell(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t, "ca")
	good := ca.issue(time.Hour, "localhost").files(t, dir)
	junk := filepath.Join(dir, "junk.pem")
	write(t, junk, []byte("junk"))
	absent := filepath.Join(dir, "absent.pem")
	for name, c := range map[string]struct {
		change func(*config.TLS)
		want   []string
	}{
		"no certificate": {func(o *config.TLS) { o.CertFile, o.KeyFile = "", "" }, []string{"tls.cert_file", "certs"}},
		"absent":         {func(o *config.TLS) { o.CertFile = absent }, []string{"tls.cert_file", absent}},
		"absent key":     {func(o *config.TLS) { o.KeyFile = absent }, []string{"tls.key_file", absent}},
		"absent ca":      {func(o *config.TLS) { o.CAFile = absent }, []string{"tls.ca_file", absent}},
		"junk":           {func(o *config.TLS) { o.CertFile = junk }, []string{"tls.cert_file", junk}},
		"junk ca":        {func(o *config.TLS) { o.CAFile = junk }, []string{"tls.ca_file", junk}},
		"second pair":    {func(o *config.TLS) { o.Certs = []config.CertPair{{CertFile: junk, KeyFile: o.KeyFile}} }, []string{junk}},
		"cipher":         {func(o *config.TLS) { o.CipherSuites = []string{"ROT13"} }, []string{"tls.cipher_suites", "ROT13"}},
		"weak cipher":    {func(o *config.TLS) { o.CipherSuites = []string{"TLS_RSA_WITH_RC4_128_SHA"} }, []string{"RC4", "allow_insecure_cipher_suites"}},
		"curve":          {func(o *config.TLS) { o.CurvePreferences = []string{"P1"} }, []string{"tls.curve_preferences", "P1"}},
		"version":        {func(o *config.TLS) { o.MinVersion = "1.1" }, []string{"tls.min_version", "1.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := *good
			c.change(&o)
			_, err := NewCerts(&o, zap.NewNop())
			if err == nil {
				t.Fatal("got no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("got %q, which does not name %q", err, w)
				}
			}
		})
	}
}

// TestCertsNames: of several certificates the client gets the one for the name
// it asks for, else the first; the end of validity is the earliest.
func TestCertsNames(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	a, b := ca.issue(2*time.Hour, "a.test"), ca.issue(time.Hour, "b.test", "x.test")
	o := a.files(t, t.TempDir())
	of := b.files(t, t.TempDir())
	o.Certs = []config.CertPair{{CertFile: of.CertFile, KeyFile: of.KeyFile}}
	o.CurvePreferences = []string{"X25519", "CurveP256"}
	o.CipherSuites = []string{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}
	c := newCerts(t, o, zap.NewNop())
	for name, want := range map[string]issued{"a.test": a, "b.test": b, "x.test": b} {
		if got := serial(t, c, name, ca.pool()); got != want.leaf.SerialNumber.Int64() {
			t.Errorf("%s got certificate %d, want %s", name, got, want.leaf.SerialNumber)
		}
	}
	if got := c.NotAfter(); !got.Equal(b.leaf.NotAfter) {
		t.Errorf("NotAfter is %s, want %s", got, b.leaf.NotAfter)
	}
}

func TestCurve(t *testing.T) {
	t.Parallel()
	for _, id := range curves {
		if got, ok := Curve(id.String()); !ok || got != id {
			t.Errorf("Curve(%q) = %v, %v", id, got, ok)
		}
	}
	if _, ok := Curve("CurveID(7)"); ok {
		t.Error("an unknown curve has a number")
	}
}

func TestCipherSuite(t *testing.T) {
	t.Parallel()
	if id, weak, ok := CipherSuite("TLS_AES_128_GCM_SHA256"); id != tls.TLS_AES_128_GCM_SHA256 || weak || !ok {
		t.Errorf("got %x, %v, %v", id, weak, ok)
	}
	if id, weak, ok := CipherSuite("TLS_RSA_WITH_RC4_128_SHA"); id != tls.TLS_RSA_WITH_RC4_128_SHA || !weak || !ok {
		t.Errorf("got %x, %v, %v", id, weak, ok)
	}
	if _, _, ok := CipherSuite(""); ok {
		t.Error("no name has a number")
	}
}

// replace puts a file into the place of another.
func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	write(t, path+".new", content)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestCertsFollow: new content of the files is taken without being asked, in
// whichever way it comes there.
func TestCertsFollow(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	old, fresh := ca.issue(time.Hour, "localhost"), ca.issue(time.Hour, "localhost")
	for name, put := range map[string]func(t *testing.T, path string, content []byte){
		"written":  func(t *testing.T, path string, content []byte) { write(t, path, content) },
		"replaced": replace,
		"removed and made anew": func(t *testing.T, path string, content []byte) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			write(t, path, content)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, lines := news()
			o := old.files(t, t.TempDir())
			c := newCerts(t, o, log)
			put(t, o.CertFile, fresh.cert)
			put(t, o.KeyFile, fresh.key)
			e := next(t, lines)
			for e.Level == zap.ErrorLevel {
				e = next(t, lines) // certificate and key were seen apart
			}
			if e.Level != zap.InfoLevel {
				t.Fatalf("got %v %q, want it to be loaded", e.Level, e.Message)
			}
			if got := serial(t, c, "localhost", ca.pool()); got != fresh.leaf.SerialNumber.Int64() {
				t.Errorf("got certificate %d, want %s", got, fresh.leaf.SerialNumber)
			}
		})
	}
}

// TestCertsBroken: content that does not load is reported once, and the old
// stays.
func TestCertsBroken(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	old, fresh := ca.issue(time.Hour, "localhost"), ca.issue(time.Hour, "localhost")
	log, lines := news()
	o := old.files(t, t.TempDir())
	c := newCerts(t, o, log)
	replace(t, o.CertFile, []byte("junk"))
	broken := func() {
		t.Helper()
		if e := next(t, lines); e.Level != zap.ErrorLevel || !strings.Contains(e.Message, o.CertFile) {
			t.Fatalf("got %v %q, want an error that names %s", e.Level, e.Message, o.CertFile)
		}
		if got := serial(t, c, "localhost", ca.pool()); got != old.leaf.SerialNumber.Int64() {
			t.Fatalf("got certificate %d, want the old one", got)
		}
	}
	broken()
	if err := c.Reload(); err == nil || !strings.Contains(err.Error(), o.CertFile) {
		t.Errorf("Reload = %v, want an error that names %s", err, o.CertFile)
	}

	c.Close() // from here on we look ourselves
	c.look()
	replace(t, o.CertFile, []byte("junk"))
	c.look()
	if len(lines) > 0 {
		t.Errorf("got %q, although nothing is new", (<-lines).Message)
	}
	replace(t, o.CertFile, fresh.cert) // but not the key
	c.look()
	broken()
	replace(t, o.KeyFile, fresh.key)
	c.look()
	if e := next(t, lines); e.Level != zap.InfoLevel {
		t.Errorf("got %v %q, want it to be loaded", e.Level, e.Message)
	}
	if got := serial(t, c, "localhost", ca.pool()); got != fresh.leaf.SerialNumber.Int64() {
		t.Errorf("got certificate %d, want %s", got, fresh.leaf.SerialNumber)
	}
}

// TestCertsTurned: files are links into a directory that is itself a link, which
// is turned to a new directory; so Kubernetes changes secrets.
func TestCertsTurned(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	dir := t.TempDir()
	link := func(target, path string) {
		t.Helper()
		if err := os.Symlink(target, path+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	fill := func(name string) issued {
		t.Helper()
		i := ca.issue(time.Hour, "localhost")
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		i.files(t, filepath.Join(dir, name))
		return i
	}
	fill("..1")
	link("..1", filepath.Join(dir, "..data"))
	o := &config.TLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	link("..data/tls.crt", o.CertFile)
	link("..data/tls.key", o.KeyFile)
	log, lines := news()
	c := newCerts(t, o, log)
	for _, name := range []string{"..2", "..3"} {
		fresh := fill(name)
		link(name, filepath.Join(dir, "..data"))
		if e := next(t, lines); e.Level != zap.InfoLevel {
			t.Fatalf("got %v %q, want it to be loaded", e.Level, e.Message)
		}
		if got := serial(t, c, "localhost", ca.pool()); got != fresh.leaf.SerialNumber.Int64() {
			t.Errorf("got certificate %d, want %s", got, fresh.leaf.SerialNumber)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "..3")); err != nil {
		t.Fatal(err)
	}
	if e := next(t, lines); e.Level != zap.ErrorLevel || !strings.Contains(e.Message, o.CertFile) {
		t.Errorf("got %v %q, want an error that names %s", e.Level, e.Message, o.CertFile)
	}
	if err := c.Reload(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Reload = %v, want that it does not exist", err)
	}
}

// TestReloadAuthority: a client that has a session of before is refused as well
// when its authority is no longer trusted.
func TestReloadAuthority(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	o := ca.issue(time.Hour, "localhost").files(t, t.TempDir())
	o.CAFile, o.Verify = filepath.Join(t.TempDir(), "ca.pem"), true
	write(t, o.CAFile, ca.pem())
	c := newCerts(t, o, zap.NewNop())
	client := &tls.Config{
		ServerName: "localhost", RootCAs: ca.pool(), ClientSessionCache: tls.NewLRUClientSessionCache(1),
		Certificates: []tls.Certificate{ca.issue(time.Hour, "me").pair(t)},
	}
	visit := func() (resumed bool, err error) {
		near, far := socketPair(t)
		served := make(chan error, 1)
		go func() {
			s := tls.Server(far, c.Config())
			err := s.Handshake()
			if err == nil {
				_, _ = s.Write([]byte("x")) // brings the session with it
			}
			served <- err
		}()
		s := tls.Client(near, client)
		if err := s.Handshake(); err == nil {
			_, _ = s.Read(make([]byte, 1))
		}
		return s.ConnectionState().DidResume, <-served
	}
	if _, err := visit(); err != nil {
		t.Fatal(err)
	}
	if resumed, err := visit(); err != nil || !resumed {
		t.Fatalf("resumed %v, %v; want a session of before", resumed, err)
	}
	write(t, o.CAFile, other.pem())
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	if resumed, err := visit(); err == nil {
		t.Errorf("got in, resumed %v; want to be refused", resumed)
	}
}

// TestReloadClosed: what is closed says so, and keeps what it had.
func TestReloadClosed(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	i := ca.issue(time.Hour, "localhost")
	c := newCerts(t, i.files(t, t.TempDir()), zap.NewNop())
	c.Close()
	if err := c.Reload(); err == nil {
		t.Error("got no error")
	}
	if got := serial(t, c, "localhost", ca.pool()); got != i.leaf.SerialNumber.Int64() {
		t.Errorf("got certificate %d, want %s", got, i.leaf.SerialNumber)
	}
}
