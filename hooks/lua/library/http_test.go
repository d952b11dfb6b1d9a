package library

import (
	"context"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moonwire/hooks/lua/sandbox"
)

// names is a DNS server for one resolver: the addresses of names, one after
// another for each time that a name is asked for, the last for good.
type names struct {
	mu sync.Mutex
	to map[string][]string
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go n.serve(server)
		return client, nil
	}}
}

// serve answers questions as DNS has them over streams, until the other side
// closes.
func (n *names) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		var labels []string
		end := 12
		for q[end] != 0 {
			next := end + 1 + int(q[end])
			labels = append(labels, string(q[end+1:next]))
			end = next
		}
		end++ // the empty label
		kind := binary.BigEndian.Uint16(q[end:])
		end += 4
		r := append([]byte{q[0], q[1], 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
		a, known := n.next(strings.Join(labels, "."), kind)
		if a.IsValid() {
			r[7] = 1
			ip := a.AsSlice()
			r = append(r, 0xc0, 12, byte(kind>>8), byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(ip)))
			r = append(r, ip...)
		} else if !known {
			r[3] = 3
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(r))), r...)); err != nil {
			return
		}
	}
}

func (n *names) next(name string, kind uint16) (a netip.Addr, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.to[strings.ToLower(name)]
	if len(list) == 0 {
		return a, false
	}
	a = netip.MustParseAddr(list[0])
	if (kind == 1) != a.Is4() || kind != 1 && kind != 28 {
		return netip.Addr{}, true
	}
	if len(list) > 1 {
		n.to[name] = list[1:]
	}
	return a, true
}

// local gives names below .test that lead to this machine.
func local() *names {
	return &names{to: map[string][]string{"one.test": {"127.0.0.1"}, "two.test": {"127.0.0.1"}}}
}

// web is a server, and what scripts need to reach it. In their lines, URL is the
// one at one.test, TWO the same server at two.test.
type web struct {
	*httptest.Server
	c *fakeCaller
	s *Shared
}

func newWeb(t testing.TB, o HTTPOptions, h http.HandlerFunc) *web {
	t.Helper()
	w := &web{Server: httptest.NewServer(h), c: new(fakeCaller)}
	t.Cleanup(w.Close)
	if o.Resolver == nil {
		o.Resolver = local().resolver()
	}
	w.s = newShared(t, Options{HTTP: o})
	return w
}

func (w *web) lines(lines string) string {
	_, port, _ := net.SplitHostPort(w.Listener.Addr().String())
	return strings.NewReplacer("URL", "http://one.test:"+port, "TWO", "http://two.test:"+port).Replace(lines)
}

func (w *web) run(t testing.TB, lines string) error {
	t.Helper()
	return w.c.run(t, w.s, w.lines(lines))
}

// check runs lines and compares what they give to out.
func (w *web) check(t *testing.T, lines string, want ...any) {
	t.Helper()
	w.c.out = nil
	if err := w.run(t, lines); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, w.c.out); d != "" {
		t.Error(w.lines(d))
	}
}

// echo answers with what it got.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header()["X-Twice"] = []string{"a", "b"}
	if r.URL.Path == "/nothing" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var names []string
	for _, k := range sortedKeys(r.Header) {
		names = append(names, k+"="+strings.Join(r.Header[k], "|"))
	}
	_, _ = fmt.Fprintf(w, "%s %s [%s] %s", r.Method, r.URL, strings.Join(names, ", "), body)
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, lines string
		want        []any
	}{
		{
			"get", `local r, err = http.get("URL/a?b=c") out(err, r.status, r.body)`,
			[]any{nil, 200.0, "GET /a?b=c [User-Agent=moonwire] "},
		},
		{
			"get with headers", `out(http.get("URL/", { headers = { Authorization = "Bearer x", ["x-n"] = 5, ["User-Agent"] = "u" } }).body)`,
			[]any{"GET / [Authorization=Bearer x, User-Agent=u, X-N=5] "},
		},
		{"headers of the answer", `local h = http.get("URL/").headers out(h["x-twice"], h["X-Twice"], h["content-type"])`, []any{"a, b", nil, "text/plain; charset=utf-8"}},
		{"post", `out(http.post("URL/", "a\0b").body)`, []any{"POST / [Content-Length=3, User-Agent=moonwire] a\x00b"}},
		{"post nothing", `out(http.post("URL/").body)`, []any{"POST / [Content-Length=0, User-Agent=moonwire] "}},
		{
			"post a table", `out(http.post("URL/", { user = "<bob>", list = { 1, true } }, { headers = { A = "b" } }).body)`,
			[]any{`POST / [A=b, Content-Length=32, Content-Type=application/json, User-Agent=moonwire] {"list":[1,true],"user":"<bob>"}`},
		},
		{
			"post a table as something else", `out(http.post("URL/", { 1 }, { headers = { ["content-type"] = "application/x" } }).body)`,
			[]any{`POST / [Content-Length=3, Content-Type=application/x, User-Agent=moonwire] [1]`},
		},
		{"request", `out(http.request{ url = "URL/" }.body)`, []any{"GET / [User-Agent=moonwire] "}},
		{"request with a body", `out(http.request{ url = "URL/", body = "b" }.body)`, []any{"POST / [Content-Length=1, User-Agent=moonwire] b"}},
		{"request with a method", `out(http.request{ url = "URL/", method = "PUT", body = "b" }.body)`, []any{"PUT / [Content-Length=1, User-Agent=moonwire] b"}},
		{"head", `local r = http.request{ url = "URL/", method = "HEAD" } out(r.status, r.body)`, []any{200.0, ""}},
		{"no body", `local r = http.get("URL/nothing") out(r.status, r.body)`, []any{204.0, ""}},
		{"a name and password", `out(http.get((("URL/"):gsub("//", "//bob:secret@"))).body)`, []any{"GET / [Authorization=Basic Ym9iOnNlY3JldA==, User-Agent=moonwire] "}},
		{"no URL", `out(http.get("http://a b/"))`, []any{nil, `"http://a b/" is no URL`}},
		{"a long URL", `out(http.get("URL/" .. ("x"):rep(8192)))`, []any{nil, "the URL has more than 8192 bytes"}},
		{"another scheme", `out(http.get("file:///etc/passwd"))`, []any{nil, `the URL "file:///etc/passwd" does not begin with http:// or https://`}},
		{"no host", `out(http.get("http:///x"))`, []any{nil, `the URL "http:///x" names no host`}},
		{"only a port", `out(http.get("http://:80/x"))`, []any{nil, `the URL "http://:80/x" names no host`}},
		{"a header that is none", `out(http.get("URL/", { headers = { ["a b"] = "c" } }))`, []any{nil, `net/http: invalid header field name "a b"`}},
		{"a value that is two headers", `out(http.get("URL/", { headers = { a = "b\r\nHost: c" } }))`, []any{nil, `net/http: invalid header field value for "A"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, HTTPOptions{}, func(w http.ResponseWriter, r *http.Request) {
				if n := r.ContentLength; n > 0 || r.Method == "POST" {
					r.Header.Set("Content-Length", fmt.Sprint(n))
				}
				echo(w, r)
			})
			w.check(t, tt.lines, tt.want...)
			if w.c.outside == 0 {
				t.Error("the answer would be cached")
			}
		})
	}
}

func TestHTTPWrong(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{})
	for _, tt := range []struct{ name, lines, want string }{
		{"no URL", `http.get()`, "bad argument #1 (string expected, got no value)"},
		{"an unknown option", `http.get("http://a/", { time = 1 })`, `bad argument #2: unknown key "time"; known are headers, timeout, max_body`},
		{"no time", `http.get("http://a/", { timeout = 0 })`, "bad argument #2 (timeout must be a number of seconds above 0 and up to 1e9)"},
		{"no bytes", `http.post("http://a/", "", { max_body = 0 })`, "bad argument #3 (max_body must be a number of bytes above 0)"},
		{"headers that are none", `http.get("http://a/", { headers = "a: b" })`, "bad argument #2 (headers must be a table of strings with string keys)"},
		{"a list of headers", `http.get("http://a/", { headers = { "a: b" } })`, "bad argument #2 (headers must be a table of strings with string keys)"},
		{"a header of the connection", `http.get("http://a/", { headers = { host = "b" } })`, "bad argument #2 (the header host is the broker's to set)"},
		{
			"many headers", `local h = {} for i = 1, 65 do h["x" .. i] = "" end http.get("http://a/", { headers = h })`,
			"bad argument #2 (headers are more than 64, or have more than 16384 bytes)",
		},
		{"long headers", `http.get("http://a/", { headers = { a = ("x"):rep(16384) } })`, "bad argument #2 (headers are more than 64, or have more than 16384 bytes)"},
		{"a long body", `http.post("http://a/", ("x"):rep(1048577))`, "bad argument #2 (a body has at most 1048576 bytes, this one has 1048577)"},
		{"a body that is none", `http.post("http://a/", true)`, "bad argument #2 (a body is a string or a table, not a boolean)"},
		{"a table without JSON", `http.post("http://a/", { f = http.get })`, "bad argument #2 (the body: at .f: a function has no JSON)"},
		{"a table without end", `local t = {} t.t = t http.post("http://a/", t)`, "bad argument #2 (the body: at " + strings.Repeat(".t", 64) + ": " + ErrDepth.Error() + ")"},
		{"no request", `http.request("http://a/")`, "bad argument #1 (table expected, got string)"},
		{"a request without a URL", `http.request{}`, "bad argument #1 (url must be a string)"},
		{"a method", `http.request{ url = "http://a/", method = "CONNECT" }`, "bad argument #1 (method must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS)"},
		{"a request with an unknown field", `http.request{ uri = "http://a/" }`, `bad argument #1: unknown key "uri"; did you mean "url"?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkError(t, new(fakeCaller).run(t, s, tt.lines), tt.want)
		})
	}
	// Tables that lie in each other twice are small, and their JSON is not.
	err := new(fakeCaller).run(t, s, `local t = {} for i = 1, 40 do t = { t, t } end http.post("http://a/", t)`)
	if !errors.Is(err, sandbox.ErrMemory) && !errors.Is(err, sandbox.ErrInstructions) {
		t.Errorf("a body that grows: got %v", err)
	}
}

func TestHTTPRedirect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, lines string
		want        []any
	}{
		{
			"on the host", `out(http.get("URL/to?URL/to?URL/to?URL/x", { headers = { Authorization = "a", ["X-Key"] = "k" } }).body)`,
			[]any{"GET /x [Authorization=a, User-Agent=moonwire, X-Key=k] "},
		},
		{"too many", `out(http.get("URL/to?URL/to?URL/to?URL/to?URL/x"))`, []any{nil, "there were more than 3 redirects"}},
		{"a loop", `out(http.get("URL/loop"))`, []any{nil, "there were more than 3 redirects"}},
		{
			"to another host", `out(http.get("URL/to?TWO/x", { headers = { Authorization = "a", ["X-Key"] = "k", ["User-Agent"] = "u" } }).body)`,
			[]any{"GET /x [User-Agent=moonwire] "},
		},
		{
			"to another host and back", `out(http.get("URL/to?TWO/to?URL/x", { headers = { Authorization = "a", ["X-Key"] = "k" } }).body)`,
			[]any{"GET /x [User-Agent=moonwire] "},
		},
		{"a post becomes a get", `out(http.post("URL/to?URL/x", "b").body)`, []any{"GET /x [User-Agent=moonwire] "}},
		{"a post stays one", `out(http.post("URL/307?URL/x", "b").body)`, []any{"POST /x [Content-Length=1, User-Agent=moonwire] b"}},
		{"a post to another host", `out(http.post("URL/307?TWO/x", "b"))`, []any{nil, "a redirect would send the body to another host"}},
		{"a get to another host by a post", `out(http.post("URL/to?TWO/x", "b").body)`, []any{"GET /x [User-Agent=moonwire] "}},
		{"to a file", `out(http.get("URL/to?file:///etc/passwd"))`, []any{nil, `a redirect leads to a URL of the scheme "file"`}},
		{"to where nobody may go", `out(http.get("URL/to?http://169.254.169.254/"))`, []any{nil, "169.254.169.254 (169.254.169.254) is in the reserved network 169.254.0.0/16; if it is meant, name the address in hooks.http.allow"}},
		{"to nowhere", `out(http.get("URL/nowhere").status)`, []any{302.0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, HTTPOptions{}, redirecting)
			w.check(t, tt.lines, tt.want...)
		})
	}
}

// redirecting sends away to what stands behind the question mark.
func redirecting(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/to":
		w.Header().Set("Location", r.URL.RawQuery)
		w.WriteHeader(http.StatusSeeOther)
	case "/307":
		w.Header().Set("Location", r.URL.RawQuery)
		w.WriteHeader(http.StatusTemporaryRedirect)
	case "/loop":
		http.Redirect(w, r, "/loop", http.StatusFound)
	case "/nowhere":
		w.WriteHeader(http.StatusFound)
	default:
		echo(w, r)
	}
}

// TestHTTPTLS: certificates are verified against the system's authorities and
// the file's, and no redirect leads out of TLS.
func TestHTTPTLS(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(echo))
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, plain.URL, http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, r.Proto)
	}))
	secure.Config.ErrorLog = quiet()
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	n := &names{to: map[string][]string{"example.com": {"127.0.0.1"}, "example.org": {"127.0.0.1"}}}
	_, port, _ := net.SplitHostPort(secure.Listener.Addr().String())
	for _, tt := range []struct {
		name, ca, url string
		want          []any
	}{
		{"trusted", ca, "https://example.com:" + port, []any{"HTTP/1.1"}},
		{"trusted by address", ca, secure.URL, []any{"HTTP/1.1"}},
		{"not trusted", "", secure.URL, []any{nil, "tls: failed to verify certificate: x509: certificate signed by unknown authority"}},
		{"another name", ca, "https://example.org:" + port, []any{nil, "tls: failed to verify certificate: x509: certificate is valid for example.com, *.example.com, not example.org"}},
		{"out of TLS", ca, secure.URL + "/down", []any{nil, "a redirect leads from https to http"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShared(t, Options{HTTP: HTTPOptions{CAFile: tt.ca, Resolver: n.resolver()}})
			c := new(fakeCaller)
			if err := c.run(t, s, `local r, err = http.get("`+tt.url+`") if r then out(r.body) else out(nil, err) end`); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, c.out); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestHTTPOptionsWrong(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := NewShared(Options{HTTP: HTTPOptions{
		Allow: []string{"api.example.com", "*.example.com", "10.0.0.0/8", "::1", "http://x", "*"}, Deny: []string{"a:80", "10.0.0.256", "fe80::1%eth0", "::ffff:10.0.0.0/104"},
		CAFile: empty,
	}})
	const form = " is no host such as api.example.com or *.example.com, no address and no network such as 10.0.0.0/8\n"
	want := `hooks.http.allow: "http://x"` + form + `hooks.http.allow: "*"` + form + `hooks.http.deny: "a:80"` + form + `hooks.http.deny: "10.0.0.256"` + form +
		`hooks.http.deny: "fe80::1%eth0"` + form + `hooks.http.deny: "::ffff:10.0.0.0/104"` + form + "hooks.http.ca: " + empty + " has no certificate in PEM"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, err := NewShared(Options{HTTP: HTTPOptions{CAFile: empty + "x"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: got %v", err)
	}
}

// TestHTTPKeepsConnections: one after another, requests to a host need one
// connection, which ends with the library.
func TestHTTPKeepsConnections(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	closed := make(chan struct{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			close(closed)
		}
	}
	srv.Start()
	defer srv.Close()
	s := newShared(t, Options{})
	if err := new(fakeCaller).run(t, s, `for i = 1, 5 do assert(http.get("`+srv.URL+`").status == 200) end`); err != nil {
		t.Fatal(err)
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("got %d connections", n)
	}
	if got, want := s.Stats().HTTP, (HTTPStats{Requests: 5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	s.Close()
	<-closed
	c := new(fakeCaller)
	if err := c.run(t, s, `out(http.get("`+srv.URL+`"))`); err != nil || !cmp.Equal(c.out, []any{nil, "the broker is closing"}) {
		t.Errorf("after Close: got %v, %v", c.out, err)
	}
}

// TestHTTPInFlight: more than so many requests at once are refused, and a place
// that is given back can be had again.
func TestHTTPInFlight(t *testing.T) {
	t.Parallel()
	arrived, answer := make(chan struct{}), make(chan struct{})
	w := newWeb(t, HTTPOptions{InFlight: 2}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			arrived <- struct{}{}
			<-answer
		}
	})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if err := new(fakeCaller).run(t, w.s, w.lines(`assert(http.get("URL/wait"))`)); err != nil {
				t.Error(err)
			}
		})
		<-arrived
	}
	w.check(t, `out(http.get("URL/"))`, nil, "2 requests are under way already; call later")
	if got, want := w.s.Stats().HTTP, (HTTPStats{InFlight: 2, Requests: 2, Refused: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	close(answer)
	wg.Wait()
	w.check(t, `out(http.get("URL/").status)`, 200.0)
}

// TestHTTPIgnoresProxies: the environment has no say.
func TestHTTPIgnoresProxies(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	w := newWeb(t, HTTPOptions{}, echo)
	w.check(t, `out(http.get("URL/").status)`, 200.0)
	if tr := w.s.http.client.Transport.(*http.Transport); tr.Proxy != nil {
		t.Error("there is a proxy")
	}
}
