package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/servertest"
	"moonwire/server/wire"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

// issue returns a certificate with the names in the template.
func (a authority) issue(t testing.TB, template x509.Certificate) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template.SerialNumber = big.NewInt(2)
	template.NotBefore, template.NotAfter = a.cert.NotBefore, a.cert.NotAfter
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, &template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// state is what a listener that verified the certificate knows of it.
func (a authority) state(c tls.Certificate) *tls.ConnectionState {
	return &tls.ConnectionState{
		PeerCertificates: []*x509.Certificate{c.Leaf},
		VerifiedChains:   [][]*x509.Certificate{{c.Leaf, a.cert}},
	}
}

// subject makes a subject of parts like "CN=a" or "OU=b+O=c", in the order in
// which they are to stand in the certificate.
func subject(t testing.TB, parts ...string) []byte {
	t.Helper()
	kinds := map[string]asn1.ObjectIdentifier{
		"CN": {2, 5, 4, 3}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "C": {2, 5, 4, 6},
		"DC": {0, 9, 2342, 19200300, 100, 1, 25}, "UID": {0, 9, 2342, 19200300, 100, 1, 1},
	}
	var s pkix.RDNSequence
	for _, p := range parts {
		var set pkix.RelativeDistinguishedNameSET
		for a := range strings.SplitSeq(p, "+") {
			kind, value, _ := strings.Cut(a, "=")
			set = append(set, pkix.AttributeTypeAndValue{Type: kinds[kind], Value: value})
		}
		s = append(s, set)
	}
	der, err := asn1.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// mapping has users, by account, that certificates name.
var mapping = []struct{ account, user, password, types string }{
	{"Mail", "alice@example.com", "", ""},
	{"Host", "host.example.com", "", ""},
	{"Spiffe", "spiffe://example.com/alice", "", ""},
	{"Ordered", "CN=ordered,OU=unit,O=org", "", ""},
	{"Lower", "cn=lower , o=org", "", ""},
	{"Escaped", `CN=a\, b\+c,O=org`, "", ""},
	{"Multi", "OU=unit+CN=multi,O=org", "", ""},
	{"Domain", "CN=domain,DC=b,DC=a", "", ""},
	{"Foreign", "CN=foreign,O=org", "", ""},
	{"ForeignDC", "CN=foreigndc,O=org,DC=a,DC=b", "", ""},
	{"Plain", "CN=plain", "", ""},
	{"Secret", "CN=secret", "p", ""},
	{"Socket", "CN=socket", "", "WEBSOCKET"},
	{"Either", "CN=either", "", "standard"},
}

// TestCertificate: who a certificate names is whom it names to the reference.
func TestCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	uri, err := url.Parse("spiffe://example.com/alice")
	if err != nil {
		t.Fatal(err)
	}
	reference, o := mappedReference(t, ca)
	a := must(t, o)
	named := func(parts ...string) x509.Certificate { return x509.Certificate{RawSubject: subject(t, parts...)} }
	both := named("CN=plain")
	both.DNSNames = []string{"nobody.example.com", "host.example.com"}
	all := named("CN=plain")
	all.EmailAddresses, all.DNSNames, all.URIs = []string{"alice@example.com"}, []string{"host.example.com"}, []*url.URL{uri}
	fallback := named("CN=plain")
	fallback.EmailAddresses, fallback.DNSNames = []string{"bob@example.com"}, []string{"nobody.example.com"}
	stranger := named("O=org", "CN=stranger")
	stranger.EmailAddresses, stranger.DNSNames, stranger.URIs = []string{"bob@example.com"}, []string{"bob.example.com"}, []*url.URL{{Scheme: "spiffe", Host: "bob"}}

	for _, tt := range []struct {
		name string
		cert x509.Certificate
		c    wire.Connect
		want string // account, or - and what the error says
	}{
		{"email", x509.Certificate{EmailAddresses: []string{"alice@example.com"}}, wire.Connect{}, "Mail"},
		{"the second email", x509.Certificate{EmailAddresses: []string{"bob@example.com", "alice@example.com"}}, wire.Connect{}, "Mail"},
		{"DNS name", x509.Certificate{DNSNames: []string{"host.example.com"}}, wire.Connect{}, "Host"},
		{"URI", x509.Certificate{URIs: []*url.URL{uri}}, wire.Connect{}, "Spiffe"},
		{"DNS name before the subject", both, wire.Connect{}, "Host"},
		{"email before all others", all, wire.Connect{}, "Mail"},
		{"subject when no other is known", fallback, wire.Connect{}, "Plain"},
		{"subject", named("O=org", "OU=unit", "CN=ordered"), wire.Connect{}, "Ordered"},
		{"subject in another order", named("CN=ordered", "O=org", "OU=unit"), wire.Connect{}, "Ordered"},
		{"subject, case of the types", named("O=org", "CN=lower"), wire.Connect{}, "Lower"},
		{"subject, case of a value", named("O=org", "CN=Lower"), wire.Connect{}, "-"},
		{"subject, escaped", x509.Certificate{Subject: pkix.Name{CommonName: "a, b+c", Organization: []string{"org"}}}, wire.Connect{}, "Escaped"},
		{"subject, like an escaped one", named("O=org", "CN=a, b"), wire.Connect{}, "-"},
		{"subject, several in a part", named("O=org", "CN=multi+OU=unit"), wire.Connect{}, "Multi"},
		{"subject, several in parts of their own", named("O=org", "CN=multi", "OU=unit"), wire.Connect{}, "-"},
		{"subject with a domain", named("DC=a", "DC=b", "CN=domain"), wire.Connect{}, "Domain"},
		{"subject with a domain in another order", named("CN=domain", "DC=a", "DC=b"), wire.Connect{}, "Domain"},
		{"subject with more", named("O=org", "OU=unit", "OU=more", "CN=ordered"), wire.Connect{}, "-"},
		{"subject with less", named("O=org", "CN=ordered"), wire.Connect{}, "-"},
		{"subject with an attribute that has no short name", named("O=org", "UID=1", "CN=foreign"), wire.Connect{}, "Foreign"},
		{"and with a domain", named("DC=a", "DC=b", "O=org", "UID=1", "CN=foreigndc"), wire.Connect{}, "ForeignDC"},
		{"no name at all", x509.Certificate{}, wire.Connect{}, "- has no name in it"},
		{
			"nobody", stranger,
			wire.Connect{},
			`- email "bob@example.com", DNS name "bob.example.com", URI "spiffe://bob", subject "CN=stranger,O=org"`,
		},
		{"the user in CONNECT does not count", named("CN=plain"), wire.Connect{User: "CN=secret"}, "Plain"},
		{"a password that is not asked for", named("CN=plain"), wire.Connect{Password: "x"}, "-"},
		{"a password besides", named("CN=secret"), wire.Connect{Password: "p"}, "Secret"},
		{"a password besides, left out", named("CN=secret"), wire.Connect{}, `- user "CN=secret", named by a certificate: wrong password`},
		{"a way that is allowed", named("CN=either"), wire.Connect{}, "Either"},
		{"a way that is not", named("CN=socket"), wire.Connect{}, "- no user may connect as STANDARD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cert := ca.issue(t, tt.cert)
			id, err := a.Authenticate(&auth.Request{Connect: &tt.c, TLS: ca.state(cert)})
			got, why := "", ""
			if err == nil {
				got = id.Account
			} else {
				why = err.Error()
			}
			want, text, refused := strings.Cut(tt.want, "-")
			if got != want || refused && !strings.Contains(why, strings.TrimSpace(text)) {
				t.Errorf("is in %q (%s); want %q", got, why, tt.want)
			}
			there, err := reference(cert, tt.c)
			if err != nil || there != want {
				t.Errorf("the reference has it in %q (%v); want %q", there, err, want)
			}
		})
	}
}

// mappedReference starts the reference with the users of mapping, and returns
// how to ask it for the account of a certificate, and our options for the same.
func mappedReference(t *testing.T, ca authority) (func(tls.Certificate, wire.Connect) (string, error), config.Options) {
	t.Helper()
	server := ca.issue(t, x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	key, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var b strings.Builder
	o := config.Options{TLS: &config.TLS{VerifyAndMap: true}}
	fmt.Fprintf(&b, "tls { cert_file: %q, key_file: %q, ca_file: %q, verify_and_map: true }\naccounts {\n",
		file("cert.pem", "CERTIFICATE", server.Certificate[0]), file("key.pem", "PRIVATE KEY", key),
		file("ca.pem", "CERTIFICATE", ca.cert.Raw))
	for _, m := range mapping {
		u := config.User{Username: m.user, Password: m.password}
		fmt.Fprintf(&b, "%s { users: [{user: %q, password: %q", m.account, m.user, m.password)
		if m.types != "" {
			u.ConnectionTypes = []string{m.types}
			fmt.Fprintf(&b, ", allowed_connection_types: [%s]", m.types)
		}
		b.WriteString("}] }\n")
		o.Accounts = append(o.Accounts, config.Account{Name: m.account, Users: []config.User{u}})
	}
	b.WriteString("}\n")
	addr := servertest.StartReference(t, b.String()).Addr()
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	return func(cert tls.Certificate, c wire.Connect) (string, error) {
		l, _, err := dial(addr)
		if err != nil {
			return "", err
		}
		defer l.Close()
		secure := tls.Client(l.Conn, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", Certificates: []tls.Certificate{cert}})
		l.Conn = secure
		l.r.Reset(secure)
		return l.connect(c)
	}, o
}

// TestCertificateElsewhere: what holds where no certificate is mapped, or none
// came.
func TestCertificateElsewhere(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	state := ca.state(ca.issue(t, x509.Certificate{RawSubject: subject(t, "CN=u")}))
	unverified := &tls.ConnectionState{PeerCertificates: state.PeerCertificates}
	k := newSigner(t)
	users := []config.User{
		{Username: "CN=u"},
		{Username: "CN=ws", ConnectionTypes: []string{"WEBSOCKET"}},
		{Username: "named", Password: "p"},
		{Nkey: k.public},
	}
	maps := &config.TLS{VerifyAndMap: true}
	client := config.Options{Users: users, TLS: maps}
	nobody, nobodyKey := client, client
	nobody.NoAuthUser, nobodyKey.NoAuthUser = "CN=u", k.public
	ws := config.Options{Users: users, WebSocket: config.WebSocket{Port: -1, TLS: maps}}
	off := config.Options{Users: users, WebSocket: config.WebSocket{TLS: maps}}
	onlyKeys := config.Options{Users: users[3:], TLS: maps}
	for _, tt := range []struct {
		name string
		o    config.Options
		kind string
		tls  *tls.ConnectionState
		c    wire.Connect
		want string // the user, or - and what the error says
	}{
		{"in clear", client, auth.Standard, nil, wire.Connect{User: "named", Password: "p"}, "- no client certificate"},
		{"TLS without a certificate", client, auth.Standard, &tls.ConnectionState{}, wire.Connect{}, "- no client certificate"},
		{"a certificate that nobody verified", client, auth.Standard, unverified, wire.Connect{}, "- not verified"},
		{"in the process", client, auth.InProcess, nil, wire.Connect{User: "named", Password: "p"}, "- no client certificate"},
		{"no_auth_user does not help", nobody, auth.Standard, nil, wire.Connect{}, "- no client certificate"},
		{"but with an nkey does", nobodyKey, auth.Standard, nil, wire.Connect{}, k.public},
		{"an nkey is asked first", client, auth.Standard, state, wire.Connect{Nkey: k.public}, "- no signature"},
		{"where only nkeys are", onlyKeys, auth.Standard, state, wire.Connect{}, "- no user was named"},
		{"not mapped over WebSocket: by name", client, auth.WebSocket, state, wire.Connect{User: "named", Password: "p"}, "named"},
		{"not mapped over WebSocket: nothing", client, auth.WebSocket, state, wire.Connect{}, "- no user was named"},
		{"who has a certificate elsewhere has no empty password", client, auth.WebSocket, state, wire.Connect{User: "CN=u"}, "- needs a client certificate"},
		{"unless without it anyway", nobody, auth.WebSocket, state, wire.Connect{User: "CN=u"}, "CN=u"},
		{"or the certificate is for ways that are not the user's", client, auth.WebSocket, state, wire.Connect{User: "CN=ws"}, "CN=ws"},
		{"mapped over WebSocket", ws, auth.WebSocket, state, wire.Connect{}, "CN=u"},
		{"mapped over WebSocket only", ws, auth.Standard, state, wire.Connect{User: "CN=u"}, "- needs a client certificate"},
		{"WebSocket is off", off, auth.Standard, state, wire.Connect{User: "CN=u"}, "CN=u"},
		{"a leaf node", client, auth.Leafnode, state, wire.Connect{User: "named", Password: "p"}, "named"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, why := "", ""
			id, err := must(t, tt.o).Authenticate(&auth.Request{Connect: &tt.c, TLS: tt.tls, Type: tt.kind, Nonce: []byte("n")})
			if err == nil {
				got = id.User
			} else {
				why = err.Error()
			}
			want, text, refused := strings.Cut(tt.want, "-")
			if got != want || refused && !strings.Contains(why, strings.TrimSpace(text)) {
				t.Errorf("is %q (%s); want %q", got, why, tt.want)
			}
		})
	}
}
