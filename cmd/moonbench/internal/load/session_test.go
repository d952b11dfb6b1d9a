//go:build linux

package load

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"moonwire/cmd/moonbench/internal/scenario"
)

// stillMeter is a server that costs nothing: these tests are about streams.
type stillMeter struct{ fails error }

func (m stillMeter) CPU() (time.Duration, error) { return 0, m.fails }
func (m stillMeter) RSS() (int64, error)         { return 1 << 20, nil }
func (m stillMeter) Refresh() error              { return nil }

// shortly is how long a run is that should succeed. One that should fail gets
// longer than any machine needs to come to the fault, which ends it.
const (
	shortly = 30 * time.Millisecond
	longer  = time.Minute
)

func runAgainst(ctx context.Context, addr string, sc scenario.Scenario, loops int, measure time.Duration) (Result, error) {
	return runSecured(ctx, addr, sc, loops, measure, nil)
}

// runSecured is runAgainst with somebody to trust.
func runSecured(ctx context.Context, addr string, sc scenario.Scenario, loops int, measure time.Duration, trust *tls.Config) (Result, error) {
	patience := DefaultPatience
	if measure == longer {
		patience = 500 * time.Millisecond
	}
	s, err := Open(ctx, Config{
		Addr: addr, Scenario: sc, Meter: stillMeter{}, Loops: loops,
		Warmup: 10 * time.Millisecond, Measure: measure, Patience: patience,
		TLS: trust,
	})
	if err != nil {
		return Result{}, err
	}
	defer s.Close()
	return s.Run(ctx)
}

// small loads that the hostile broker can stand.
func broadcast() scenario.Scenario {
	return scenario.Scenario{Name: "broadcast", Publishers: 2, Subscribers: 2, Payload: 64, Window: 4 << 10}
}

func queue() scenario.Scenario {
	return scenario.Scenario{Name: "queue", Fan: scenario.Queue, Publishers: 1, Subscribers: 2, Payload: 64, Window: 4 << 10}
}

func requests() scenario.Scenario {
	return scenario.Scenario{Name: "request", Kind: scenario.Request, Publishers: 1, Subscribers: 1, Payload: 64, InFlight: 8}
}

func paced() scenario.Scenario {
	s := broadcast()
	s.Name, s.Publishers, s.Rate = "paced", 1, 50_000
	return s
}

func TestFaultsAreDetected(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		sc    scenario.Scenario
		spoil func(int, string) []string
		want  []string // parts of the error
		sane  bool     // the streams are intact, the error is of another kind
	}{
		{name: "lost", sc: broadcast(), spoil: drop, want: []string{"subscriber 0, publisher ", "1 lost (first: number "}},
		{name: "duplicated", sc: broadcast(), spoil: duplicate, want: []string{"subscriber 1, publisher ", "1 duplicated (first: number "}},
		{name: "out of order", sc: oneSubscriber(), spoil: swap(), want: []string{"subscriber 0, publisher 0: 1 out of order (first: number 501 where 500 was due)"}},
		{name: "lost for good", sc: broadcast(), spoil: dropRest, want: []string{" lost (first: nothing came from number "}},
		{name: "lost, paced", sc: paced(), spoil: drop, want: []string{"1 lost (first: number 501 where 500 was due)"}},
		{name: "queue: lost", sc: queue(), spoil: drop, want: []string{"queue group, publisher 0: ", " lost"}},
		{name: "queue: duplicated", sc: queue(), spoil: duplicate, want: []string{"queue group, publisher 0: ", " duplicated", " came twice"}},
		{name: "queue: out of order", sc: queueOfOne(), spoil: swap(), want: []string{"subscriber 0, publisher 0: 1 out of order (first: number 500 after 501)"}},
		{name: "request: lost", sc: requests(), spoil: dropRest, want: []string{"responder, requester 0: ", " lost"}},
		{name: "request: duplicated", sc: requests(), spoil: duplicate, want: []string{"requester 0: ", " duplicated"}},
		{name: "changed", sc: broadcast(), spoil: corrupt, want: []string{"payload was changed"}, sane: true},
		{name: "cut short", sc: broadcast(), spoil: shorten, want: []string{"payload of 63 B where 64 B"}, sane: true},
		{name: "error from the server", sc: broadcast(), spoil: scold, want: []string{"subscriber ", "the server says -ERR 'Slow Consumer'"}, sane: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := startHostile(t, &hostile{spoil: tt.spoil})
			_, err := runAgainst(t.Context(), h.addr, tt.sc, 1, longer)
			if err == nil {
				t.Fatal("the run succeeds")
			}
			if errors.Is(err, ErrStream) == tt.sane {
				t.Errorf("errors.Is(ErrStream) = %v: %v", !tt.sane, err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to contain %q", err, part)
				}
			}
		})
	}
}

func oneSubscriber() scenario.Scenario {
	s := broadcast()
	s.Publishers, s.Subscribers = 1, 1
	return s
}

func queueOfOne() scenario.Scenario {
	s := queue()
	s.Subscribers = 1
	return s
}

// The same broker without a fault: what the tests above find is the fault.
func TestHonestBrokerPasses(t *testing.T) {
	t.Parallel()
	for _, sc := range []scenario.Scenario{broadcast(), queue(), requests(), paced()} {
		for _, loops := range []int{1, 3} {
			t.Run(sc.Name, func(t *testing.T) {
				t.Parallel()
				h := startHostile(t, &hostile{})
				res, err := runAgainst(t.Context(), h.addr, sc, loops, shortly)
				if err != nil {
					t.Fatal(err)
				}
				if res.Units == 0 || res.Window < shortly {
					t.Errorf("%d units in %v", res.Units, res.Window)
				}
				if (res.Latency != nil) != sc.HasLatency() {
					t.Errorf("latency %v", res.Latency)
				}
				if (res.Late != nil) != sc.Paced() || sc.Paced() && res.Late.TotalCount() == 0 {
					t.Errorf("lateness %v", res.Late)
				}
				if res.Version != "0.0.1" {
					t.Errorf("version %q", res.Version)
				}
			})
		}
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	refuse := startHostile(t, &hostile{welcome: "-ERR 'maximum connections exceeded'\r\n"})
	leave := startHostile(t, &hostile{welcome: "INFO {} \r\n"})
	lie := startHostile(t, &hostile{welcome: "INFO {x} \r\n"})
	raw := startHostile(t, &hostile{})
	invalid := broadcast()
	invalid.Payload = 1
	crowded := scenario.Scenario{Name: "crowd", Kind: scenario.Idle, Connections: 1 << 40}
	for _, tt := range []struct {
		name, addr string
		sc         scenario.Scenario
		want       string
	}{
		{name: "refused", addr: refuse.addr, sc: broadcast(), want: "the server says -ERR 'maximum connections exceeded'"},
		{name: "closed", addr: leave.addr, sc: broadcast(), want: "closed the connection during the handshake"},
		{name: "bad INFO", addr: lie.addr, sc: broadcast(), want: "reading INFO"},
		{name: "no port", addr: "127.0.0.1", sc: broadcast(), want: "server address"},
		{name: "nobody there", addr: "127.0.0.1:1", sc: broadcast(), want: "connection refused"},
		{name: "invalid scenario", addr: raw.addr, sc: invalid, want: "payload of 1 B"},
		{name: "too many connections", addr: raw.addr, sc: crowded, want: "raise it with ulimit -n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := runAgainst(t.Context(), tt.addr, tt.sc, 1, shortly)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

func TestCancelEndsARun(t *testing.T) {
	t.Parallel()
	h := startHostile(t, &hostile{})
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Open(ctx, Config{Addr: h.addr, Scenario: broadcast(), Meter: stillMeter{}, Measure: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cancel()
	if _, err := s.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := Open(ctx, Config{Addr: h.addr, Scenario: broadcast(), Meter: stillMeter{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: got %v, want %v", err, context.Canceled)
	}
}

func TestMeterFails(t *testing.T) {
	t.Parallel()
	h := startHostile(t, &hostile{})
	gone := errors.New("the server has gone")
	s, err := Open(t.Context(), Config{Addr: h.addr, Scenario: broadcast(), Meter: stillMeter{fails: gone}, Measure: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Run(t.Context()); !errors.Is(err, gone) {
		t.Errorf("got %v, want %v", err, gone)
	}
}

func TestResultArithmetic(t *testing.T) {
	t.Parallel()
	r := Result{Units: 500, Window: 2 * time.Second, CPU: time.Millisecond, RSS: 5000, BaseRSS: 1000, Held: 4}
	if r.CostNs() != 2000 || r.PerSecond() != 250 || r.BytesEach() != 1000 {
		t.Errorf("got %v ns, %v/s, %v B", r.CostNs(), r.PerSecond(), r.BytesEach())
	}
	var zero Result
	if zero.CostNs() != 0 || zero.PerSecond() != 0 || zero.BytesEach() != 0 {
		t.Error("an empty result is not zero")
	}
}
