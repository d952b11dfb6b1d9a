package server_test

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"moonwire/server"
	"moonwire/server/servertest"
)

// pki issues certificates into a folder: ca.pem, NAME.pem and NAME-key.pem.
type pki struct {
	t     testing.TB
	dir   string
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	n     int64
	valid time.Duration // of what is issued next; 0 is an hour
}

// newPKI returns a pki that has issued one certificate, "server".
func newPKI(t testing.TB) *pki {
	t.Helper()
	p := &pki{t: t, dir: t.TempDir()}
	p.cert, p.key = p.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	p.write("ca", "CERTIFICATE", p.cert.Raw)
	p.issue("server")
	return p
}

func (p *pki) sign(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(p.t, err)
	p.n++
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(p.n), time.Now().Add(-time.Minute), time.Now().Add(cmp.Or(p.valid, time.Hour))
	parent, by := p.cert, p.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	must(p.t, err)
	cert, err := x509.ParseCertificate(der)
	must(p.t, err)
	return cert, key
}

// issue writes a certificate for a name, or a new one in the place of the old.
func (p *pki) issue(name string) *x509.Certificate {
	p.t.Helper()
	cert, key := p.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(p.t, err)
	p.write(name+"-key", "PRIVATE KEY", der)
	p.write(name, "CERTIFICATE", cert.Raw)
	return cert
}

func (p *pki) write(name, kind string, der []byte) {
	p.t.Helper()
	must(p.t, os.WriteFile(p.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func (p *pki) file(name string) string { return filepath.Join(p.dir, name+".pem") }

// block is a tls block with more keys.
func (p *pki) block(more ...string) string {
	return fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q\n%s }\n",
		p.file("server"), p.file("server-key"), p.file("ca"), strings.Join(more, "\n"))
}

func (p *pki) roots() nats.Option { return nats.RootCAs(p.file("ca")) }

func (p *pki) as(name string) nats.Option {
	return nats.ClientCert(p.file(name), p.file(name+"-key"))
}

// client is how a client by hand speaks TLS.
func (p *pki) client() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(p.cert)
	return &tls.Config{RootCAs: pool, ServerName: "server"}
}

// open connects to a broker with options, and no second try.
func open(t testing.TB, url string, o ...nats.Option) (*nats.Conn, error) {
	t.Helper()
	nc, err := nats.Connect(url, append([]nats.Option{nats.Timeout(patience), nats.NoReconnect()}, o...)...)
	if err == nil {
		t.Cleanup(nc.Close)
		err = nc.FlushTimeout(patience)
	}
	return nc, err
}

// startReference starts the reference nats-server with a configuration.
func startReference(t testing.TB, config string) *natsserver.Server {
	t.Helper()
	o := new(natsserver.Options)
	must(t, o.ProcessConfigString(config))
	o.Host, o.Port, o.NoLog, o.NoSigs = "127.0.0.1", natsserver.RANDOM_PORT, true, true
	s, err := natsserver.NewServer(o)
	must(t, err)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the reference does not start")
	}
	return s
}

// said is what an INFO says that has to be as the reference's.
type said struct {
	Auth      bool     `json:"auth_required"`
	Required  bool     `json:"tls_required"`
	Verify    bool     `json:"tls_verify"`
	Available bool     `json:"tls_available"`
	Headers   bool     `json:"headers"`
	Connect   bool     `json:"connect_info"`
	URLs      []string `json:"connect_urls"`
	Own       bool     // host and port are those of the listener
}

func saidOf(t testing.TB, line string, at net.Addr) (s said) {
	t.Helper()
	j, ok := strings.CutPrefix(line, "INFO ")
	if !ok {
		t.Fatalf("%q in the place of INFO", line)
	}
	var of struct {
		Host string `json:"host"`
		Port int    `json:"port"`
	}
	must(t, json.Unmarshal([]byte(j), &s))
	must(t, json.Unmarshal([]byte(j), &of))
	s.Own = fmt.Sprintf("%s:%d", of.Host, of.Port) == at.String()
	return s
}

// infos returns the first INFO of a server, and the one that follows CONNECT and
// PING. first: TLS begins before it; otherwise after it, if secure says so.
func infos(t testing.TB, p *pki, at net.Addr, first, secure bool) (list []said) {
	t.Helper()
	nc, err := net.Dial("tcp", at.String())
	must(t, err)
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	if first {
		nc = tls.Client(nc, p.client())
	}
	r := bufio.NewReader(nc)
	line, err := r.ReadString('\n')
	must(t, err)
	list = append(list, saidOf(t, line, at))
	if secure && !first {
		nc = tls.Client(nc, p.client())
		r = bufio.NewReader(nc)
	}
	_, err = io.WriteString(nc, hello+"PING\r\n")
	must(t, err)
	for {
		line, err := r.ReadString('\n')
		must(t, err)
		if strings.HasPrefix(line, "INFO") {
			return append(list, saidOf(t, line, at))
		}
	}
}

// TestTLSInfo compares what INFO says of TLS with the reference's.
func TestTLSInfo(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	tests := map[string]struct {
		config        string
		first, secure bool
	}{
		"none":                    {config: "debug: false"},
		"required":                {config: p.block(), secure: true},
		"allowed, in clear":       {config: p.block() + "allow_non_tls: true"},
		"allowed, with TLS":       {config: p.block() + "allow_non_tls: true", secure: true},
		"first":                   {config: p.block("handshake_first: true"), first: true},
		"first, allowed":          {config: p.block("handshake_first: true") + "allow_non_tls: true", first: true},
		"auto, begun":             {config: p.block("handshake_first: auto"), first: true},
		"auto, not begun":         {config: p.block("handshake_first: auto"), secure: true},
		"auto, allowed, begun":    {config: p.block("handshake_first: auto") + "allow_non_tls: true", first: true},
		"auto, allowed, in clear": {config: p.block("handshake_first: auto") + "allow_non_tls: true"},
		"with patience":           {config: p.block("timeout: 5"), secure: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours := infos(t, p, servertest.Start(t, tt.config).Server.Addr(), tt.first, tt.secure)
			theirs := infos(t, p, startReference(t, tt.config).Addr(), tt.first, tt.secure)
			equal(t, "INFO", theirs, ours)
		})
	}
	t.Run("verified", func(t *testing.T) {
		t.Parallel()
		for _, key := range []string{"verify: true", "verify_and_map: true"} {
			greeting := func(at net.Addr) said {
				c, err := dial(at.String())
				must(t, err)
				defer c.close()
				return saidOf(t, c.info, at)
			}
			config := p.block(key) + "authorization { users: [{user: ann}] }"
			if strings.HasPrefix(key, "verify:") {
				config = p.block(key)
			}
			equal(t, key, greeting(startReference(t, config).Addr()), greeting(servertest.Start(t, config).Server.Addr()))
		}
	})
}

// TestTLSClientCertificate: who has the right certificate gets in.
func TestTLSClientCertificate(t *testing.T) {
	t.Parallel()
	p, other := newPKI(t), newPKI(t)
	ann := p.issue("ann")
	p.issue("bob")
	other.issue("ann")
	sum := sha256.Sum256(ann.RawSubjectPublicKeyInfo)
	verify := p.block("verify: true")
	mapped := p.block("verify_and_map: true") + `authorization { users: [ {user: "CN=ann", permissions: {publish: "only.this"}}, {user: carl} ] }`
	pinned := p.block("verify: true", fmt.Sprintf("pinned_certs: [%q]", hex.EncodeToString(sum[:])))
	newest := p.block(`min_version: "1.3"`)
	old := nats.Secure(&tls.Config{RootCAs: p.client().RootCAs, MaxVersion: tls.VersionTLS12})
	tests := map[string]struct {
		config string
		with   []nats.Option
		ok     bool
	}{
		"any":                   {p.block(), []nats.Option{p.roots()}, true},
		"unknown server":        {p.block(), []nats.Option{other.roots()}, false},
		"verify":                {verify, []nats.Option{p.roots(), p.as("bob")}, true},
		"verify, none":          {verify, []nats.Option{p.roots()}, false},
		"verify, of another CA": {verify, []nats.Option{p.roots(), other.as("ann")}, false},
		"mapped":                {mapped, []nats.Option{p.roots(), p.as("ann")}, true},
		"mapped to nobody":      {mapped, []nats.Option{p.roots(), p.as("bob")}, false},
		"mapped, and a name":    {mapped, []nats.Option{p.roots(), p.as("bob"), nats.UserInfo("carl", "")}, false},
		"pinned":                {pinned, []nats.Option{p.roots(), p.as("ann")}, true},
		"not pinned":            {pinned, []nats.Option{p.roots(), p.as("bob")}, false},
		"new enough":            {newest, []nats.Option{p.roots()}, true},
		"too old":               {newest, []nats.Option{old}, false},
		"old, and old enough":   {p.block(), []nats.Option{old}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := servertest.Start(t, tt.config)
			if _, err := open(t, b.ClientURL(), tt.with...); (err == nil) != tt.ok {
				t.Errorf("got %v, want success: %t", err, tt.ok)
			}
		})
	}
	t.Run("permissions", func(t *testing.T) {
		t.Parallel()
		b := servertest.Start(t, mapped)
		fault := make(chan error, 1)
		nc, err := open(t, b.ClientURL(), p.roots(), p.as("ann"),
			nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { fault <- err }))
		must(t, err)
		must(t, nc.Publish("other", nil))
		if err := <-fault; !errors.Is(err, nats.ErrPermissionViolation) {
			t.Error(err)
		}
	})
}

// TestTLSHandshakeFirst: clients that begin with the handshake, and those that do
// not.
func TestTLSHandshakeFirst(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	for name, tt := range map[string]struct {
		config       string
		first, later bool
	}{
		"true":  {p.block("handshake_first: true", "timeout: 0.3"), true, false},
		"auto":  {p.block("handshake_first: auto"), true, true},
		"100ms": {p.block(`handshake_first: "100ms"`), true, true},
		"no":    {p.block("timeout: 0.3"), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := servertest.Start(t, tt.config)
			if _, err := open(t, b.ClientURL(), p.roots(), nats.TLSHandshakeFirst()); (err == nil) != tt.first {
				t.Errorf("first: %v", err)
			}
			if _, err := open(t, b.ClientURL(), p.roots()); (err == nil) != tt.later {
				t.Errorf("later: %v", err)
			}
		})
	}
}

// TestTLSAllowNonTLS: clients with and without TLS on one port reach each other,
// and large messages come through.
func TestTLSAllowNonTLS(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	b := servertest.Start(t, p.block()+"allow_non_tls: true")
	secure, err := open(t, b.ClientURL(), nats.Secure(p.client()))
	must(t, err)
	plain, err := open(t, b.ClientURL())
	must(t, err)
	if _, err := secure.TLSConnectionState(); err != nil {
		t.Errorf("the one with TLS: %v", err)
	}
	if _, err := plain.TLSConnectionState(); err == nil {
		t.Error("the one without has TLS")
	}
	echo(t, secure, plain)
	echo(t, plain, secure)
}

// echo has one client answer another: small requests, and of 1 MiB.
func echo(t testing.TB, asker, answerer *nats.Conn) {
	t.Helper()
	on := nats.NewInbox()
	sub, err := answerer.Subscribe(on, func(m *nats.Msg) { _ = m.Respond(m.Data) })
	must(t, err)
	must(t, answerer.FlushTimeout(patience))
	for n := range 40 {
		body := bytes.Repeat([]byte{byte(n), 'x', 'y'}, n)
		if n%10 == 9 {
			body = make([]byte, 1<<20)
			_, _ = rand.Read(body) // nothing to compress
		}
		m, err := asker.Request(on, body, patience)
		must(t, err)
		if !bytes.Equal(m.Data, body) {
			t.Fatalf("answer %d: %d bytes, want the %d that were sent", n, len(m.Data), len(body))
		}
	}
	must(t, sub.Unsubscribe())
}

// TestTLSRateLimit: a handshake too many is refused in clear.
func TestTLSRateLimit(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	b := servertest.Start(t, p.block("connection_rate_limit: 1", "timeout: 0.2"))
	var clients []*rawClient
	for range 5 {
		c, err := dial(b.Addr())
		must(t, err)
		defer c.close()
		clients = append(clients, c)
	}
	answers := make(map[string]int)
	for _, c := range clients {
		got, err := c.ended()
		must(t, err)
		answers[got]++
	}
	const refusal = "-ERR 'Connection throttling is active. Please try again later.'\r\n"
	if answers[""] == 0 || answers[refusal] == 0 || len(answers) != 2 {
		t.Errorf("got %v, want some to wait for and some to be refused", answers)
	}
}

// TestTLSCertificateChange replaces the files of a server that runs: who comes
// later sees the new certificate, who was there stays.
func TestTLSCertificateChange(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	b := servertest.Start(t, p.block())
	before, err := open(t, b.ClientURL(), p.roots())
	must(t, err)
	want := p.issue("server").SerialNumber
	eventually(t, func() string {
		nc, err := open(t, b.ClientURL(), p.roots())
		if err != nil {
			return err.Error()
		}
		defer nc.Close()
		state, err := nc.TLSConnectionState()
		must(t, err)
		if got := state.PeerCertificates[0].SerialNumber; got.Cmp(want) != 0 {
			return fmt.Sprintf("certificate %v, want %v", got, want)
		}
		return ""
	})
	echo(t, before, before)
}

// TestTLSAsksForTLS: a client in clear is sent away, and told nothing.
func TestTLSAsksForTLS(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	b := servertest.Start(t, p.block())
	c, err := dial(b.Addr())
	must(t, err)
	defer c.close()
	must(t, c.send(hello+"PING\r\n"))
	got, err := c.ended()
	must(t, err)
	if strings.Contains(got, "PONG") {
		t.Errorf("the answer is %q", got)
	}
}

// TestHTTPS: the monitoring endpoint speaks TLS, asks for no certificate, and
// follows the files.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	o := servertest.Start(t, p.block("verify: true")+"https: \"127.0.0.1:-1\"\n"+
		fmt.Sprintf("ports_file_dir: %q\n", p.dir))
	url := "https://" + o.MonitorAddr().String() + "/varz"
	get := func() (*http.Response, error) {
		c := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: p.client()}}
		return c.Get(url)
	}
	r, err := get()
	must(t, err)
	defer r.Body.Close()
	var v struct {
		Port     int  `json:"http_port"`
		Secure   int  `json:"https_port"`
		Required bool `json:"tls_required"`
		Verify   bool `json:"tls_verify"`
	}
	must(t, json.NewDecoder(r.Body).Decode(&v))
	if v.Port != 0 || v.Secure != o.MonitorAddr().(*net.TCPAddr).Port || !v.Required || !v.Verify {
		t.Errorf("/varz says %+v", v)
	}
	plain := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	if r, err := plain.Get("http" + strings.TrimPrefix(url, "https")); err == nil {
		_ = r.Body.Close()
		if r.StatusCode == http.StatusOK {
			t.Error("it answers in clear")
		}
	}
	files, err := filepath.Glob(filepath.Join(p.dir, "*.ports"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("ports files: %q", files)
	}
	j, err := os.ReadFile(files[0])
	must(t, err)
	equal(t, "ports file", fmt.Sprintf(`{"nats":["tls://%s"],"monitoring":["https://%s"]}`, o.Addr(), o.MonitorAddr()), string(j))
	want := p.issue("server").SerialNumber
	eventually(t, func() string {
		r, err := get()
		if err != nil {
			return err.Error()
		}
		defer r.Body.Close()
		if got := r.TLS.PeerCertificates[0].SerialNumber; got.Cmp(want) != 0 {
			return fmt.Sprintf("certificate %v, want %v", got, want)
		}
		return ""
	})
}

// TestHTTPSNeedsOne: http_port and https_port exclude each other.
func TestHTTPSNeedsOne(t *testing.T) {
	t.Parallel()
	o := loopback()
	o.HTTPPort, o.HTTPSPort = -1, -1
	if _, err := server.New(o); err == nil || !strings.Contains(err.Error(), "https_port") {
		t.Errorf("got %v", err)
	}
}

// connection is what /connz tells of how a connection is secured, and whose it is.
type connection struct {
	Kind    string `json:"kind"`
	Type    string `json:"type"`
	Version string `json:"tls_version"`
	Cipher  string `json:"tls_cipher_suite"`
	First   bool   `json:"tls_first"`
	Certs   []struct {
		Subject string `json:"subject"`
		Key     string `json:"spki_sha256"`
		Sum     string `json:"cert_sha256"`
	} `json:"tls_peer_certs"`
	User    string   `json:"authorized_user"`
	Account string   `json:"account"`
	JWT     string   `json:"jwt"`
	Issuer  string   `json:"issuer_key"`
	NameTag string   `json:"name_tag"`
	Tags    []string `json:"tags"`
}

// connections reads the connections of a monitoring endpoint.
func connections(t testing.TB, at net.Addr, query string) []connection {
	t.Helper()
	var z struct {
		Conns []connection `json:"connections"`
	}
	get(t, "http://"+at.String()+"/connz?"+query, &z)
	return z.Conns
}

// TestTLSConnz compares what /connz says of connections with TLS with the
// reference's.
func TestTLSConnz(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	p.issue("ann")
	for name, tt := range map[string]struct {
		config string
		with   []nats.Option
	}{
		"certificate": {p.block("verify: true"), []nats.Option{p.roots(), p.as("ann")}},
		"mapped": {
			p.block("verify_and_map: true") + `accounts { A { users: [{user: "CN=ann"}] } }`,
			[]nats.Option{p.roots(), p.as("ann")},
		},
		"first": {p.block("handshake_first: true"), []nats.Option{p.roots(), nats.TLSHandshakeFirst()}},
		"token": {p.block() + `authorization { token: secret }`, []nats.Option{p.roots(), nats.Token("secret")}},
		"user":  {p.block(), []nats.Option{p.roots(), nats.UserInfo("any", "body")}},
		"1.2":   {p.block(), []nats.Option{nats.Secure(&tls.Config{RootCAs: p.client().RootCAs, MaxVersion: tls.VersionTLS12})}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := monitored + tt.config
			ours, theirs := servertest.Start(t, config), startReference(t, config)
			for _, url := range []string{ours.ClientURL(), theirs.ClientURL()} {
				_, err := open(t, url, tt.with...)
				must(t, err)
			}
			for _, query := range []string{"", "auth=1"} {
				equal(t, query, connections(t, theirs.MonitorAddr(), query), connections(t, ours.MonitorAddr(), query))
			}
		})
	}
}
