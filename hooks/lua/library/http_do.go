package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"moonwire/hooks/lua/sandbox"
)

// requestSteps is what a request costs a script: a call can make a thousand.
const requestSteps = 1000

// do sends a request and gives the script its answer. What is charged may end
// the call at any point: all that is opened is closed by defer.
func (h *httpLib) do(a *sandbox.Args, r *request) error {
	caller := CallerOf(a)
	caller.Outside()
	// What a request costs before it has an answer, or is refused one.
	a.Charge(8192 + len(r.url))
	a.Step(requestSteps)
	req, err := r.httpRequest()
	if err != nil {
		return fail(a, err.Error())
	}
	if err := h.enter(); err != nil {
		return fail(a, err.Error())
	}
	answered := false
	defer func() {
		if !answered {
			h.failed.Add(1)
		}
		h.leave()
	}()
	timeout := h.options.Timeout
	if r.timeout > 0 {
		timeout = r.timeout
	}
	ctx, cancel := context.WithTimeout(caller.Context(), timeout)
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()
	explain := func(err error) error {
		switch {
		case h.ctx.Err() != nil:
			return fail(a, "the broker is closing")
		case caller.Context().Err() != nil:
			return fail(a, "the call had to end before there was an answer")
		case ctx.Err() != nil:
			return fail(a, fmt.Sprintf("there was no answer within %v", timeout))
		}
		return fail(a, problem(err))
	}
	res, err := h.client.Do(req.WithContext(context.WithValue(ctx, requestKey{}, ctx)))
	if err != nil {
		return explain(err)
	}
	defer func() { _ = res.Body.Close() }()
	most := h.options.MaxBody
	if r.maxBody > 0 {
		most = min(most, r.maxBody)
	}
	headers := answerHeader(a, res.Header)
	body, err := answerBody(a, res, most)
	if err != nil {
		return explain(err)
	}
	t := a.VM().NewTable(0, 3)
	t.Set("status", sandbox.Number(float64(res.StatusCode)))
	t.Set("headers", headers)
	t.Set("body", sandbox.String(body))
	a.Return(t.Value())
	answered = true
	return nil
}

// problem is what went wrong, without what a script knows already: an error of
// net/http begins with the URL, which may hold secrets.
func problem(err error) string {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused.text
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	return brief(err.Error(), 256)
}

// checkRedirect says whether a redirect is followed, and takes from it what is
// meant for the first host only.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	switch {
	case len(via) > mostRedirects:
		return fmt.Errorf("there were more than %d redirects", mostRedirects)
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return fmt.Errorf("a redirect leads to a URL of the scheme %q", brief(req.URL.Scheme, 64))
	case last.URL.Scheme == "https" && req.URL.Scheme == "http":
		return errors.New("a redirect leads from https to http")
	}
	req.Header.Del("Referer")
	elsewhere := func(r *http.Request) bool { return r.URL.Host != first.URL.Host || r.URL.Scheme != first.URL.Scheme }
	if !elsewhere(req) && !slices.ContainsFunc(via, elsewhere) {
		return nil
	}
	if req.ContentLength > 0 {
		return errors.New("a redirect would send the body to another host")
	}
	clear(req.Header)
	req.Header.Set("User-Agent", userAgent)
	return nil
}

// answerHeader makes the table of headers.
func answerHeader(a *sandbox.Args, h http.Header) sandbox.Value {
	t := a.VM().NewTable(0, len(h))
	for _, k := range sortedKeys(h) {
		v := strings.Join(h[k], ", ")
		a.Charge(len(k) + len(v))
		v = strings.Clone(v) // it may be a piece of the whole head
		t.Set(strings.ToLower(k), sandbox.String(v))
	}
	return t.Value()
}

// answerBody reads a body of at most so many bytes. What it allocates is charged
// before.
func answerBody(a *sandbox.Args, res *http.Response, most int) (string, error) {
	tooMuch := fmt.Errorf("the answer has more than %d bytes", most)
	if res.ContentLength > int64(most) && res.Request.Method != http.MethodHead {
		return "", tooMuch
	}
	var b strings.Builder
	chunk := make([]byte, 32<<10)
	a.Charge(len(chunk))
	for {
		n, err := res.Body.Read(chunk)
		if b.Len()+n > most {
			return "", tooMuch
		}
		if n > b.Cap()-b.Len() {
			a.Charge(2*b.Cap() + n) // as the builder grows
			b.Grow(n)
		}
		b.Write(chunk[:n])
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		} else if err != nil {
			return "", err
		}
	}
}
