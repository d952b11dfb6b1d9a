package listen

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"slices"
	"time"

	"moonwire/server/config"
)

// CipherSuite returns the number of a cipher suite by its name in Go, and
// whether Go calls it insecure.
func CipherSuite(name string) (id uint16, insecure, ok bool) {
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, s := range list {
			if s.Name == name {
				return s.ID, s.Insecure, true
			}
		}
	}
	return 0, false, false
}

// curves are what curve_preferences may name.
var curves = []tls.CurveID{
	tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
	tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521,
}

// Curve returns a key exchange by its name in Go: X25519, CurveP256,
// X25519MLKEM768 and so on.
func Curve(name string) (id tls.CurveID, ok bool) {
	i := slices.IndexFunc(curves, func(c tls.CurveID) bool { return c.String() == name })
	if i < 0 {
		return 0, false
	}
	return curves[i], true
}

// material is what the files of a [config.TLS] gave.
type material struct {
	config   *tls.Config
	notAfter time.Time
}

// loader reads files, and sums up what it found in them or why it did not.
type loader struct{ sum hash.Hash }

func (l *loader) read(key, path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprint(l.sum, err)
		return nil, fmt.Errorf("tls.%s: %w", key, err)
	}
	fmt.Fprintf(l.sum, "%s %d ", path, len(b))
	l.sum.Write(b)
	return b, nil
}

// load makes o's configuration from its files. Equal sums mean that there is
// nothing new in them, be it good or bad.
func load(o *config.TLS) (m *material, sum string, err error) {
	l := &loader{sum: sha256.New()}
	m, err = l.material(o)
	return m, string(l.sum.Sum(nil)), err
}

func (l *loader) material(o *config.TLS) (*material, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, VerifyConnection: pinned(o.PinnedCerts)}
	switch o.MinVersion {
	case "", "1.2":
	case "1.3":
		c.MinVersion = tls.VersionTLS13
	default:
		return nil, fmt.Errorf(`tls.min_version: %q is neither "1.2" nor "1.3"`, o.MinVersion)
	}
	for _, name := range o.CipherSuites {
		id, insecure, ok := CipherSuite(name)
		if !ok || insecure && !o.AllowInsecureCipherSuites {
			return nil, fmt.Errorf("tls.cipher_suites: %q is unknown, or insecure and not allowed by allow_insecure_cipher_suites", name)
		}
		c.CipherSuites = append(c.CipherSuites, id)
	}
	for _, name := range o.CurvePreferences {
		id, ok := Curve(name)
		if !ok {
			return nil, fmt.Errorf("tls.curve_preferences: %q is unknown", name)
		}
		c.CurvePreferences = append(c.CurvePreferences, id)
	}
	switch {
	case o.Verify || o.VerifyAndMap:
		c.ClientAuth = tls.RequireAndVerifyClientCert
	case len(o.PinnedCerts) > 0:
		c.ClientAuth = tls.RequireAnyClientCert // the pin verifies it
	}
	if o.CAFile != "" {
		pem, err := l.read("ca_file", o.CAFile)
		if err != nil {
			return nil, err
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: %s holds no certificate in PEM", o.CAFile)
		}
	}
	m := &material{config: c}
	for _, p := range pairs(o) {
		cert, err := l.pair(p)
		if err != nil {
			return nil, err
		}
		c.Certificates = append(c.Certificates, cert)
		if end := cert.Leaf.NotAfter; m.notAfter.IsZero() || end.Before(m.notAfter) {
			m.notAfter = end
		}
	}
	if len(c.Certificates) == 0 {
		return nil, errors.New("tls.cert_file: no certificate is named; a listener needs cert_file and key_file, or certs")
	}
	return m, nil
}

func (l *loader) pair(p config.CertPair) (tls.Certificate, error) {
	cert, err := l.read("cert_file", p.CertFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := l.read("key_file", p.KeyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return pair, fmt.Errorf("tls.cert_file: %s with the key %s: %w", p.CertFile, p.KeyFile, err)
	}
	return pair, nil
}

// pairs returns the certificates of o.
func pairs(o *config.TLS) []config.CertPair {
	if o.CertFile == "" && o.KeyFile == "" {
		return o.Certs
	}
	return append([]config.CertPair{{CertFile: o.CertFile, KeyFile: o.KeyFile}}, o.Certs...)
}

// pinned returns a check that the client's public key is one of list, or nil if
// the list is empty.
func pinned(list []string) func(tls.ConnectionState) error {
	if len(list) == 0 {
		return nil
	}
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("client sent no certificate, pinned_certs ask for one")
		}
		leaf := s.PeerCertificates[0]
		sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
		if key := hex.EncodeToString(sum[:]); !slices.Contains(list, key) {
			return fmt.Errorf("client certificate %s has the public key %s, which pinned_certs do not name", leaf.Subject, key)
		}
		return nil
	}
}
