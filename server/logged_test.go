package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/server"
	"moonwire/server/servertest"
)

// startLogged is servertest.StartOptions with a log to look at.
func startLogged(t testing.TB, o server.Options, with ...server.Option) (servertest.Broker, *observer.ObservedLogs) {
	t.Helper()
	core, logged := observer.New(zapcore.InfoLevel)
	s, err := server.New(o, append(with, server.WithLogger(zap.New(core)))...)
	must(t, err)
	must(t, s.Start())
	t.Cleanup(s.Shutdown)
	return servertest.Broker{Server: s}, logged
}

// lastLine returns the last line of the log.
func lastLine(logged *observer.ObservedLogs) string {
	all := logged.All()
	return all[len(all)-1].Message
}

// webAddr returns where the broker listens for WebSockets.
func webAddr(t testing.TB, logged *observer.ObservedLogs) string {
	t.Helper()
	for _, e := range logged.All() {
		if m := regexp.MustCompile(`websocket clients on wss?://(.*)$`).FindStringSubmatch(e.Message); m != nil {
			return m[1]
		}
	}
	t.Fatal("the log names no listener for WebSockets")
	return ""
}

// writeCert writes a certificate that signs itself, and its key.
func writeCert(t testing.TB, name, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

// trusting is the TLS of clients that look at no name.
var trusting = &tls.Config{InsecureSkipVerify: true}

// dialTLS connects, takes the greeting and begins TLS.
func dialTLS(addr string) (*rawClient, error) {
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	_ = c.nc.SetDeadline(time.Now().Add(patience))
	secure := tls.Client(c.nc, trusting)
	if err := secure.Handshake(); err != nil {
		c.close()
		return nil, err
	}
	_ = c.nc.SetDeadline(time.Time{})
	c.nc = secure
	c.r.Reset(secure)
	return c, nil
}

// served returns the name of the certificate that c got; "" without TLS.
func served(nc net.Conn) string {
	if t, ok := nc.(*tls.Conn); ok {
		return t.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	return ""
}

// count returns how many lines have a text in them.
func count(logged *observer.ObservedLogs, text string) int {
	n := 0
	for _, e := range logged.All() {
		if strings.Contains(e.Message, text) {
			n++
		}
	}
	return n
}

// handshake returns the name of the certificate that a listener shows which
// begins with TLS; "" if it does not.
func handshake(t testing.TB, addr string) string {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	nc, err := tls.DialWithDialer(&d, "tcp", addr, trusting)
	if err != nil {
		return ""
	}
	defer nc.Close()
	return served(nc)
}
