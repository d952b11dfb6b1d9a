package monitor_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moonwire/server/monitor"
)

func newHealthy(o monitor.Options) *monitor.Monitor {
	return monitor.New(&fakeSource{health: monitor.Health{Status: monitor.StatusOK}}, o)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	const orders = "cid, start, subs, pending, msgs_to, msgs_from, bytes_to, bytes_from, last, idle, uptime, rtt"
	tests := []struct {
		target string
		code   int
		want   string
	}{
		{"/connz?sort=size", 400, `sort: "size" is none of ` + orders},
		{"/connz?sort=CID", 400, `sort: "CID" is none of ` + orders},
		{"/connz?sort=size&state=closed", 400, `sort: "size" is none of ` + orders + ", stop, reason"},
		{"/connz?sort=stop", 400, `sort: "stop" goes with closed connections only`},
		{"/connz?sort=reason&state=any", 400, `sort: "reason" goes with closed connections only`},
		{"/connz?state=half", 400, `state: "half" is none of open, closed, any`},
		{"/connz?auth=yes", 400, `auth: "yes" is none of 0, 1, false, true`},
		{"/connz?subs=2", 400, `subs: "2" is none of 0, 1, false, true, detail`},
		{"/connz?offset=x", 400, `offset: "x" is not a whole number`},
		{"/connz?limit=1.5", 400, `limit: "1.5" is not a whole number`},
		{"/connz?limit=99999999999999999999", 400, `limit: "99999999999999999999" is not a whole number`},
		{"/connz?cid=-1", 400, `cid: "-1" is not a whole number from 0 on`},
		{"/connz?auth=%22%0a&limit=x", 400, "auth: \"\\\"\\n\" is none of 0, 1, false, true\nlimit: \"x\" is not a whole number"},
		{"/connz?sort=%zz", 400, `query: invalid URL escape "%zz"`},
		{"/varz?callback=alert(1)", 400, `callback: "alert(1)" is not the name of a function`},
		{"/varz?callback=1a", 400, `callback: "1a" is not the name of a function`},
		{"/varz?callback=a..b", 400, `callback: "a..b" is not the name of a function`},
		{"/varz?callback=a%3Cb", 400, `callback: "a<b" is not the name of a function`},
		{"/connz?callback=" + strings.Repeat("a", 129), 400, `callback: longer than 128 bytes`},
		{"/healthz?callback=-", 400, `callback: "-" is not the name of a function`},
		{"/healthz?js-server-only=x", 400, `js-server-only: "x" is none of 0, 1, false, true`},
		{"/healthz?stream=S", 400, `account: needed with stream`},
		{"/healthz?account=A&consumer=C", 400, `stream: needed with consumer`},
		{"/nope", 404, "404 page not found"},
		{"/varz/", 404, "404 page not found"},
		{"/VARZ", 404, "404 page not found"},
	}
	for _, tt := range tests {
		t.Run(tt.target, func(t *testing.T) {
			t.Parallel()
			r := get(t, newHealthy(monitor.Options{}), tt.target)
			if got := body(t, r); r.StatusCode != tt.code || got != tt.want+"\n" {
				t.Errorf("got %d %q, want %d %q", r.StatusCode, got, tt.code, tt.want)
			}
			if got := r.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
				t.Errorf("content type %q", got)
			}
		})
	}
}

// TestAccepted lists what must not be refused.
func TestAccepted(t *testing.T) {
	t.Parallel()
	m := newHealthy(monitor.Options{})
	for _, target := range []string{
		"/", "/varz", "/varz?unknown=x", "/connz?sort=&auth=&subs=&offset=&limit=&cid=&state=&callback=",
		"/connz?state=OPEN", "/connz?state=all", "/connz?state=Any", "/connz?subs=DETAIL", "/connz?subs=true&auth=F",
		"/connz?offset=-1&limit=-3", "/connz?sort=reason&state=closed", "/connz?cid=18446744073709551615",
		"/healthz?account=A&stream=S&consumer=C&js-enabled=true&js-meta-only=0",
	} {
		if r := get(t, m, target); r.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s %s", target, r.Status, body(t, r))
		}
	}
}

// paths are those that answer in JSON.
var paths = []string{
	"/varz", "/connz", "/subsz", "/subscriptionsz", "/accountz", "/accstatz", "/routez", "/gatewayz", "/leafz", "/healthz", "/hookz",
}

func TestMethods(t *testing.T) {
	t.Parallel()
	for _, path := range append(paths, "/", "/metrics") {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace, "BREW"} {
			w := httptest.NewRecorder()
			newHealthy(monitor.Options{}).ServeHTTP(w, httptest.NewRequest(method, path, nil))
			want := fmt.Sprintf("method %q is none of GET, HEAD\n", method)
			if w.Code != http.StatusMethodNotAllowed || w.Body.String() != want || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: got %d %q, %v", method, path, w.Code, w.Body, w.Header())
			}
		}
	}
}

// TestHead goes through a real server: net/http drops the body there.
func TestHead(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(newHealthy(monitor.Options{}))
	defer s.Close()
	r, err := s.Client().Head(s.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got := body(t, r); r.StatusCode != http.StatusOK || got != "" || r.ContentLength != int64(len(`{"status":"ok"}`)) {
		t.Errorf("got %s, length %d, %q", r.Status, r.ContentLength, got)
	}
}

func TestCallback(t *testing.T) {
	t.Parallel()
	m := newHealthy(monitor.Options{})
	for _, name := range []string{"f", "$", "_x1", "jQuery.cb_2", strings.Repeat("a", 128)} {
		for _, path := range paths {
			r := get(t, m, path+"?callback="+url.QueryEscape(name))
			script := body(t, r)
			data, ok := strings.CutPrefix(script, name+"(")
			data, end := strings.CutSuffix(data, ")")
			if r.StatusCode != http.StatusOK || !ok || !end || !json.Valid([]byte(data)) {
				t.Errorf("%s of %s: got %s %q", name, path, r.Status, script)
			}
			if got := r.Header.Get("Content-Type"); got != "application/javascript" {
				t.Errorf("content type %q", got)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	r := get(t, newHealthy(monitor.Options{}), "/connz")
	text := body(t, r)
	want := http.Header{
		"Access-Control-Allow-Origin": {"*"},
		"Content-Length":              {fmt.Sprint(len(text))},
		"Content-Type":                {"application/json"},
		"X-Content-Type-Options":      {"nosniff"},
	}
	if diff := cmp.Diff(want, r.Header); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(text, "{\n  \"server_id\": \"NID\",\n  \"now\": ") {
		t.Errorf("not indented as nats-server does: %s", text)
	}
	if !strings.HasSuffix(text, "\"connections\": []\n}") {
		t.Errorf("no empty list at the end: %s", text)
	}
}

// TestRoot follows the links of the root page, with and without base path.
func TestRoot(t *testing.T) {
	t.Parallel()
	href := regexp.MustCompile(`href="([^"]*)"`)
	for base, root := range map[string]string{"": "/", "/": "/", "nats": "/nats", "/a/b/": "/a/b", "/<b>&": "/%3Cb%3E&"} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			m := newHealthy(monitor.Options{BasePath: base})
			r := get(t, m, root)
			page := body(t, r)
			if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Fatalf("got %s, %v", r.Status, r.Header)
			}
			links := href.FindAllStringSubmatch(page, -1)
			if len(links) != 8 {
				t.Fatalf("%d links, want 8: %s", len(links), page)
			}
			at, err := url.Parse("http://x" + root)
			if err != nil {
				t.Fatal(err)
			}
			for _, link := range links {
				to, err := at.Parse(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(link[1]))
				if err != nil {
					t.Fatal(err)
				}
				if r := get(t, m, to.String()); r.StatusCode != http.StatusOK {
					t.Errorf("link %q leads to %s: %s", link[1], to, r.Status)
				}
			}
			if root != "/" {
				if r := get(t, m, "/varz"); r.StatusCode != http.StatusNotFound {
					t.Errorf("/varz outside the base path: %s", r.Status)
				}
			}
			stats := map[string]uint64{
				"/": 1, "/varz": 1, "/connz": 1, "/subsz": 1, "/accountz": 1, "/accstatz": 1, "/healthz": 1, "/hookz": 1, "/metrics": 1,
			}
			if diff := cmp.Diff(stats, m.Varz().HTTPReqStats); diff != "" {
				t.Errorf("http_req_stats (-want +got):\n%s", diff)
			}
		})
	}
}
