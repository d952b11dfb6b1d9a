package listen

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"moonwire/server/config"
)

const (
	// defaultUpgrade is how long an upgrade may take if nothing else is said.
	defaultUpgrade = 2 * time.Second
	// maxUpgrade is how long its request may be: cookies hold JWTs.
	maxUpgrade = 64 << 10
)

// WebSocket is a listener for clients that speak WebSocket. Make it with
// [NewWebSocket].
//
//	w, err := listen.NewWebSocket(&o, certs, log)
//	go w.Serve(func(nc net.Conn, info listen.WebSocketInfo) { go serve(nc, info) })
type WebSocket struct {
	o       config.WebSocket      // immutable
	log     *zap.Logger           // immutable
	l       net.Listener          // immutable
	certs   atomic.Pointer[Certs] // nil: no TLS
	origins []origin              // immutable
	headers string                // lines of the answer; immutable
	http    *http.Server
	handle  func(net.Conn, WebSocketInfo) // set by Serve
	work    sync.WaitGroup                // upgrades under way
}

// WebSocketInfo is what the request for the upgrade said.
type WebSocketInfo struct {
	// JWT, Username, Password and Token are the values of the cookies that the
	// options name, or "". They stand for what a CONNECT does not name. Secret.
	JWT, Username, Password, Token string
	// ForwardedFor is the address that X-Forwarded-For names, if it is an
	// address and not a list, or "". nats-server takes it for the client's;
	// anybody can write it.
	ForwardedFor string
	// Host is what the client called us, and Path what it asked for.
	Host, Path string
	// TLS is how the connection is secured, or nil. Its certificates were
	// verified as the options ask.
	TLS *tls.ConnectionState
}

// NewWebSocket listens for WebSocket clients on o.Host and o.Port. With certs
// they have to use TLS; without, o must have NoTLS. The error names the address
// or the key.
func NewWebSocket(o *config.WebSocket, certs *Certs, log *zap.Logger) (*WebSocket, error) {
	w := &WebSocket{o: *o, log: log}
	if w.o.HandshakeTimeout <= 0 {
		w.o.HandshakeTimeout = defaultUpgrade
	}
	if certs == nil && !o.NoTLS {
		return nil, errors.New("websocket.tls: is not set; set it, or websocket.no_tls to do without")
	}
	for _, allowed := range o.AllowedOrigins {
		from, err := parseOrigin(allowed)
		if err != nil {
			return nil, fmt.Errorf("websocket.allowed_origins: %w", err)
		}
		w.origins = append(w.origins, from)
	}
	var err error
	if w.headers, err = headerLines(o.Headers); err != nil {
		return nil, fmt.Errorf("websocket.headers: %w", err)
	}
	l, err := TCP(o.Host, o.Port)
	if err != nil {
		return nil, err
	}
	w.l = secured{patient{l, log}, &w.certs}
	w.SetCerts(certs)
	w.http = &http.Server{
		Handler:        http.HandlerFunc(w.upgrade),
		ReadTimeout:    w.o.HandshakeTimeout,
		WriteTimeout:   w.o.HandshakeTimeout,
		MaxHeaderBytes: maxUpgrade,
		ConnState:      w.count,
	}
	w.http.ErrorLog, _ = zap.NewStdLogAt(log, zap.ErrorLevel) // fails only for an unknown level
	w.http.ErrorLog.SetPrefix("websocket: ")
	w.http.SetKeepAlivesEnabled(false) // who is refused has to come again
	return w, nil
}

// SetCerts has connections that come from now on use certs; nil for no TLS, for
// which the options must have NoTLS.
func (w *WebSocket) SetCerts(certs *Certs) { w.certs.Store(certs) }

// secured is a listener of connections that use TLS, if there is any.
type secured struct {
	net.Listener
	certs *atomic.Pointer[Certs]
}

// Accept implements net.Listener.
func (s secured) Accept() (net.Conn, error) {
	nc, err := s.Listener.Accept()
	if c := s.certs.Load(); err == nil && c != nil {
		return tls.Server(nc, c.Config()), nil
	}
	return nc, err
}

// headerLines returns headers as they are sent.
func headerLines(headers map[string]string) (string, error) {
	h := make(http.Header, len(headers))
	for name, value := range headers {
		if strings.ContainsAny(name, "\r\n: ") || name == "" || strings.ContainsAny(value, "\r\n") {
			return "", fmt.Errorf("%q cannot be sent; a name has no blank or colon, and name and value are one line", name)
		}
		h[name] = []string{value}
	}
	var b bytes.Buffer
	err := h.Write(&b) // in order of the names
	return b.String(), err
}

// Addr returns the address that is listened on.
func (w *WebSocket) Addr() net.Addr { return w.l.Addr() }

// Serve hands each client that has been upgraded to handle, until Close, and
// returns when no upgrade is under way any more. handle is called from many
// goroutines and must not block; nc is a [WebSocketConn].
func (w *WebSocket) Serve(handle func(nc net.Conn, info WebSocketInfo)) {
	w.handle = handle
	if err := w.http.Serve(w.l); !errors.Is(err, http.ErrServerClosed) {
		w.log.Error(fmt.Sprintf("Accepting WebSocket clients on %s ended: %v", w.Addr(), err))
	}
	w.work.Wait()
}

// Close ends the listener. Clients that have been handed on are left alone.
func (w *WebSocket) Close() error {
	err := w.http.Close()
	_ = w.l.Close() // in case nobody served it
	return err
}

// count keeps account of the connections that are not handed on yet.
func (w *WebSocket) count(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		w.work.Add(1)
	case http.StateClosed: // not of those whom upgrade takes over
		w.work.Done()
	}
}

// refusal is why an upgrade is refused. The client gets the status alone.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return r.why }

// upgrade answers a request.
func (w *WebSocket) upgrade(rw http.ResponseWriter, r *http.Request) {
	if no := w.check(r); no != nil {
		w.refused(r, no)
		rw.Header().Set("Sec-Websocket-Version", "13")
		http.Error(rw, http.StatusText(no.status), no.status)
		return
	}
	nc, buffered, err := rw.(http.Hijacker).Hijack()
	if err != nil {
		w.refused(r, err)
		return
	}
	defer w.work.Done()
	if buffered.Reader.Buffered() > 0 {
		w.refused(r, errors.New("client sent data before it was answered"))
		_ = nc.Close()
		return
	}
	deflate := w.o.Compression && offersDeflate(r.Header)
	_ = nc.SetDeadline(time.Now().Add(w.o.HandshakeTimeout))
	if _, err := nc.Write(w.answer(r, deflate)); err != nil {
		w.refused(r, err)
		_ = nc.Close()
		return
	}
	_ = nc.SetDeadline(time.Time{})
	browser := strings.HasPrefix(r.UserAgent(), "Mozilla/")
	w.handle(newWebSocketConn(nc, deflate, browser), w.info(r))
}

func (w *WebSocket) refused(r *http.Request, err error) {
	w.log.Error(fmt.Sprintf("%s - websocket handshake error: %v", r.RemoteAddr, err))
}

// check says why a request is no upgrade for us, RFC 6455 §4.2.1. The order is
// nats-server's.
func (w *WebSocket) check(r *http.Request) *refusal {
	path := r.URL.EscapedPath()
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-Websocket-Key"))
	switch {
	case strings.HasSuffix(path, "/mqtt"), strings.HasSuffix(path, "/leafnode"):
		return &refusal{http.StatusNotFound, fmt.Sprintf("nobody is served at %q", path)}
	case r.Method != http.MethodGet:
		return &refusal{http.StatusMethodNotAllowed, fmt.Sprintf("method is %q, must be GET", r.Method)}
	case r.Host == "":
		return &refusal{http.StatusBadRequest, "Host is missing"}
	case !has(r.Header, "Upgrade", "websocket"):
		return &refusal{http.StatusBadRequest, "Upgrade does not name websocket"}
	case !has(r.Header, "Connection", "Upgrade"):
		return &refusal{http.StatusBadRequest, "Connection does not name Upgrade"}
	case err != nil || len(key) != 16:
		return &refusal{http.StatusBadRequest, "Sec-WebSocket-Key is not 16 bytes in base64"}
	case !has(r.Header, "Sec-Websocket-Version", "13"):
		return &refusal{http.StatusBadRequest, "Sec-WebSocket-Version is not 13"}
	}
	if err := w.checkOrigin(r); err != nil {
		return &refusal{http.StatusForbidden, fmt.Sprintf("origin not allowed: %v", err)}
	}
	return nil
}

// has reports whether a header names a token.
func has(h http.Header, name, token string) bool {
	for _, line := range h[name] {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(t, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// origin is where a page came from.
type origin struct{ scheme, host, port string }

// originOf completes a host, which may have a port.
func originOf(scheme, host string) origin {
	u := url.URL{Host: host}
	o := origin{scheme, strings.ToLower(u.Hostname()), u.Port()}
	if o.port == "" {
		o.port = map[bool]string{true: "443", false: "80"}[scheme == "https"]
	}
	return o
}

func parseOrigin(s string) (origin, error) {
	u, err := url.ParseRequestURI(s)
	switch {
	case err != nil:
		return origin{}, err
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return origin{}, fmt.Errorf("%q is no http or https URL with a host", s)
	}
	return originOf(u.Scheme, u.Host), nil
}

// checkOrigin says why the page that a browser opened may not connect. Who names
// none is no browser.
func (w *WebSocket) checkOrigin(r *http.Request) error {
	said := cmp.Or(r.Header.Get("Origin"), r.Header.Get("Sec-Websocket-Origin"))
	if said == "" || !w.o.SameOrigin && len(w.origins) == 0 {
		return nil
	}
	from, err := parseOrigin(said)
	if err != nil {
		return err
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if w.o.SameOrigin && from != originOf(scheme, r.Host) {
		return fmt.Errorf("%q is not the origin %q", said, scheme+"://"+r.Host)
	}
	if len(w.origins) > 0 && !slices.Contains(w.origins, from) {
		return fmt.Errorf("%q is not in allowed_origins", said)
	}
	return nil
}

// offersDeflate reports whether the client offers a permessage-deflate that we
// can do, RFC 7692 §7.1: we do not compress with a smaller window.
func offersDeflate(h http.Header) bool {
	for _, line := range h["Sec-Websocket-Extensions"] {
		for offer := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(offer, ";")
			if strings.EqualFold(strings.Trim(name, " \t"), "permessage-deflate") &&
				!strings.Contains(strings.ToLower(parameters), "server_max_window_bits") {
				return true
			}
		}
	}
	return false
}

// answer is what a client is told that is let in.
func (w *WebSocket) answer(r *http.Request, deflate bool) []byte {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455 §1.3
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
	fmt.Fprintf(&b, "Sec-WebSocket-Accept: %s\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	if deflate {
		b.WriteString("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n")
	}
	b.WriteString(w.headers)
	b.WriteString("\r\n")
	return b.Bytes()
}

// info is what the request says about the client.
func (w *WebSocket) info(r *http.Request) WebSocketInfo {
	i := WebSocketInfo{Host: r.Host, Path: r.URL.Path, TLS: r.TLS}
	if from := r.Header.Get("X-Forwarded-For"); net.ParseIP(from) != nil {
		i.ForwardedFor = from
	}
	for _, c := range r.Cookies() {
		switch c.Name {
		case w.o.JWTCookie:
			i.JWT = c.Value
		case w.o.UsernameCookie:
			i.Username = c.Value
		case w.o.PasswordCookie:
			i.Password = c.Value
		case w.o.TokenCookie:
			i.Token = c.Value
		}
	}
	return i
}
