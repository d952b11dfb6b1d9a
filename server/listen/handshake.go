package listen

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"moonwire/server/config"
	"moonwire/server/wire"
)

// defaultTimeout is how long a handshake takes at most if nothing else is said.
const defaultTimeout = 2 * time.Second

// ErrThrottled means that handshakes begin too often. Nothing was read from the
// connection, and what the peer is sent in clear reaches it: the error wraps
// what that is to be.
var ErrThrottled = fmt.Errorf("TLS handshake: more begin than connection_rate_limit allows: %w", wire.ErrThrottled)

// Handshake is how TLS begins on the connections of a listener, before INFO and
// after it. It may be used from many goroutines.
//
//	nc, err := h.BeforeInfo(nc)
//	… // send INFO
//	nc, err = h.AfterInfo(nc)
//
// Each returns a *tls.Conn once the handshake is done. Both wait for the peer,
// for as long as the timeout; closing the connection ends the wait. With an
// error, which says what the peer did, the connection is still the caller's to
// close.
type Handshake struct {
	config      *tls.Config
	timeout     time.Duration
	first       bool
	fallback    time.Duration
	allowNonTLS bool
	limit       *rate.Limiter // nil: none

	throttled atomic.Uint64
}

// NewHandshake returns the handshake that o asks for. With allowNonTLS clients
// choose, unless o has HandshakeFirst without HandshakeFallback.
func NewHandshake(o *config.TLS, certs *Certs, allowNonTLS bool) *Handshake {
	h := &Handshake{
		config:      certs.Config(),
		timeout:     o.Timeout,
		first:       o.HandshakeFirst,
		fallback:    o.HandshakeFallback,
		allowNonTLS: allowNonTLS,
	}
	if h.timeout <= 0 {
		h.timeout = defaultTimeout
	}
	if n := o.ConnectionRateLimit; n > 0 {
		h.limit = rate.NewLimiter(rate.Limit(n), int(n))
	}
	return h
}

// BeforeInfo runs the handshake if it comes before INFO. With a fallback that is
// when the client begins it within that time.
func (h *Handshake) BeforeInfo(nc net.Conn) (net.Conn, error) {
	if !h.first {
		return nc, nil
	}
	if h.fallback <= 0 {
		return h.shake(nc)
	}
	return h.choose(nc, h.fallback)
}

// AfterInfo runs the handshake unless BeforeInfo did. A client that may choose
// gets nc back if it sends clear text, or nothing within the timeout.
func (h *Handshake) AfterInfo(nc net.Conn) (net.Conn, error) {
	if _, done := nc.(*tls.Conn); done {
		return nc, nil
	}
	if h.allowNonTLS {
		return h.choose(nc, h.timeout)
	}
	return h.shake(nc)
}

// Throttled returns how often there was an [ErrThrottled].
func (h *Handshake) Throttled() uint64 { return h.throttled.Load() }

// handshakeRecord is the first byte of a TLS connection.
const handshakeRecord = 0x16

// choose runs the handshake if the client begins it within d.
func (h *Handshake) choose(nc net.Conn, d time.Duration) (net.Conn, error) {
	_ = nc.SetReadDeadline(time.Now().Add(d))
	peeked, first, err := peek(nc)
	_ = nc.SetReadDeadline(time.Time{})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nc, nil
	case err != nil:
		return nc, fmt.Errorf("TLS handshake: awaiting the first byte: %w", err)
	case first != handshakeRecord:
		return peeked, nil
	}
	return h.shake(peeked)
}

// shake runs the handshake.
func (h *Handshake) shake(nc net.Conn) (net.Conn, error) {
	if h.limit != nil && !h.limit.Allow() {
		h.throttled.Add(1)
		return nc, ErrThrottled
	}
	_ = nc.SetDeadline(time.Now().Add(h.timeout))
	secure := tls.Server(nc, h.config)
	if err := secure.Handshake(); err != nil {
		return nc, fmt.Errorf("TLS handshake: %w", h.explain(err))
	}
	_ = nc.SetDeadline(time.Time{})
	return secure, nil
}

// explain says in words what a client did wrong.
func (h *Handshake) explain(err error) error {
	var (
		record   tls.RecordHeaderError
		unproven *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &record) && record.Conn != nil:
		return fmt.Errorf("client sent clear text, TLS is required (%w)", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("not done after %s (%w)", h.timeout, err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("client closed the connection (%w)", err)
	case errors.As(err, &unproven) && len(unproven.UnverifiedCertificates) > 0:
		return fmt.Errorf("client certificate %s: %w", unproven.UnverifiedCertificates[0].Subject, err)
	}
	return err
}
