//go:build linux

package target

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"moonwire/cmd/moonbench/internal/cert"
)

// ErrNoTLS is wrapped by errors that say that a target cannot serve TLS:
// nothing says how to start it that way, or it does not offer it.
var ErrNoTLS = errors.New("no TLS")

// Secured is a Target that may be able to serve TLS.
type Secured interface {
	Target
	// StartTLS is Start for TLS; Server.TLS is what its clients need. The error
	// wraps ErrNoTLS if the target is not made for it.
	StartTLS(ctx context.Context) (*Server, error)
}

// StartTLS starts the TLSLine with a certificate of its own, which is gone
// after Stop. It implements Secured.
func (c Command) StartTLS(ctx context.Context) (*Server, error) {
	if c.TLSLine == "" {
		return nil, fmt.Errorf("server %s: %w: no command starts it that way", c.Name, ErrNoTLS)
	}
	keys, err := newKeys()
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", c.Name, err)
	}
	c.Line, c.keys = c.TLSLine, keys
	s, err := c.Start(ctx)
	if err != nil {
		keys.remove()
		return nil, err
	}
	s.TLS, s.keys = keys.trust, keys
	return s, nil
}

// validateTLS reports what is wrong with the TLSLine, if there is one.
func (c Command) validateTLS() error {
	if c.TLSLine == "" {
		return nil
	}
	errs := []error{Command{Name: c.Name, Line: c.TLSLine}.Validate()}
	for _, p := range []string{certPlace, keyPlace} {
		if !strings.Contains(c.TLSLine, p) {
			errs = append(errs, fmt.Errorf("TLS command of server %s has no %s: %q", c.Name, p, c.TLSLine))
		}
	}
	return errors.Join(errs...)
}

// What stands for the files in a TLSLine.
const (
	certPlace = "{cert}"
	keyPlace  = "{key}"
)

// keys is the certificate of one server and the folder that holds it. A nil
// *keys is that of a server without TLS.
type keys struct {
	dir               string
	certFile, keyFile string
	trust             *tls.Config // of clients; names no server
}

func newKeys() (*keys, error) {
	pair, err := cert.New()
	if err != nil {
		return nil, err
	}
	k := &keys{trust: pair.Trust()}
	if k.dir, err = os.MkdirTemp("", "moonbench-tls-"); err != nil {
		return nil, fmt.Errorf("making a folder for a certificate: %w", err)
	}
	if k.certFile, k.keyFile, err = pair.Write(k.dir); err != nil {
		k.remove()
		return nil, err
	}
	return k, nil
}

// remove deletes the files. It may be called more than once.
func (k *keys) remove() {
	if k != nil {
		_ = os.RemoveAll(k.dir) // a temporary folder: the system clears what is left
	}
}

// fill puts the files into the words of a command line.
func (k *keys) fill(words []string) {
	if k == nil {
		return
	}
	r := strings.NewReplacer(certPlace, k.certFile, keyPlace, k.keyFile)
	for i := range words {
		words[i] = r.Replace(words[i])
	}
}

// client is the configuration to talk to the server with; nil without TLS.
func (k *keys) client() *tls.Config {
	if k == nil {
		return nil
	}
	c := k.trust.Clone()
	c.ServerName = "127.0.0.1"
	return c
}

// upgrade reads INFO and turns a connection to TLS.
func upgrade(nc net.Conn, cfg *tls.Config) (net.Conn, error) {
	r := bufio.NewReader(nc)
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	var info struct {
		Required  bool `json:"tls_required"`
		Available bool `json:"tls_available"`
	}
	text, ok := strings.CutPrefix(line, "INFO ")
	if !ok {
		return nil, fmt.Errorf("server says %s", strings.TrimSpace(line))
	}
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		return nil, fmt.Errorf("reading INFO: %w", err)
	}
	if !info.Required && !info.Available {
		return nil, fmt.Errorf("%w: its INFO does not offer it", ErrNoTLS)
	}
	if r.Buffered() > 0 {
		return nil, errors.New("server says more before TLS")
	}
	return tls.Client(nc, cfg), nil
}
