package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"moonwire/server/servertest"
)

// shownListeners is what /varz says of TLS and of WebSocket.
type shownListeners struct {
	NotAfter  *time.Time     `json:"tls_cert_not_after"`
	WebSocket map[string]any `json:"websocket"`
}

// TestVarzListeners compares what /varz says of the listeners with the
// reference's, but for the port.
func TestVarzListeners(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	pinned := `pinned_certs: [ "` + strings.Repeat("0a", 32) + `" ]`
	// There, a timeout that is not configured is not shown.
	web := []string{
		"advertise: \"web.example:443\"", "handshake_timeout: \"3s\"", "same_origin: true", "compression: true",
		`allowed_origins: [ "https://web.example" ]`, "authorization { timeout: 4 }",
	}
	for name, tt := range map[string]struct {
		config       string
		clients, web bool // have a certificate
	}{
		"nothing":            {"debug: false", false, false},
		"TLS":                {p.block(), true, false},
		"WebSocket":          {socket(append(web, "no_tls: true")...), false, false},
		"WebSocket with TLS": {socket(append(web, p.block(pinned))...), false, true},
		"both with TLS":      {p.block() + socket(append(web, p.block("verify_and_map: true"))...), true, true},
		"a user":             {"authorization { users: [ {user: ann} ] }\n" + socket(append(web, "no_tls: true", "no_auth_user: ann")...), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := startReference(t, tt.config).Varz(nil)
			must(t, err)
			text, err := json.Marshal(v)
			must(t, err)
			var theirs, ours shownListeners
			must(t, json.Unmarshal(text, &theirs))
			look(t, servertest.Start(t, monitored+tt.config), "/varz", &ours)
			for _, s := range []shownListeners{theirs, ours} {
				if (s.NotAfter != nil) != tt.clients || (s.WebSocket["tls_cert_not_after"] != nil) != tt.web {
					t.Errorf("a certificate too many or too few in %+v", s)
				}
				delete(s.WebSocket, "port")
			}
			equal(t, "/varz", theirs, ours)
		})
	}
}

// TestVarzNewCertificate: after a reload /varz tells of the new certificate.
func TestVarzNewCertificate(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	text := monitored + p.block()
	b := servertest.StartOptions(t, options(t, text))
	var before, after shownListeners
	look(t, b, "/varz", &before)
	p.valid = 2 * time.Hour
	cert := p.issue("server")
	must(t, b.Reload(options(t, text)))
	look(t, b, "/varz", &after)
	if !after.NotAfter.Equal(cert.NotAfter) || after.NotAfter.Equal(*before.NotAfter) {
		t.Errorf("got %v, then %v; want %v", before.NotAfter, after.NotAfter, cert.NotAfter)
	}
}

// TestVarzSeveralCertificates: of several, that which ends first; there, that
// which is named first.
func TestVarzSeveralCertificates(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	short := p.issue("short").NotAfter
	p.valid = 2 * time.Hour
	long := p.issue("long").NotAfter
	text := fmt.Sprintf("tls { certs: [ { cert_file: %q, key_file: %q }, { cert_file: %q, key_file: %q } ] }\n",
		p.file("long"), p.file("long-key"), p.file("short"), p.file("short-key"))
	theirs, err := startReference(t, text).Varz(nil)
	must(t, err)
	if !theirs.TLSCertNotAfter.Equal(long) {
		t.Errorf("the reference says %v, want %v", theirs.TLSCertNotAfter, long)
	}
	var ours shownListeners
	look(t, servertest.Start(t, monitored+text), "/varz", &ours)
	if !ours.NotAfter.Equal(short) {
		t.Errorf("got %v, want %v", ours.NotAfter, short)
	}
}
