package hooktool

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// network answers the requests of a script with what the test says, in place of
// the real one.
type network struct {
	mu       sync.Mutex
	answers  []answer
	requests []request
}

// answer is what a test says to a URL, or the beginning of one before a "*". The
// newest that fits counts.
type answer struct {
	url     string
	status  int
	headers map[string]string
	body    string
	err     string // in place of all else
}

func (a *answer) fits(url string) bool {
	if beginning, ok := strings.CutSuffix(a.url, "*"); ok {
		return strings.HasPrefix(url, beginning)
	}
	return a.url == url
}

// request is one that a script has made.
type request struct {
	method, url, body string
	headers           map[string]string
}

func (n *network) add(a answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers = append([]answer{a}, n.answers...)
}

// seen returns the requests so far.
func (n *network) seen() []request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]request(nil), n.requests...)
}

// RoundTrip implements http.RoundTripper.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	seen := request{method: r.Method, url: r.URL.String(), headers: make(map[string]string)}
	for k := range r.Header {
		seen.headers[k] = r.Header.Get(k)
	}
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
		seen.body = string(b)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.requests = append(n.requests, seen)
	for _, a := range n.answers {
		if !a.fits(seen.url) {
			continue
		}
		if a.err != "" {
			return nil, fmt.Errorf("%s", a.err)
		}
		out := &http.Response{
			StatusCode: a.status, Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: make(http.Header), Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
		}
		for k, v := range a.headers {
			out.Header.Set(k, v)
		}
		return out, nil
	}
	return nil, fmt.Errorf("the test has no answer for %s %s: say one by http_answer", seen.method, seen.url)
}
