//go:build node && unix

package plugins_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"moonwire/hooks"
	"moonwire/plugins"
)

// These tests need Node 18 or later and npm, which fetches the packages that
// package-lock.json names. Run them with
//
//	make node

// installNode returns a copy of the Node packages with all that they need.
func installNode(t testing.TB) string {
	t.Helper()
	dir := copyTree(t, "node")
	command(t, dir, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	return dir
}

// policyOptions are those of the SDK's test plugin.
func policyOptions(dir string) plugins.Options {
	return plugins.Options{Command: "node", Args: []string{filepath.Join(dir, "sdk", "testdata", "policy.js")}}
}

func TestNode(t *testing.T) {
	t.Parallel()
	dir := installNode(t)
	t.Run("npm test", func(t *testing.T) {
		t.Parallel()
		command(t, dir, "npm", "test")
	})
	t.Run("types", func(t *testing.T) {
		t.Parallel()
		command(t, dir, "npm", "run", "types")
	})
	t.Run("policy", func(t *testing.T) {
		t.Parallel()
		testPolicy(t, policyOptions(dir))
	})
	t.Run("without TLS", func(t *testing.T) {
		t.Parallel()
		o := policyOptions(dir)
		o.NoMTLS = true
		p, _ := open(t, o, nil)
		if got, err := ask(t, p, atPublish, patience, publish("p.x")); err != nil || got.Verdict != hooks.Allow {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("http-auth", func(t *testing.T) {
		t.Parallel()
		testHTTPAuth(t, dir)
	})
}

// testHTTPAuth runs the example as an operator does: its program is the command.
func testHTTPAuth(t *testing.T, dir string) {
	var asked atomic.Int32
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var q struct{ User, Password, Host string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Password != "pw" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if q.Host == "" {
			t.Error("the service is not told the host")
		}
		_, _ = w.Write([]byte(`{"user": "ann", "account": "A", "permissions": {"publish": {"allow": ["a.>"]}}}`))
	}))
	t.Cleanup(service.Close)
	o := plugins.Options{
		Command: filepath.Join(dir, "http-auth", "main.js"),
		Config:  map[string]any{"url": service.URL, "timeoutMs": 30000, "cache": map[string]any{"ttlMs": 600000}, "redact": []string{"card"}},
	}
	first, _ := open(t, o, nil)
	if got, err := ask(t, first, 0, patience, connect("ann", "pw")); err != nil || got.Verdict != hooks.Allow ||
		got.Identity.Account != "A" || len(got.Identity.Permissions.Publish.Allow) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := ask(t, first, 0, patience, connect("ann", "no")); err != nil || got.Verdict != hooks.Deny {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err := ask(t, first, 1, patience, func(c *hooks.Call) {
		c.Subject, c.Payload = []byte("orders"), []byte(`{"id":1,"card":"4711"}`)
	})
	if err != nil || string(got.Payload) != `{"id":1,"card":"****"}` {
		t.Errorf("got %q, %v", got.Payload, err)
	}
	before := asked.Load()
	second, _ := open(t, o, first)
	if got, err := ask(t, second, 0, patience, connect("ann", "pw")); err != nil || got.Verdict != hooks.Allow || asked.Load() != before {
		t.Errorf("got %+v, %v; the service was asked %d times more", got, err, asked.Load()-before)
	}
}

func BenchmarkNode(b *testing.B) { benchmarkPolicy(b, policyOptions(installNode(b))) }
