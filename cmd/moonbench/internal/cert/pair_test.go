package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// shake does a TLS handshake between a server with p and a client of cfg.
func shake(t *testing.T, p *Pair, cfg *tls.Config, name string) error {
	t.Helper()
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		if nc, err := l.Accept(); err == nil {
			_ = nc.(*tls.Conn).Handshake() // the client says what is wrong
			_ = nc.Close()
		}
	}()
	cfg.ServerName = name
	c, err := tls.Dial("tcp", l.Addr().String(), cfg)
	if err == nil {
		_ = c.Close()
	}
	<-served
	return err
}

func newPair(t *testing.T) *Pair {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTrust(t *testing.T) {
	t.Parallel()
	p, other := newPair(t), newPair(t)
	for _, name := range []string{"127.0.0.1", "::1", "localhost"} {
		if err := shake(t, p, p.Trust(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := shake(t, p, p.Trust(), "127.0.0.2"); !errors.As(err, new(x509.HostnameError)) {
		t.Errorf("another address: got %v", err)
	}
	if err := shake(t, p, other.Trust(), "127.0.0.1"); !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("another certificate: got %v", err)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	certFile, keyFile, err := newPair(t).Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := pair.PrivateKey.(*ecdsa.PrivateKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("key %T", pair.PrivateKey)
	}
	info, err := os.Stat(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("the key has mode %v", got)
	}
	if _, _, err := newPair(t).Write(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: got %v", err)
	}
}
