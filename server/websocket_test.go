package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go"

	"moonwire/server"
	"moonwire/server/servertest"
)

// webDial opens a WebSocket by hand, with headers.
func webDial(t testing.TB, at string, p *pki, headers http.Header) (*websocket.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	transport := &http.Transport{}
	if p != nil {
		transport.TLSClientConfig = p.client()
	}
	t.Cleanup(transport.CloseIdleConnections)
	ws, r, err := websocket.Dial(ctx, at, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, HTTPHeader: headers,
		CompressionMode: websocket.CompressionContextTakeover,
	})
	if r != nil && r.Body != nil {
		_ = r.Body.Close()
	}
	if err == nil {
		ws.SetReadLimit(-1)
		t.Cleanup(func() { _ = ws.CloseNow() })
	}
	return ws, err
}

// webClient returns a client that speaks the protocol in a WebSocket.
func webClient(t testing.TB, at string, p *pki, headers http.Header) (*rawClient, *websocket.Conn) {
	t.Helper()
	ws, err := webDial(t, at, p, headers)
	must(t, err)
	c, err := newRawClient(websocket.NetConn(context.Background(), ws, websocket.MessageBinary))
	must(t, err)
	return c, ws
}

// webURL is where WebSockets of a broker connect.
func webURL(b servertest.Broker) string { return "ws://" + b.WebSocketAddr().String() }

// TestWebSocketInfo compares INFO over WebSocket with the reference's.
func TestWebSocketInfo(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	for name, tt := range map[string]struct{ config, scheme string }{
		"clear":         {socket("no_tls: true"), "ws"},
		"TLS":           {socket(p.block()), "wss"},
		"TLS elsewhere": {p.block() + socket("no_tls: true"), "ws"},
		"TLS here too":  {p.block() + socket(p.block()), "wss"},
		"advertised":    {socket("no_tls: true", `advertise: "web.example:443"`), "ws"},
		"a user":        {socket("no_tls: true", "authorization { username: ann, password: x }"), "ws"},
		"user of all":   {"authorization { user: ann, password: x }\n" + socket("no_tls: true"), "ws"},
		"a guest":       {"accounts { A { users: [{user: ann, password: x}] } }\n" + socket("no_tls: true", "no_auth_user: ann"), "ws"},
		"guest of all": {
			"accounts { A { users: [{user: ann, password: x}] } }\nno_auth_user: ann\n" + socket("no_tls: true"), "ws",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			greeting := func(at net.Addr) said {
				c, _ := webClient(t, tt.scheme+"://"+at.String(), p, nil)
				return saidOf(t, c.info, at)
			}
			reference := startReference(t, tt.config).PortsInfo(patience).WebSocket[0]
			u, err := url.Parse(reference)
			must(t, err)
			theirs, err := net.ResolveTCPAddr("tcp", u.Host)
			must(t, err)
			ours := servertest.Start(t, tt.config)
			equal(t, "INFO", greeting(theirs), greeting(ours.WebSocketAddr()))
		})
	}
}

// TestWebSocketCookies: cookies stand for what CONNECT leaves out, and for no
// more.
func TestWebSocketCookies(t *testing.T) {
	t.Parallel()
	const (
		user   = `authorization { user: ann, password: s3cret }`
		secret = `authorization { token: t0ken }`
	)
	b := socket("no_tls: true", "user_cookie: u", "pass_cookie: p", "token_cookie: t")
	for name, tt := range map[string]struct {
		config, cookie, connect string
		ok                      bool
	}{
		"user":               {user, "u=ann; p=s3cret", "", true},
		"user, wrong":        {user, "u=ann; p=secret", "", false},
		"CONNECT goes first": {user, "u=ann; p=s3cret", `"pass":"wrong",`, false},
		"CONNECT is right":   {user, "u=ann; p=wrong", `"user":"ann","pass":"s3cret",`, true},
		"half by each":       {user, "p=s3cret", `"user":"ann",`, true},
		"other names":        {user, "user=ann; pass=s3cret", "", false},
		"token":              {secret, "t=t0ken", "", true},
		"token, wrong":       {secret, "t=token", "", false},
		"token of no cookie": {secret, "", `"auth_token":"t0ken",`, true},
		"a password for one": {secret, "p=t0ken", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := webClient(t, webURL(servertest.Start(t, b+tt.config)), nil, http.Header{"Cookie": {tt.cookie}})
			must(t, c.send(`CONNECT {`+tt.connect+`"verbose":false}`+"\r\n"))
			if err := c.sync(nil); (err == nil) != tt.ok {
				t.Errorf("got %v, want success: %t", err, tt.ok)
			}
		})
	}
}

// TestWebSocketOrigin: pages from elsewhere are refused.
func TestWebSocketOrigin(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		config, origin string // %s is the server itself
		ok             bool
	}{
		"anything":     {"", "http://evil.example", true},
		"same":         {"same_origin: true", "http://%s", true},
		"not the same": {"same_origin: true", "http://evil.example", false},
		"no browser":   {"same_origin: true", "", true},
		"listed":       {`allowed_origins: ["http://good.example"]`, "http://good.example", true},
		"not listed":   {`allowed_origins: ["http://good.example"]`, "http://evil.example", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := servertest.Start(t, socket("no_tls: true", tt.config))
			h := http.Header{}
			if tt.origin != "" {
				h.Set("Origin", strings.Replace(tt.origin, "%s", b.WebSocketAddr().String(), 1))
			}
			if _, err := webDial(t, webURL(b), nil, h); (err == nil) != tt.ok {
				t.Errorf("got %v, want success: %t", err, tt.ok)
			}
		})
	}
}

// TestWebSocketNoAuthUser: the listener's own no_auth_user is for its clients
// only.
func TestWebSocketNoAuthUser(t *testing.T) {
	t.Parallel()
	b := servertest.Start(t, `accounts { A { users: [{user: ann, password: x}] } }`+"\n"+
		socket("no_tls: true", "no_auth_user: ann"))
	nc, err := open(t, webURL(b))
	must(t, err)
	other, err := open(t, b.ClientURL(), nats.UserInfo("ann", "x"))
	must(t, err)
	echo(t, nc, other) // in one account
	if _, err := open(t, b.ClientURL()); err == nil {
		t.Error("without credentials over TCP")
	}
}

// TestWebSocketConnz: what /connz calls such connections, and how they are
// secured.
func TestWebSocketConnz(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	b := servertest.Start(t, monitored+socket(p.block()))
	_, err := open(t, "wss://"+b.WebSocketAddr().String(), p.roots(), nats.UserInfo("ann", ""))
	must(t, err)
	got := connections(t, b.MonitorAddr(), "auth=1")
	if len(got) != 1 || got[0].Type != "websocket" || got[0].Version != "1.3" || got[0].User != "ann" {
		t.Errorf("got %+v", got)
	}
}

// TestWebSocketStatus: the Close frame says why.
func TestWebSocketStatus(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		config string
		do     func(c *rawClient, b servertest.Broker) error
		status websocket.StatusCode
		text   string
	}{
		"wrong credentials": {
			"authorization { token: x }", func(c *rawClient, _ servertest.Broker) error { return c.send(hello) },
			websocket.StatusPolicyViolation, "Authentication Failure",
		},
		"no credentials": {
			"authorization { token: x, timeout: 0.1 }", func(*rawClient, servertest.Broker) error { return nil },
			websocket.StatusPolicyViolation, "Authentication Timeout",
		},
		"nonsense": {
			"", func(c *rawClient, _ servertest.Broker) error { return c.send("NONSENSE\r\n") },
			websocket.StatusProtocolError, "Protocol Violation",
		},
		"too large": {
			"max_payload: 10", func(c *rawClient, _ servertest.Broker) error { return c.send("PUB a 11\r\n01234567890\r\n") },
			websocket.StatusMessageTooBig, "Maximum Message Payload Exceeded",
		},
		"long line": {
			"max_control_line: 64", func(c *rawClient, _ servertest.Broker) error { return c.send("SUB " + strings.Repeat("a", 100)) },
			websocket.StatusPolicyViolation, "Maximum Control Line Exceeded",
		},
		"too many": {
			"max_connections: 1", func(c *rawClient, _ servertest.Broker) error { return nil },
			websocket.StatusPolicyViolation, "Maximum Connections Exceeded",
		},
		"stale": {
			"ping_interval: 0.1\nping_max: 1", func(c *rawClient, _ servertest.Broker) error { return c.send(hello) },
			websocket.StatusGoingAway, "Stale Connection",
		},
		"shutdown": {
			"", func(c *rawClient, b servertest.Broker) error {
				err := c.sync(nil)
				go b.Shutdown()
				return err
			},
			websocket.StatusGoingAway, "Server Shutdown",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := servertest.Start(t, socket("no_tls: true")+tt.config)
			if name == "too many" {
				c := connect(t, b.Addr())
				must(t, c.sync(nil))
			}
			ws, err := webDial(t, webURL(b), nil, nil)
			must(t, err)
			c := &rawClient{nc: websocket.NetConn(context.Background(), ws, websocket.MessageBinary)}
			if name == "shutdown" {
				c, err = newRawClient(c.nc)
				must(t, err)
				must(t, c.send(quiet))
			}
			must(t, tt.do(c, b))
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			for err = nil; err == nil; {
				_, _, err = ws.Read(ctx)
			}
			var e websocket.CloseError
			if !errors.As(err, &e) || e.Code != tt.status || e.Reason != tt.text {
				t.Errorf("got %v, want status %d, %q", err, tt.status, tt.text)
			}
		})
	}
}

// TestWebSocketSlowConsumer: a client that does not read is cut, whatever there
// is still to tell it.
func TestWebSocketSlowConsumer(t *testing.T) {
	t.Parallel()
	o := loopback()
	o.WebSocket.Port, o.WebSocket.NoTLS, o.WebSocket.Host = -1, true, "127.0.0.1"
	o.MaxPending = 1 << 20
	o.HTTPHost, o.HTTPPort = "127.0.0.1", -1
	b := servertest.StartOptions(t, o)
	deaf, _ := webClient(t, webURL(b), nil, nil)
	must(t, deaf.send(quiet+"SUB a 1\r\nPING\r\n"))
	must(t, deaf.untilPong(nil))
	pub := connect(t, b.Addr())
	begin := time.Now()
	eventually(t, func() string {
		must(t, pub.send(fmt.Sprintf("PUB a 100000\r\n%s\r\n", strings.Repeat("x", 100_000))))
		must(t, pub.sync(nil))
		if lookVarz(t, b).SlowConsumers == 0 {
			return "nobody was cut"
		}
		return ""
	})
	b.Shutdown()
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("the end took %v", took)
	}
	_, _ = io.Copy(io.Discard, deaf.r)
}

// TestWebSocketNeedsTLS: a listener in clear has to be asked for.
func TestWebSocketNeedsTLS(t *testing.T) {
	t.Parallel()
	o := loopback()
	o.WebSocket.Port = -1
	if _, err := server.New(o); err == nil || !strings.Contains(err.Error(), "no_tls") {
		t.Errorf("got %v", err)
	}
}
