package config

import (
	"fmt"
	"strings"
)

// listeners checks TLS, WebSocket and monitoring.
func (c *checker) listeners() {
	c.tls("tls", "TLS", c.TLS, true)
	c.tls("websocket.tls", place("WebSocket", "TLS"), c.WebSocket.TLS, true)
	c.tls("resolver_tls", place("Resolver", "TLS"), c.Resolver.TLS, false)
	if c.HTTPPort != 0 && c.HTTPSPort != 0 {
		c.add(`"https_port": is set together with "http_port"; must be one of them`, "HTTPSPort", "HTTPPort")
	}
	if c.HTTPSPort != 0 && c.TLS == nil {
		c.add(`"https_port": is set without TLS; must come with a "tls" block`, "HTTPSPort")
	}
	if c.WebSocket.Port != 0 {
		c.webSocket(&c.WebSocket)
	}
}

// tls checks one tls block. A listener needs a certificate.
func (c *checker) tls(key, at string, t *TLS, listener bool) {
	if t == nil {
		return
	}
	cert, private, certs := place(at, "CertFile"), place(at, "KeyFile"), place(at, "Certs")
	switch {
	case t.CertFile != "" && len(t.Certs) > 0:
		c.add(fmt.Sprintf(`"%s.cert_file": is set together with "certs"; must be one of them`, key), cert, certs)
	case t.CertFile != "" && t.KeyFile == "":
		c.add(fmt.Sprintf(`"%s.cert_file": is set without a key; must come with "key_file"`, key), cert, at)
	case t.CertFile == "" && t.KeyFile != "":
		c.add(fmt.Sprintf(`"%s.key_file": is set without a certificate; must come with "cert_file"`, key), private, at)
	case listener && t.CertFile == "" && len(t.Certs) == 0:
		c.add(fmt.Sprintf(`%q: has no certificate; must have "cert_file" and "key_file", or "certs"`, key), at)
	}
	for i, p := range t.Certs {
		if p.CertFile == "" || p.KeyFile == "" {
			c.add(fmt.Sprintf(`"%s.certs": half a pair; must have "cert_file" and "key_file"`, key), place(at, "Certs", i))
		}
	}
	if t.AllowInsecureCipherSuites {
		return
	}
	for i, name := range t.CipherSuites {
		if isInsecureSuite(name) {
			c.add(fmt.Sprintf(`"%s.cipher_suites": %s is insecure; must come with "allow_insecure_cipher_suites"`, key, name),
				place(at, "CipherSuites", i))
		}
	}
}

func (c *checker) webSocket(w *WebSocket) {
	field := func(name string) string { return place("WebSocket", name) }
	if w.TLS == nil && !w.NoTLS {
		c.add(`"websocket": has no TLS; must have a "tls" block, or "no_tls: true"`, "WebSocket", field("Port"))
	}
	if w.Token != "" && (w.Username != "" || w.Password != "") {
		c.add(`"websocket.authorization.token": is set together with a user or password; must be either a token or a user with a password`,
			field("Token"), field("Username"), field("Password"))
	}
	if w.Password != "" && w.Username == "" {
		c.add(`"websocket.authorization.password": is set without a user; must come with "user"`, field("Password"))
	}
	if c.hasUsers() && (w.Username != "" || w.Token != "") {
		c.add(`"websocket.authorization": has one user or token while there are users; must be either`,
			field("Username"), field("Token"))
	}
	if w.JWTCookie != "" && len(c.Operators) == 0 && len(c.TrustedKeys) == 0 {
		c.add(`"websocket.jwt_cookie": is set without operators; must come with "operator" or "trusted_keys"`, field("JWTCookie"))
	}
	c.noAuthUser("websocket.no_auth_user", field("NoAuthUser"), w.NoAuthUser)
	for name := range w.Headers {
		if !isFreeHeader(name) {
			c.add(fmt.Sprintf(`"websocket.headers": %q is of the upgrade itself; must be another`, name), field("Headers"))
		}
	}
}

// isFreeHeader reports whether an answer to an upgrade has no meaning of its own
// for a header.
func isFreeHeader(name string) bool {
	switch name = strings.ToLower(name); name {
	case "host", "content-length", "connection", "upgrade", "nats-no-masking":
		return false
	}
	return !strings.HasPrefix(name, "sec-websocket-")
}
