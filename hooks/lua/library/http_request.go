package library

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"moonwire/hooks/lua/sandbox"
)

// methods are those that a script can use.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// userAgent is what requests say of their sender if the script does not.
const userAgent = "moonwire"

// connectionHeaders are those that say how a request is sent, which is not the
// script's.
var connectionHeaders = []string{
	"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// request is what a script asks for. It shares no memory with the script.
type request struct {
	method  string
	url     string
	header  http.Header
	body    []byte
	timeout time.Duration // 0 is the default
	maxBody int           // of the answer; 0 is the default
}

// common reads the arguments of get and post: the URL, and options.
func (r *request) common(a *sandbox.Args, opts int) (err error) {
	if r.url, err = text(a, 1); err != nil {
		return err
	}
	t, ok, err := options(a, opts, "headers", "timeout", "max_body")
	if !ok || err != nil {
		return err
	}
	return r.options(a, t, fmt.Sprintf("bad argument #%d", opts))
}

// whole reads the argument of request.
func (r *request) whole(a *sandbox.Args) error {
	t, err := fields(a, 1, "method", "url", "body", "headers", "timeout", "max_body")
	if err != nil {
		return err
	}
	const where = "bad argument #1"
	var ok bool
	if r.url, ok = t.Get("url").Text(); !ok {
		return fmt.Errorf("%s (url must be a string)", where)
	}
	r.method = "GET"
	if !t.Get("body").IsNil() {
		r.method = "POST"
	}
	if v := t.Get("method"); !v.IsNil() {
		if r.method, _ = v.Text(); !slices.Contains(methods, r.method) {
			return fmt.Errorf("%s (method must be one of %s)", where, strings.Join(methods, ", "))
		}
	}
	if err := r.options(a, t, where); err != nil {
		return err
	}
	return r.setBody(a, t.Get("body"), where)
}

// options reads those that all requests have.
func (r *request) options(a *sandbox.Args, t sandbox.Table, where string) (err error) {
	if v := t.Get("timeout"); !v.IsNil() {
		if r.timeout, err = seconds(v); err != nil {
			return fmt.Errorf("%s (timeout %w)", where, err)
		}
	}
	if v := t.Get("max_body"); !v.IsNil() {
		f, ok := v.Number()
		if !ok || !(f >= 1) || f > 1<<40 {
			return fmt.Errorf("%s (max_body must be a number of bytes above 0)", where)
		}
		r.maxBody = int(f)
	}
	if v := t.Get("headers"); !v.IsNil() {
		if r.header, err = parseHeader(a, v); err != nil {
			return fmt.Errorf("%s (%w)", where, err)
		}
	}
	return nil
}

func parseHeader(a *sandbox.Args, v sandbox.Value) (http.Header, error) {
	t, ok := v.Table()
	if !ok {
		return nil, fmt.Errorf("headers must be a table of strings with string keys")
	}
	h, size := make(http.Header), 0
	var err error
	t.Each(func(key, value sandbox.Value) bool {
		k, isText := key.Text()
		s, alsoText := value.Text()
		if f, ok := value.Number(); ok {
			s, alsoText = formatNumber(f), true
		}
		size += len(k) + len(s)
		a.Charge(96 + len(k) + len(s))
		switch {
		case !isText || !alsoText:
			err = fmt.Errorf("headers must be a table of strings with string keys")
		case slices.Contains(connectionHeaders, http.CanonicalHeaderKey(k)):
			err = fmt.Errorf("the header %s is the broker's to set", k)
		case len(h) == mostHeaders || size > mostHeader:
			err = fmt.Errorf("headers are more than %d, or have more than %d bytes", mostHeaders, mostHeader)
		default:
			h.Set(k, s)
		}
		return err == nil
	})
	return h, err
}

// setBody takes a string, a table or nil.
func (r *request) setBody(a *sandbox.Args, v sandbox.Value, where string) error {
	s, isText := v.Text()
	switch {
	case v.IsNil():
		return nil
	case isText && len(s) <= mostBody:
		a.Charge(len(s))
		r.body = []byte(s)
		return nil
	case isText:
		return fmt.Errorf("%s (a body has at most %d bytes, this one has %d)", where, mostBody, len(s))
	case v.Kind() != sandbox.KindTable:
		return fmt.Errorf("%s (a body is a string or a table, not a %s)", where, v.Kind())
	}
	var err error
	if r.body, err = new(jsonEncoder).encode(a, v, 0); err != nil {
		return fmt.Errorf("%s (the body: %w)", where, err)
	}
	if len(r.body) > mostBody {
		return fmt.Errorf("%s (a body has at most %d bytes, this one has %d as JSON)", where, mostBody, len(r.body))
	}
	if r.header == nil {
		r.header = make(http.Header)
	}
	if r.header.Get("Content-Type") == "" {
		r.header.Set("Content-Type", "application/json")
	}
	return nil
}

// httpRequest returns the request as net/http has it. The error says what is
// wrong with the URL.
func (r *request) httpRequest() (*http.Request, error) {
	if len(r.url) > mostURL {
		return nil, fmt.Errorf("the URL has more than %d bytes", mostURL)
	}
	u, err := url.Parse(r.url)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no URL", brief(r.url, 64))
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the URL %q does not begin with http:// or https://", brief(r.url, 64))
	case u.Hostname() == "":
		return nil, fmt.Errorf("the URL %q names no host", brief(r.url, 64))
	}
	req := &http.Request{Method: r.method, URL: u, Host: u.Host, Header: r.header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", userAgent)
	}
	if r.body != nil {
		req.ContentLength = int64(len(r.body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
		req.Body, _ = req.GetBody()
	}
	return req, nil
}
