package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// ServeHTTP implements http.Handler. It answers 404 for paths that are no
// endpoint, 405 for methods other than GET and HEAD, and 400 for parameters that
// cannot be used, with a line for each. Unknown parameters are ignored. With
// callback=f the answer is JavaScript that calls the function f with the JSON.
func (m *Monitor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := m.endpoints[r.URL.Path]
	if e == nil {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, fmt.Sprintf("method %q is none of GET, HEAD", r.Method), http.StatusMethodNotAllowed)
		return
	}
	e.requests.Add(1)
	e.serve(w, parseQuery(r.URL.RawQuery))
}

func (m *Monitor) serveVarz(w http.ResponseWriter, q *query) {
	callback := q.callback()
	if q.refused(w) {
		return
	}
	respondIndented(w, callback, m.Varz())
}

func (m *Monitor) serveConnz(w http.ResponseWriter, q *query) {
	callback := q.callback()
	subs, detail := q.subs()
	o := ConnzOptions{
		Sort:       q.get("sort"),
		Auth:       q.boolean("auth"),
		Subs:       subs,
		SubsDetail: detail,
		Offset:     q.integer("offset"),
		Limit:      q.integer("limit"),
		CID:        q.id("cid"),
		State:      q.state(),
		User:       q.get("user"),
		Account:    q.get("acc"),
	}
	if q.refused(w) {
		return
	}
	c, err := m.Connz(o)
	q.answer(w, callback, c, err)
}

func (m *Monitor) serveSubsz(w http.ResponseWriter, q *query) {
	callback := q.callback()
	z, err := m.Subsz(SubszOptions{
		Offset: q.integer("offset"), Limit: q.integer("limit"), Subs: q.boolean("subs"),
		Account: q.get("acc"), Test: q.get("test"),
	})
	q.answer(w, callback, z, err)
}

func (m *Monitor) serveAccountz(w http.ResponseWriter, q *query) {
	callback := q.callback()
	z, err := m.Accountz(AccountzOptions{Account: q.get("acc")})
	q.answer(w, callback, z, err)
}

func (m *Monitor) serveAccountStatz(w http.ResponseWriter, q *query) {
	callback := q.callback()
	o := AccountStatzOptions{Unused: q.boolean("unused")}
	if q.refused(w) {
		return
	}
	respondIndented(w, callback, m.AccountStatz(o))
}

// plainly serves an answer that has no parameters.
func plainly[T any](answer func() T) func(w http.ResponseWriter, q *query) {
	return func(w http.ResponseWriter, q *query) {
		callback := q.callback()
		if q.refused(w) {
			return
		}
		respondIndented(w, callback, answer())
	}
}

// serveHealthz takes the parameters that probes use for JetStream. Without
// JetStream there is nothing that they could narrow down.
func (m *Monitor) serveHealthz(w http.ResponseWriter, q *query) {
	callback := q.callback()
	for _, name := range []string{"js-enabled", "js-enabled-only", "js-server-only", "js-meta-only", "details"} {
		q.boolean(name)
	}
	if q.get("stream") != "" && q.get("account") == "" {
		q.fail(errors.New("account: needed with stream"))
	}
	if q.get("consumer") != "" && q.get("stream") == "" {
		q.fail(errors.New("stream: needed with consumer"))
	}
	if q.refused(w) {
		return
	}
	health := m.Healthz()
	data, err := json.Marshal(health)
	respond(w, health.Code(), callback, data, err)
}

// serveRoot lists the endpoints. The links are relative to the root page, so that
// they hold behind a proxy that serves it under another path.
func (m *Monitor) serveRoot(w http.ResponseWriter, _ *query) {
	var page strings.Builder
	page.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Moonwire</title></head>\n<body>\n<h1>Moonwire</h1>\n<ul>\n")
	for _, link := range []struct{ path, text string }{
		{VarzPath, "General"},
		{ConnzPath, "Connections"},
		{SubszPath, "Subscriptions"},
		{AccountzPath, "Accounts"},
		{AccountStatzPath, "Account statistics"},
		{HealthzPath, "Health"},
		{HookzPath, "Hooks"},
		{MetricsPath, "Metrics"},
	} {
		// From /a/b to /a/b/varz it is ./b/varz.
		to := url.URL{Path: "./" + strings.TrimPrefix(path.Join(path.Base("/"+m.base), link.path), "/")}
		fmt.Fprintf(&page, "<li><a href=\"%s\">%s</a></li>\n", html.EscapeString(to.String()), link.text)
	}
	page.WriteString("</ul>\n</body>\n</html>\n")
	write(w, http.StatusOK, "text/html; charset=utf-8", []byte(page.String()))
}

// respondIndented writes v as JSON that people can read.
func respondIndented(w http.ResponseWriter, callback string, v any) {
	data, err := json.MarshalIndent(v, "", "  ")
	respond(w, http.StatusOK, callback, data, err)
}

// respond writes the JSON in data, or a call of callback with it unless that is
// empty, or that it could not be encoded.
func respond(w http.ResponseWriter, code int, callback string, data []byte, err error) {
	switch {
	case err != nil:
		http.Error(w, "encoding the answer: "+err.Error(), http.StatusInternalServerError)
	case callback != "":
		write(w, code, "application/javascript", fmt.Appendf(nil, "%s(%s)", callback, data))
	default:
		write(w, code, "application/json", data)
	}
}

// write writes a whole answer. Pages of other sites may read it, as with
// nats-server: dashboards are such pages.
func write(w http.ResponseWriter, code int, contentType string, data []byte) {
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Content-Length", strconv.Itoa(len(data)))
	header.Set("Content-Type", contentType)
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	// The client is gone if this fails; there is nobody to tell.
	_, _ = w.Write(data)
}
