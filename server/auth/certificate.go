package auth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// directory finds users that are named by distinguished names. Several names
// may say the same; those users are in the order of the configuration.
type directory struct {
	exact     map[string][]*user // by dn.key
	unordered map[string][]*user // by dn.unordered
}

func newDirectory(users []*user) directory {
	d := directory{make(map[string][]*user), make(map[string][]*user)}
	for _, u := range users {
		if name, ok := parseDN(u.id.User); ok {
			d.exact[name.key()] = append(d.exact[name.key()], u)
			d.unordered[name.unordered()] = append(d.unordered[name.unordered()], u)
		}
	}
	return d
}

// find returns the first user with that name that may come in that way, or nil.
// One with the parts of the name in its order goes before one with another.
func (d directory) find(name dn, way string) *user {
	for _, us := range [][]*user{d.exact[name.key()], d.unordered[name.unordered()]} {
		for _, u := range us {
			if u.mayUse(way) {
				return u
			}
		}
	}
	return nil
}

var (
	errNoCertificate = errors.New("no client certificate, which names the user here")
	errUnverified    = errors.New("the client certificate is not verified")
)

// byCertificate returns the user that a certificate names (verify_and_map): the
// first that is known of its email addresses, DNS names, URIs and its subject.
func (a *Authenticator) byCertificate(s *tls.ConnectionState, way string) (*user, error) {
	if s == nil || len(s.PeerCertificates) == 0 {
		return nil, errNoCertificate
	}
	if len(s.VerifiedChains) == 0 {
		return nil, errUnverified
	}
	cert := s.PeerCertificates[0]
	var tried []string
	try := func(kind, name string) *user {
		tried = append(tried, fmt.Sprintf("%s %q", kind, name))
		if u := a.users[name]; u != nil && u.mayUse(way) {
			return u
		}
		return nil
	}
	for _, email := range cert.EmailAddresses {
		if u := try("email", email); u != nil {
			return u, nil
		}
	}
	for _, name := range cert.DNSNames {
		if u := try("DNS name", name); u != nil {
			return u, nil
		}
	}
	for _, uri := range cert.URIs {
		if u := try("URI", uri.String()); u != nil {
			return u, nil
		}
	}
	if u := a.bySubject(cert, way, try); u != nil {
		return u, nil
	}
	if len(tried) == 0 {
		return nil, errors.New("the client certificate has no name in it")
	}
	return nil, fmt.Errorf("no user may connect as %s by the names in the client certificate: %s", way, strings.Join(tried, ", "))
}

// bySubject returns the user that the subject of a certificate names: as a
// distinguished name with its parts in their order or in another, or else as
// Go writes it, with the domain components behind it and without them.
func (a *Authenticator) bySubject(cert *x509.Certificate, way string, try func(kind, name string) *user) *user {
	text := cert.Subject.ToRDNSequence().String()
	if raw, ok := rawSubject(cert.RawSubject); ok {
		if name, ok := subjectDN(raw); ok {
			if u := a.names.find(name, way); u != nil {
				return u
			}
		}
		if dcs := domain(raw); dcs != "" {
			if u := try("subject", text+","+dcs); u != nil {
				return u
			}
		}
	}
	if text == "" {
		return nil
	}
	return try("subject", text)
}
