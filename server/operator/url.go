package operator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/nats-io/jwt/v2"

	"moonwire/server/config"
)

// maxAsking is how many questions an account server is asked at one time; others
// wait for their turn within their timeouts. Whoever connects may name accounts
// that do not exist, and each of them is asked for.
const maxAsking = 32

// web is the resolver that asks an account server.
type web struct {
	base   *url.URL // may hold a password
	shown  string   // the same without it, ending in a slash
	client http.Client
}

func newURL(r *config.Resolver) (*web, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("resolver: its URL is not one of http or https, like https://host/jwt/v1/accounts/")
	}
	u = u.JoinPath("/") // ends in a slash now
	t := &http.Transport{MaxConnsPerHost: maxAsking, MaxIdleConnsPerHost: 10, IdleConnTimeout: 30 * time.Second}
	if r.TLS != nil {
		if t.TLSClientConfig, err = clientTLS(r.TLS); err != nil {
			return nil, fmt.Errorf("resolver_tls: %w", err)
		}
	}
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return &web{
		base: u, shown: bare.String(),
		client: http.Client{Timeout: r.Timeout, Transport: t},
	}, nil
}

// clientTLS returns how an account server is spoken to.
func clientTLS(c *config.TLS) (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.Insecure}
	if c.MinVersion == "1.3" {
		out.MinVersion = tls.VersionTLS13
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %q has no certificate in PEM", c.CAFile)
		}
	}
	pairs := c.Certs
	if c.CertFile != "" {
		pairs = append([]config.CertPair{{CertFile: c.CertFile, KeyFile: c.KeyFile}}, pairs...)
	}
	for _, p := range pairs {
		pair, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file %q with key_file %q: %w", p.CertFile, p.KeyFile, err)
		}
		out.Certificates = append(out.Certificates, pair)
	}
	return out, nil
}

func (w *web) fetch(ctx context.Context, key string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base.JoinPath(key).String(), nil)
	if err != nil {
		return "", fmt.Errorf("asking %s: the request could not be made", w.shown+key)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		if inner := (*url.Error)(nil); errors.As(err, &inner) {
			err = inner.Err // it would show the URL as it is
		}
		return "", fmt.Errorf("asking %s: %w", w.shown+key, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return "", fmt.Errorf("%w at %s", ErrNoAccount, w.shown)
	default:
		return "", fmt.Errorf("asking %s: the answer was status %d", w.shown+key, resp.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, jwt.MaxTokenSize+1))
	if err != nil {
		return "", fmt.Errorf("asking %s: reading the answer: %w", w.shown+key, err)
	}
	return string(text), nil
}

func (w *web) store(string, string) error {
	return fmt.Errorf("resolver of type url: %w", errors.ErrUnsupported)
}

// watch lets go of idle connections at the end: an account server tells nothing.
func (w *web) watch(ctx context.Context, _ func(string)) {
	<-ctx.Done()
	w.client.CloseIdleConnections()
}
