package monitor_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"moonwire/server/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSource is a Source with fixed answers.
type fakeSource struct {
	varz   monitor.Varz
	conns  []monitor.ConnInfo
	subs   map[uint64][]monitor.SubDetail
	health monitor.Health
	hooks  []monitor.HookInfo

	accounts []monitor.AccountState
}

func (s *fakeSource) ServerID() string { return "NID" }

func (s *fakeSource) Varz() monitor.Varz { return s.varz }

func (s *fakeSource) Conns(state monitor.ConnState) []monitor.ConnInfo {
	var list []monitor.ConnInfo
	for _, ci := range s.conns {
		if state == monitor.ConnAny || (state == monitor.ConnClosed) == (ci.Stop != nil) {
			list = append(list, ci)
		}
	}
	return list
}

func (s *fakeSource) Subscriptions(cid uint64) []monitor.SubDetail { return s.subs[cid] }

func (s *fakeSource) Accounts() []monitor.AccountState { return s.accounts }

func (s *fakeSource) Healthz() monitor.Health { return s.health }

func (s *fakeSource) Hooks() []monitor.HookInfo { return s.hooks }

// get asks h for target and returns the answer.
func get(t *testing.T, h http.Handler, target string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w.Result()
}

// decode decodes the JSON body of a 200 answer into v.
func decode(t *testing.T, r *http.Response, v any) {
	t.Helper()
	if r.StatusCode != http.StatusOK {
		t.Fatalf("got status %s", r.Status)
	}
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		t.Fatal(err)
	}
}

func TestVarz(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		zone := time.FixedZone("CET", 3600)
		source := &fakeSource{varz: monitor.Varz{
			ID: "NID", Port: 4222, Start: start.In(zone), ConfigLoadTime: start.In(zone), Moonwire: "0.1.0",
		}}
		m := monitor.New(source, monitor.Options{})
		get(t, m, "/healthz")
		get(t, m, "/varz")
		<-time.After(26*time.Hour + 3*time.Second) // of the bubble's clock
		var got monitor.Varz
		decode(t, get(t, m, "/varz"), &got)

		want := source.varz
		want.Start, want.ConfigLoadTime = start.UTC(), start.UTC()
		want.Now = start.Add(26*time.Hour + 3*time.Second).UTC()
		want.Uptime = "1d2h0m3s"
		want.GoVersion = runtime.Version()
		want.Cores, want.MaxProcs = runtime.NumCPU(), runtime.GOMAXPROCS(0)
		want.HTTPReqStats = map[string]uint64{"/varz": 2, "/healthz": 1}
		if got.Mem < 1<<20 {
			t.Errorf("mem is %d, want more than a megabyte", got.Mem)
		}
		want.Mem, want.CPU, want.MemLimit = got.Mem, got.CPU, got.MemLimit
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestVarzMemLimit sets the limit of the whole process, so it is not parallel.
func TestVarzMemLimit(t *testing.T) {
	const limit = 8 << 30
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit))
	if got := monitor.New(&fakeSource{}, monitor.Options{}).Varz().MemLimit; got != limit {
		t.Errorf("gomemlimit is %d, want %d", got, limit)
	}
}

func TestHealthz(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		health monitor.Health
		code   int
		body   string
	}{
		{"ok", monitor.Health{Status: monitor.StatusOK}, 200, `{"status":"ok"}`},
		{"unavailable", monitor.Health{Status: monitor.StatusUnavailable, Error: "shutting down"}, 503, `{"status":"unavailable","error":"shutting down"}`},
		{"error", monitor.Health{Status: monitor.StatusError, Error: "x"}, 503, `{"status":"error","error":"x"}`},
		{"forgotten", monitor.Health{}, 503, `{"status":""}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := get(t, monitor.New(&fakeSource{health: tt.health}, monitor.Options{}), "/healthz?js-enabled-only=true&details=1")
			if got := body(t, r); r.StatusCode != tt.code || got != tt.body {
				t.Errorf("got %d %s, want %d %s", r.StatusCode, got, tt.code, tt.body)
			}
			if got := r.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("content type %q", got)
			}
		})
	}
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
