//go:build linux

package load

import (
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"moonwire/cmd/moonbench/internal/scenario"
)

// startReference runs nats-server inside the test and returns its address.
func startReference(t *testing.T) string { return startReferenceTLS(t, nil) }

// startReferenceTLS is startReference with TLS unless cfg is nil.
func startReferenceTLS(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, TLSConfig: cfg, TLSTimeout: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the reference server does not start")
	}
	return s.Addr().String()
}

// Each kind of scenario, with few connections and for a short time, with one
// loop and with several. Nothing is said about speed.
func TestReference(t *testing.T) {
	addr := startReference(t)
	scenarios := []scenario.Scenario{
		{Name: "1to1-16", Publishers: 1, Subscribers: 1, Payload: 16},
		{Name: "2to3-4k", Publishers: 2, Subscribers: 3, Payload: 4096, Window: 64 << 10},
		{Name: "large", Publishers: 1, Subscribers: 1, Payload: 512 << 10},
		{Name: "pairs", Fan: scenario.Pairs, Publishers: 3, Subscribers: 3, Payload: 128},
		{Name: "queue", Fan: scenario.Queue, Publishers: 2, Subscribers: 4, Payload: 128},
		{Name: "partition", Fan: scenario.Partition, Publishers: 2, Subscribers: 4, Payload: 128, Subjects: 1000, Background: 500},
		{Name: "churn", Fan: scenario.Partition, Publishers: 1, Subscribers: 2, Payload: 128, Subjects: 10, Churn: 2000},
		{Name: "churn-wild", Fan: scenario.Partition, Publishers: 1, Subscribers: 2, Payload: 128, Subjects: 10, Churn: 2000, ChurnKind: scenario.ChurnWildcard},
		{Name: "request", Kind: scenario.Request, Publishers: 2, Subscribers: 1, Payload: 16, InFlight: 8},
		{Name: "nobody", Fan: scenario.Nobody, Publishers: 2, Payload: 128},
		{Name: "headers", Publishers: 1, Subscribers: 2, Payload: 128, Header: 72},
		{Name: "paced", Publishers: 2, Subscribers: 2, Payload: 128, Rate: 20_000},
		{Name: "unbatched", Publishers: 1, Subscribers: 2, Payload: 128, Rate: 5000, Unbatched: true},
		{Name: "stuck", Publishers: 1, Subscribers: 2, Payload: 128, Stuck: 1, Bystanders: 2},
		{Name: "slow", Publishers: 1, Subscribers: 2, Payload: 128, Slow: 2, SlowRate: 1_000_000, Stuck: 1},
		{Name: "connect", Kind: scenario.Connect, Connections: 5},
		{Name: "idle", Kind: scenario.Idle, Connections: 5, Subscriptions: 50},
	}
	for _, sc := range scenarios {
		for _, loops := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", sc.Name, loops), func(t *testing.T) {
				res, err := runAgainst(t.Context(), addr, sc, loops, shortly)
				if err != nil {
					t.Fatal(err)
				}
				if (res.Units > 0) != (sc.Kind != scenario.Idle) {
					t.Errorf("%d units", res.Units)
				}
				if sc.HasLatency() && res.Latency.TotalCount() == 0 {
					t.Error("no latency was recorded")
				}
				if sc.Kind == scenario.Idle && res.Held != 50 {
					t.Errorf("%d held", res.Held)
				}
				if res.Version != server.VERSION {
					t.Errorf("version %q, want %q", res.Version, server.VERSION)
				}
			})
		}
	}
}
