package server_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"moonwire/server"
	"moonwire/server/config"
	"moonwire/server/servertest"
)

// certificate writes a certificate of 127.0.0.1 and its key, and returns how a
// server is told of it, and a client that trusts it.
func certificate(t *testing.T) (*config.TLS, *http.Client) {
	t.Helper()
	from := httptest.NewTLSServer(nil)
	defer from.Close()
	pair := from.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o := &config.TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	for path, block := range map[string]*pem.Block{
		o.CertFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		o.KeyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return o, from.Client()
}

// TestListenersWithTLS: monitoring over HTTPS asks for no certificate even if
// clients of the broker need one, and the ports file says how each listener is
// reached.
func TestListenersWithTLS(t *testing.T) {
	t.Parallel()
	o, client := certificate(t)
	defer client.CloseIdleConnections()
	own := *o
	own.Verify, own.CAFile = true, o.CertFile
	dir := t.TempDir()
	s := servertest.StartOptions(t, server.Options{
		Host: "127.0.0.1", Port: -1, HTTPHost: "127.0.0.1", HTTPSPort: -1, TLS: &own, PortsFileDir: dir,
		WebSocket: config.WebSocket{Host: "127.0.0.1", Port: -1, TLS: o},
	})
	at := s.MonitorAddr().String()
	resp, err := client.Get("https://" + at + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(body) != `{"status":"ok"}` {
		t.Errorf("got %q, %v", body, err)
	}
	if resp, err := http.Get("http://" + at + "/healthz"); err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("in clear: got %s", resp.Status)
		}
	}
	ports := portsFile(t, dir)
	for name, want := range map[string]string{"nats": "tls://127.0.0.1:", "monitoring": "https://" + at, "websocket": "wss://127.0.0.1:"} {
		if got := ports[name]; len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: got %q, want %s…", name, got, want)
		}
	}
}

// portsFile reads the ports file in dir.
func portsFile(t *testing.T, dir string) (ports map[string][]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.ports"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %q, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &ports); err != nil {
		t.Fatal(err)
	}
	return ports
}

// TestWebSocketCookie: a cookie stands for the token that CONNECT lacks.
func TestWebSocketCookie(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	servertest.StartOptions(t, server.Options{
		Host: "127.0.0.1", Port: -1, Token: "secret", PortsFileDir: dir,
		WebSocket: config.WebSocket{Host: "127.0.0.1", Port: -1, NoTLS: true, TokenCookie: "session"},
	})
	url := portsFile(t, dir)["websocket"][0]
	for cookie, want := range map[string]error{"session=secret": nil, "session=other": nats.ErrAuthorization, "other=secret": nats.ErrAuthorization} {
		nc, err := nats.Connect(url, nats.WebSocketConnectionHeaders(http.Header{"Cookie": {cookie}}))
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", cookie, err, want)
		}
		if err == nil {
			nc.Close()
		}
	}
}
