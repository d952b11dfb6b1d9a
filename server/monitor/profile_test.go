package monitor_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"

	"moonwire/server/monitor"
)

func TestProfiler(t *testing.T) {
	t.Parallel()
	s := monitor.NewProfiler(zap.NewNop())
	l, done := serveOn(t, s)
	for _, tt := range []struct {
		name, request string
		code          int
		want          string // part of the answer
	}{
		{name: "index", request: "GET /debug/pprof/", code: http.StatusOK, want: "goroutine?debug=1"},
		{name: "named", request: "GET /debug/pprof/goroutine?debug=1", code: http.StatusOK, want: "goroutine profile: total"},
		{name: "arguments are not told", request: "GET /debug/pprof/cmdline", code: http.StatusOK, want: "monitor.test"},
		{name: "no such profile", request: "GET /debug/pprof/nonsense", code: http.StatusNotFound, want: "Unknown profile"},
		{name: "nothing beside it", request: "GET /", code: http.StatusNotFound, want: "not found"},
		{name: "for reading only", request: "POST /debug/pprof/symbol", code: http.StatusMethodNotAllowed},
		{name: "without end", request: "GET /debug/pprof/profile?seconds=1e300", code: http.StatusBadRequest, want: "seconds: must be at most 3600"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, r := ask(t, l, tt.request+" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
			got := body(t, r)
			if r.StatusCode != tt.code || !strings.Contains(got, tt.want) {
				t.Errorf("got %s and %q, want %d and %q", r.Status, got, tt.code, tt.want)
			}
			if strings.Contains(got, "-test.") {
				t.Errorf("tells the arguments of the process: %q", got)
			}
		})
	}
	_, r := ask(t, l, "GET /debug/pprof/profile?seconds=1 HTTP/1.1\r\nHost: x\r\n\r\n")
	if r.StatusCode != http.StatusOK {
		t.Fatalf("CPU profile: %s: %s", r.Status, body(t, r))
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || len(b) == 0 {
		t.Errorf("CPU profile: %d bytes, %v", len(b), err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
