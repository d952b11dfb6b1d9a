package listen

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"moonwire/server/config"
)

// upgraded is a client that was handed on.
type upgraded struct {
	*WebSocketConn
	info WebSocketInfo
}

// serveWebSocket runs a listener until the end of the test.
func serveWebSocket(t *testing.T, o config.WebSocket, certs *Certs) (addr string, clients <-chan upgraded) {
	t.Helper()
	o.Host, o.Port, o.NoTLS = "127.0.0.1", -1, certs == nil
	w, err := NewWebSocket(&o, certs, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	c := make(chan upgraded, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Serve(func(nc net.Conn, info WebSocketInfo) { c <- upgraded{nc.(*WebSocketConn), info} })
	}()
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		<-done
		for len(c) > 0 {
			_ = (<-c).Close()
		}
	})
	return w.Addr().String(), c
}

// accepted returns the next client.
func accepted(t *testing.T, clients <-chan upgraded) upgraded {
	t.Helper()
	select {
	case u := <-clients:
		t.Cleanup(func() { _ = u.Close() })
		_ = u.SetDeadline(time.Now().Add(patience))
		return u
	case <-time.After(patience):
		t.Fatal("nobody was handed on")
		return upgraded{}
	}
}

// dialWebSocket connects an independent client.
func dialWebSocket(t *testing.T, url string, o *websocket.DialOptions) (context.Context, *websocket.Conn, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c, answer, err := websocket.Dial(ctx, url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	c.SetReadLimit(-1)
	return ctx, c, answer
}

// TestWebSocketClient: an independent client and we understand each other,
// whatever is agreed on and however long a message is.
func TestWebSocketClient(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	certs := newCerts(t, ca.issue(time.Hour, "localhost").files(t, t.TempDir()), zap.NewNop())
	for name, c := range map[string]struct {
		secure, ours bool
		theirs       websocket.CompressionMode
		agent        string
		most         int // bytes of a message to the client
	}{
		"plain":                {most: maxFrame},
		"secure":               {secure: true, most: maxFrame},
		"compressed":           {ours: true, theirs: websocket.CompressionNoContextTakeover, most: maxFrame},
		"compressed, secure":   {secure: true, ours: true, theirs: websocket.CompressionNoContextTakeover, most: maxFrame},
		"context takeover":     {ours: true, theirs: websocket.CompressionContextTakeover, most: maxFrame},
		"not offered":          {ours: true, most: maxFrame},
		"not taken":            {theirs: websocket.CompressionNoContextTakeover, most: maxFrame},
		"browser":              {agent: "Mozilla/5.0", most: browserFrame},
		"browser, compressing": {agent: "Mozilla/5.0", ours: true, theirs: websocket.CompressionNoContextTakeover, most: browserFrame},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := config.WebSocket{Compression: c.ours}
			var addr string
			var clients <-chan upgraded
			dial := &websocket.DialOptions{CompressionMode: c.theirs, HTTPHeader: http.Header{}}
			if c.agent != "" {
				dial.HTTPHeader.Set("User-Agent", c.agent)
			}
			url := "ws://"
			if c.secure {
				addr, clients = serveWebSocket(t, o, certs)
				transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool()}}
				defer transport.CloseIdleConnections()
				dial.HTTPClient = &http.Client{Transport: transport}
				url = "wss://"
			} else {
				addr, clients = serveWebSocket(t, o, nil)
			}
			ctx, client, _ := dialWebSocket(t, url+addr, dial)
			conn := accepted(t, clients)
			if got, want := conn.deflate, c.ours && c.theirs != websocket.CompressionDisabled; got != want {
				t.Errorf("compression is %v, want %v", got, want)
			}
			if (conn.info.TLS != nil) != c.secure {
				t.Errorf("TLS is %v, want %v", conn.info.TLS, c.secure)
			}
			text := bytes.Repeat([]byte("PUB some.subject 5\r\nhello\r\n"), 10000)
			random := make([]byte, 100)
			for i := range random {
				random[i] = byte(i * i)
			}
			for _, message := range [][]byte{[]byte("PING\r\n"), text[:65], random, text[:maxFrame], text[:maxFrame+1], text} {
				for _, kind := range []websocket.MessageType{websocket.MessageBinary, websocket.MessageText} {
					sent := make(chan error, 1)
					go func() { sent <- client.Write(ctx, kind, message) }()
					got := make([]byte, len(message))
					if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, message) {
						t.Fatalf("read %d bytes wrong, %v", len(got), err)
					}
					if err := <-sent; err != nil {
						t.Fatal(err)
					}
				}
				sent := make(chan error, 1)
				go func() {
					n, err := conn.Write(message)
					if n != len(message) && err == nil {
						err = fmt.Errorf("wrote %d of %d", n, len(message))
					}
					sent <- err
				}()
				for rest := message; len(rest) > 0; {
					kind, got, err := client.Read(ctx)
					want := rest[:min(len(rest), c.most)]
					if err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, want) {
						t.Fatalf("client read %d bytes %v, %v; want %d", len(got), kind, err, len(want))
					}
					rest = rest[len(want):]
				}
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestWebSocketClose: either side may close, and the other learns why.
func TestWebSocketClose(t *testing.T) {
	t.Parallel()
	addr, clients := serveWebSocket(t, config.WebSocket{}, nil)
	t.Run("client", func(t *testing.T) {
		_, client, _ := dialWebSocket(t, "ws://"+addr, nil)
		conn := accepted(t, clients)
		done := make(chan error, 1)
		go func() { done <- client.Close(websocket.StatusGoingAway, "bye") }() // waits for our answer
		if n, err := conn.Read(make([]byte, 10)); n != 0 || err != io.EOF {
			t.Errorf("got %d, %v, want EOF", n, err)
		}
		if err := <-done; err != nil {
			t.Errorf("the client got %v", err)
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("writing = %v, want that it is closed", err)
		}
	})
	for name, c := range map[string]struct {
		close func(*WebSocketConn) error
		want  websocket.CloseError
	}{
		"server":            {(*WebSocketConn).Close, websocket.CloseError{Code: websocket.StatusNormalClosure}},
		"server, half":      {(*WebSocketConn).CloseWrite, websocket.CloseError{Code: websocket.StatusNormalClosure}},
		"server, saying it": {saying("Authentication Timeout"), websocket.CloseError{Code: websocket.StatusPolicyViolation, Reason: "Authentication Timeout"}},
		"server, at length": {saying(strings.Repeat("x", 200)), websocket.CloseError{Code: websocket.StatusPolicyViolation, Reason: strings.Repeat("x", 123)}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, client, _ := dialWebSocket(t, "ws://"+addr, nil)
			conn := accepted(t, clients)
			if _, err := conn.Write([]byte("-ERR 'x'\r\n")); err != nil {
				t.Fatal(err)
			}
			if err := c.close(conn.WebSocketConn); err != nil {
				t.Fatal(err)
			}
			if _, got, err := client.Read(ctx); err != nil || string(got) != "-ERR 'x'\r\n" {
				t.Errorf("client read %q, %v", got, err)
			}
			var got websocket.CloseError
			if _, _, err := client.Read(ctx); !errors.As(err, &got) || got != c.want {
				t.Errorf("client got %v, want %v", err, c.want)
			}
			if name == "server, half" {
				if _, err := conn.Read(make([]byte, 10)); err != io.EOF {
					t.Errorf("got %v, want EOF", err)
				}
			}
		})
	}
}

func saying(why string) func(*WebSocketConn) error {
	return func(c *WebSocketConn) error {
		c.SetCloseStatus(1008, why)
		return c.Close()
	}
}

// TestWebSocketPing: a ping is answered while somebody waits for data, and a
// read deadline ends the wait and no more.
func TestWebSocketPing(t *testing.T) {
	t.Parallel()
	addr, clients := serveWebSocket(t, config.WebSocket{}, nil)
	ctx, client, _ := dialWebSocket(t, "ws://"+addr, nil)
	conn := accepted(t, clients)
	reading := client.CloseRead(ctx) // a ping waits for a pong, which a reader sees
	read := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 10))
		read <- err
	}()
	if err := client.Ping(ctx); err != nil {
		t.Error(err)
	}
	_ = conn.SetReadDeadline(time.Unix(1, 0))
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want that the deadline passed", err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	if err := client.Write(ctx, websocket.MessageBinary, []byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	expect(t, conn, "PING\r\n")
	_ = conn.Close()
	<-reading.Done()
}

// counted counts the writes that reach the connection below.
type counted struct {
	scripted
	writes int
}

func (c *counted) Write(b []byte) (int, error) {
	c.writes++
	return c.scripted.Write(b)
}

// TestWriteIsOne: what is written leaves in one piece, with its headers.
func TestWriteIsOne(t *testing.T) {
	t.Parallel()
	for _, browser := range []bool{false, true} {
		for size, want := range map[int]int{1: 1, 125: 1, 126: 1, 1 << 15: 1, maxFrame: 1, maxFrame + 1: 2, 5 * maxFrame: 5} {
			below := &counted{}
			c := newWebSocketConn(below, false, browser)
			if n, err := c.Write(make([]byte, size)); n != size || err != nil || below.writes != want {
				t.Errorf("browser %v: wrote %d of %d in %d pieces, %v; want %d", browser, n, size, below.writes, err, want)
			}
		}
	}
}

// TestWriteAllocs: no frame costs an allocation, but for buffers that the
// collector took meanwhile.
func TestWriteAllocs(t *testing.T) {
	below := &counted{}
	c := newWebSocketConn(below, false, false)
	b := make([]byte, 1000)
	if n := testing.AllocsPerRun(100, func() {
		below.said.Reset()
		_, _ = c.Write(b)
	}); n > 0 {
		t.Errorf("got %v allocations for a frame", n)
	}
}

// TestSpeakWhileWriting: who reads does not wait for who writes; what it has to
// answer comes behind.
func TestSpeakWhileWriting(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	c := newWebSocketConn(far, false, false)
	wrote := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte("data"))
		wrote <- err
	}()
	expect(t, near, "\x82") // the writer has begun, and waits for us to read on
	read := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 10))
		read <- err
	}()
	for _, frame := range []string{"one", "two"} {
		if _, err := near.Write(appendMasked(nil, fin|opPing, [4]byte{}, []byte(frame))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := near.Write(appendMasked(nil, fin|opClose, [4]byte{}, []byte{3, 232})); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != io.EOF {
		t.Errorf("got %v, want EOF", err)
	}
	expect(t, near, "\x04data\x8a\x03two\x88\x02\x03\xe8")
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	_ = c.Close()
}

// TestWriteFailed: behind half a frame there is nothing.
func TestWriteFailed(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	c := newWebSocketConn(far, false, false)
	_ = c.SetWriteDeadline(time.Unix(1, 0))
	c.say(opPong, []byte("x"))
	_ = c.SetWriteDeadline(time.Time{})
	if n, err := c.Write([]byte("data")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d, %v; want what failed before", n, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if b, err := io.ReadAll(near); len(b) > 0 || err != nil {
		t.Errorf("the client got %q, %v", b, err)
	}
}

// TestWebSocketInfo: what the request says is handed on.
func TestWebSocketInfo(t *testing.T) {
	t.Parallel()
	addr, clients := serveWebSocket(t, config.WebSocket{
		JWTCookie: "j", UsernameCookie: "u", PasswordCookie: "p", TokenCookie: "t",
		Headers: map[string]string{"X-Zone": "a, b", "x-lower": "1"},
	}, nil)
	_, _, answer := dialWebSocket(t, "ws://"+addr+"/some/path?x=1", &websocket.DialOptions{HTTPHeader: http.Header{
		"Cookie":          {"j=eyJ.a-b_c; u=me; p=secret; t=tok; other=x"},
		"X-Forwarded-For": {"2001:db8::1"},
	}})
	got := accepted(t, clients)
	want := WebSocketInfo{
		JWT: "eyJ.a-b_c", Username: "me", Password: "secret", Token: "tok",
		ForwardedFor: "2001:db8::1", Host: addr, Path: "/some/path",
	}
	if diff := cmp.Diff(want, got.info, cmpopts.IgnoreTypes((*tls.ConnectionState)(nil))); diff != "" {
		t.Error(diff)
	}
	if answer.Header.Get("X-Zone") != "a, b" || answer.Header.Get("X-Lower") != "1" {
		t.Errorf("the answer has the headers %v", answer.Header)
	}
	_, _, _ = dialWebSocket(t, "ws://"+addr, &websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {"10.0.0.1, 10.0.0.2"}}})
	if got := accepted(t, clients); got.info.ForwardedFor != "" || got.info.Username != "" {
		t.Errorf("got %+v, want nothing of a list", got.info)
	}
}

// startWebSocketReference runs a nats-server and returns the address of its
// WebSocket listener.
func startWebSocketReference(t *testing.T, o server.WebsocketOpts) string {
	t.Helper()
	o.Host, o.Port, o.NoTLS = "127.0.0.1", -1, true
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, Websocket: o})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the reference does not start")
	}
	return strings.TrimPrefix(s.WebsocketURL(), "ws://")
}

// ask sends a request and returns the answer.
func ask(t *testing.T, addr, request string) *http.Response {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	if _, err := nc.Write([]byte(strings.ReplaceAll(request, "ADDR", addr))); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	r, err := http.ReadResponse(bufio.NewReader(nc), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestUpgradeAsReference: each request gets the answer that nats-server gives.
func TestUpgradeAsReference(t *testing.T) {
	t.Parallel()
	const good = "GET / HTTP/1.1\r\nHost: ADDR\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	without := func(name string) string {
		var b strings.Builder
		for line := range strings.Lines(good) {
			if !strings.HasPrefix(line, name+":") {
				b.WriteString(line)
			}
		}
		return b.String()
	}
	const deflate = "Sec-WebSocket-Extensions: permessage-deflate"
	for name, c := range map[string]struct {
		request string
		same    bool
		allowed []string
		status  int
	}{
		"good":                       {request: good, status: 101},
		"any path":                   {request: strings.Replace(good, "GET / ", "GET /a/b?c ", 1), status: 101},
		"other case":                 {request: strings.NewReplacer("Upgrade", "uPGRADE", "websocket", "WebSocket", "Sec-W", "sec-w").Replace(good), status: 101},
		"post":                       {request: strings.Replace(good, "GET", "POST", 1), status: 405},
		"head":                       {request: strings.Replace(good, "GET", "HEAD", 1), status: 405},
		"no host":                    {request: without("Host"), status: 400},
		"empty host":                 {request: strings.Replace(good, "ADDR", "", 1), status: 400},
		"old http":                   {request: strings.Replace(good, "HTTP/1.1", "HTTP/1.0", 1), status: 101},
		"no upgrade":                 {request: without("Upgrade"), status: 400},
		"other upgrade":              {request: strings.Replace(good, "websocket", "h2c", 1), status: 400},
		"no connection":              {request: without("Connection"), status: 400},
		"no key":                     {request: without("Sec-WebSocket-Key"), status: 400},
		"short key":                  {request: without("Sec-WebSocket-Key") + "Sec-WebSocket-Key: AAAA\r\n", status: 400},
		"bad key":                    {request: without("Sec-WebSocket-Key") + "Sec-WebSocket-Key: ?\r\n", status: 400},
		"no version":                 {request: without("Sec-WebSocket-Version"), status: 400},
		"version 8":                  {request: without("Sec-WebSocket-Version") + "Sec-WebSocket-Version: 8\r\n", status: 400},
		"several versions":           {request: without("Sec-WebSocket-Version") + "Sec-WebSocket-Version: 8, 13\r\n", status: 101},
		"mqtt":                       {request: strings.Replace(good, "GET / ", "GET /mqtt ", 1), status: 404},
		"mqtt, post":                 {request: strings.Replace(good, "GET / ", "POST /mqtt ", 1), status: 404},
		"compressed":                 {request: good + deflate + "\r\n", status: 101},
		"compressed, as browsers do": {request: good + deflate + "; client_max_window_bits\r\n", status: 101},
		"other extension":            {request: good + "Sec-WebSocket-Extensions: foo, bar; baz=1\r\n", status: 101},
		"subprotocol":                {request: good + "Sec-WebSocket-Protocol: nats\r\n", status: 101},
		"same, no origin":            {request: good, same: true, status: 101},
		"same":                       {request: good + "Origin: http://ADDR\r\n", same: true, status: 101},
		"same, old header":           {request: good + "Sec-WebSocket-Origin: http://evil.test\r\n", same: true, status: 403},
		"same, other host":           {request: good + "Origin: http://evil.test\r\n", same: true, status: 403},
		"same, other scheme":         {request: good + "Origin: https://ADDR\r\n", same: true, status: 403},
		"same, other port":           {request: good + "Origin: http://127.0.0.1\r\n", same: true, status: 403},
		"same, null":                 {request: good + "Origin: null\r\n", same: true, status: 403},
		"any origin":                 {request: good + "Origin: http://evil.test\r\n", status: 101},
		"allowed":                    {request: good + "Origin: https://Good.test\r\n", allowed: []string{"http://x.test", "https://good.test:443"}, status: 101},
		"allowed, other port":        {request: good + "Origin: https://good.test:444\r\n", allowed: []string{"https://good.test"}, status: 403},
		"allowed, other scheme":      {request: good + "Origin: http://good.test\r\n", allowed: []string{"https://good.test"}, status: 403},
		"allowed, and not same":      {request: good + "Origin: https://good.test\r\n", same: true, allowed: []string{"https://good.test"}, status: 403},
		"allowed, no origin":         {request: good, allowed: []string{"https://good.test"}, status: 101},
	} {
		t.Run(name, func(t *testing.T) {
			ours, _ := serveWebSocket(t, config.WebSocket{SameOrigin: c.same, AllowedOrigins: c.allowed, Compression: true}, nil)
			theirs := startWebSocketReference(t, server.WebsocketOpts{SameOrigin: c.same, AllowedOrigins: c.allowed, Compression: true})
			got, want := ask(t, ours, c.request+"\r\n"), ask(t, theirs, c.request+"\r\n")
			if got.StatusCode != c.status || want.StatusCode != c.status {
				t.Errorf("got %s, the reference gives %s, want %d", got.Status, want.Status, c.status)
			}
			for _, h := range []*http.Response{got, want} {
				h.Header.Del("Date")
				h.Header.Del("Connection") // who is refused may not stay with us
			}
			if diff := cmp.Diff(want.Header, got.Header); diff != "" {
				t.Errorf("headers, reference to ours:\n%s", diff)
			}
			if c.status != 101 {
				gotBody, _ := io.ReadAll(got.Body)
				wantBody, _ := io.ReadAll(want.Body)
				if !bytes.Equal(gotBody, wantBody) {
					t.Errorf("body %q, the reference gives %q", gotBody, wantBody)
				}
			}
		})
	}
}

// TestUpgradeOwn: where we differ on purpose.
func TestUpgradeOwn(t *testing.T) {
	t.Parallel()
	addr, _ := serveWebSocket(t, config.WebSocket{Compression: true}, nil)
	const good = "GET /%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate%s\r\n%s\r\n"
	if r := ask(t, addr, fmt.Sprintf(good, "leafnode", "", "")); r.StatusCode != 404 {
		t.Errorf("a leaf node got %s, want 404", r.Status)
	}
	if r := ask(t, addr, fmt.Sprintf(good, "", "; server_max_window_bits=10", "")); r.Header.Get("Sec-Websocket-Extensions") != "" {
		t.Errorf("a small window got %q, want no compression", r.Header.Get("Sec-Websocket-Extensions"))
	}
	if r := ask(t, addr, fmt.Sprintf(good, "", "; server_max_window_bits=10, permessage-deflate", "")); r.Header.Get("Sec-Websocket-Extensions") == "" {
		t.Error("a small window with a second choice got no compression")
	}
	if r := ask(t, addr, fmt.Sprintf(good, "", "", "Cookie: x="+strings.Repeat("x", 2*maxUpgrade)+"\r\n")); r.StatusCode != 431 {
		t.Errorf("a long request got %s, want 431", r.Status)
	}
}

// TestUpgradeTimeout: who does not finish its request in time, or sends data
// before it is answered, is closed and handed to nobody.
func TestUpgradeTimeout(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	certs := newCerts(t, ca.issue(time.Hour, "localhost").files(t, t.TempDir()), zap.NewNop())
	for name, c := range map[string]struct {
		certs   *Certs
		say     string
		timeout time.Duration
	}{
		"silent":         {timeout: 50 * time.Millisecond},
		"slow":           {say: "GET / HTTP/1.1\r\nHost: x\r\n", timeout: 50 * time.Millisecond},
		"silent, secure": {certs: certs, timeout: 50 * time.Millisecond},
		"hasty": {say: "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\x82\x80\x00\x00\x00\x00", timeout: patience},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, clients := serveWebSocket(t, config.WebSocket{HandshakeTimeout: c.timeout}, c.certs)
			nc, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			_ = nc.SetDeadline(time.Now().Add(patience))
			if _, err := nc.Write([]byte(c.say)); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(nc)
			if errors.Is(err, os.ErrDeadlineExceeded) || bytes.Contains(answer, []byte("101")) {
				t.Errorf("got %q, %v; want to be closed", answer, err)
			}
			if len(clients) > 0 {
				t.Error("it was handed on")
			}
		})
	}
}

// TestNewWebSocketTells: whatever is wrong is said with the key.
func TestNewWebSocketTells(t *testing.T) {
	t.Parallel()
	l, err := TCP("127.0.0.1", -1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr)
	for name, c := range map[string]struct {
		o    config.WebSocket
		want []string
	}{
		"no tls":         {config.WebSocket{}, []string{"websocket.tls", "websocket.no_tls"}},
		"origin":         {config.WebSocket{NoTLS: true, AllowedOrigins: []string{"ftp://x"}}, []string{"websocket.allowed_origins", "ftp://x"}},
		"origin, no url": {config.WebSocket{NoTLS: true, AllowedOrigins: []string{"good.test"}}, []string{"websocket.allowed_origins", "good.test"}},
		"header":         {config.WebSocket{NoTLS: true, Headers: map[string]string{"A": "b\r\nC: d"}}, []string{"websocket.headers", `"A"`}},
		"header name":    {config.WebSocket{NoTLS: true, Headers: map[string]string{"A b": "c"}}, []string{"websocket.headers", `"A b"`}},
		"address":        {config.WebSocket{NoTLS: true, Port: taken.Port}, []string{"listening", taken.String()}},
	} {
		c.o.Host = "127.0.0.1"
		_, err := NewWebSocket(&c.o, nil, zap.NewNop())
		for _, w := range c.want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %v, which does not name %q", name, err, w)
			}
		}
	}
}

// TestWebSocketUnserved: a listener that was never served closes as well.
func TestWebSocketUnserved(t *testing.T) {
	t.Parallel()
	w, err := NewWebSocket(&config.WebSocket{Host: "127.0.0.1", NoTLS: true}, nil, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	w.Serve(func(net.Conn, WebSocketInfo) { t.Error("somebody was handed on") })
	if _, err := net.Dial("tcp", w.Addr().String()); err == nil {
		t.Error("somebody could connect")
	}
}
