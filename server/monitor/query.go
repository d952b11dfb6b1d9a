package monitor

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxCallback bounds the name of a JSONP function, in bytes.
const maxCallback = 128

// query reads the parameters of a request and collects what is wrong with them.
// A parameter that is absent or empty has its zero value.
type query struct {
	values url.Values
	errs   []error
}

func parseQuery(raw string) *query {
	q := new(query)
	var err error
	if q.values, err = url.ParseQuery(raw); err != nil {
		q.fail(fmt.Errorf("query: %w", err))
	}
	return q
}

// fail records that the request cannot be answered. The text of err begins with
// the name of the parameter.
func (q *query) fail(err error) { q.errs = append(q.errs, err) }

// refused answers the request if anything was wrong with it, and reports whether
// it did.
func (q *query) refused(w http.ResponseWriter) bool {
	if len(q.errs) == 0 {
		return false
	}
	http.Error(w, errors.Join(q.errs...).Error(), http.StatusBadRequest)
	return true
}

// answer answers the request with z, or with what was wrong with it, err included.
// Callback is that of the query.
func (q *query) answer(w http.ResponseWriter, callback string, z any, err error) {
	if err != nil {
		q.fail(err)
	}
	if !q.refused(w) {
		respondIndented(w, callback, z)
	}
}

func (q *query) get(name string) string { return q.values.Get(name) }

func (q *query) boolean(name string) bool {
	s := q.get(name)
	if s == "" {
		return false
	}
	v, err := strconv.ParseBool(s)
	if err != nil {
		q.fail(fmt.Errorf("%s: %q is none of 0, 1, false, true", name, s))
	}
	return v
}

func (q *query) integer(name string) int {
	s := q.get(name)
	if s == "" {
		return 0
	}
	v, err := strconv.Atoi(s)
	if err != nil {
		q.fail(fmt.Errorf("%s: %q is not a whole number", name, s))
	}
	return v
}

func (q *query) id(name string) uint64 {
	s := q.get(name)
	if s == "" {
		return 0
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		q.fail(fmt.Errorf("%s: %q is not a whole number from 0 on", name, s))
	}
	return v
}

// subs returns what is asked about subscriptions: a list, or their details.
func (q *query) subs() (list, detail bool) {
	s := q.get("subs")
	if strings.EqualFold(s, "detail") {
		return false, true
	}
	if s == "" {
		return false, false
	}
	list, err := strconv.ParseBool(s)
	if err != nil {
		q.fail(fmt.Errorf("subs: %q is none of 0, 1, false, true, detail", s))
	}
	return list, false
}

func (q *query) state() ConnState {
	switch s := q.get("state"); strings.ToLower(s) {
	case "", "open":
		return ConnOpen
	case "closed":
		return ConnClosed
	case "any", "all":
		return ConnAny
	default:
		q.fail(fmt.Errorf("state: %q is none of open, closed, any", s))
		return ConnOpen
	}
}

// callback returns the JSONP function. Only names and names of members, as
// app.show, are let through: it becomes part of a script.
func (q *query) callback() string {
	s := q.get("callback")
	if s == "" {
		return ""
	}
	if len(s) > maxCallback {
		q.fail(fmt.Errorf("callback: longer than %d bytes", maxCallback))
		return ""
	}
	for name := range strings.SplitSeq(s, ".") {
		if !isIdentifier(name) {
			q.fail(fmt.Errorf("callback: %q is not the name of a function", s))
			return ""
		}
	}
	return s
}

// isIdentifier reports whether s is a JavaScript name in ASCII.
func isIdentifier(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '$':
		case c >= '0' && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return s != ""
}
