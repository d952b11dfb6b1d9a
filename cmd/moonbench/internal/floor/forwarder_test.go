//go:build linux

package floor

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"moonwire/cmd/moonbench/internal/load"
	"moonwire/cmd/moonbench/internal/scenario"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves until the test ends and returns the address.
func start(t *testing.T) string {
	t.Helper()
	f, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- f.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return f.Addr().String()
}

// client is a connection that has read its INFO.
type client struct {
	t  *testing.T
	nc net.Conn
	r  *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, nc: nc, r: bufio.NewReader(nc)}
	if info := c.line(); !strings.HasPrefix(info, "INFO {") || !strings.Contains(info, `"moonbench_raw":true`) {
		t.Fatalf("greeted with %q", info)
	}
	return c
}

func (c *client) say(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.nc, s); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) line() string {
	c.t.Helper()
	s, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("after %q: %v", s, err)
	}
	return s
}

func (c *client) want(lines ...string) {
	c.t.Helper()
	for _, w := range lines {
		if got := c.line(); got != w {
			c.t.Errorf("got %q, want %q", got, w)
		}
	}
}

func (c *client) wantEnd() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err == nil {
		c.t.Errorf("got %q, want the end of the stream", b)
	}
}

func TestCopiesBytesToTheSubscribersOfTheFirstSubject(t *testing.T) {
	t.Parallel()
	addr := start(t)
	one, two, other, pub := dial(t, addr), dial(t, addr), dial(t, addr), dial(t, addr)
	for _, c := range []*client{one, two} {
		c.say("CONNECT {}\r\nSUB a 1\r\nPING\r\n")
		c.want("PONG\r\n")
	}
	other.say("SUB b 1\r\nPI")
	other.say("NG\r\n")
	other.want("PONG\r\n")
	pub.say("CONNECT {}\r\nPING\r\nPUB a 2\r\nhi\r\nPU")
	pub.want("PONG\r\n")
	for _, c := range []*client{one, two} {
		c.want("PUB a 2\r\n", "hi\r\n")
	}
	pub.say("B a 3\r\nyou\r\n")
	for _, c := range []*client{one, two} {
		c.want("PUB a 3\r\n", "you\r\n")
	}
	_ = two.nc.Close()
	pub.say("PUB a 0\r\n\r\n")
	one.want("PUB a 0\r\n", "\r\n")
	other.say("PING\r\n")
	other.want("PONG\r\n") // and nothing of what was published
}

// A subscriber that does not read holds its publisher back, and loses nothing
// when it reads again.
func TestSlowSubscriberHoldsThePublisherBack(t *testing.T) {
	t.Parallel()
	addr := start(t)
	sub, pub := dial(t, addr), dial(t, addr)
	sub.say("SUB a 1\r\nPING\r\n")
	sub.want("PONG\r\n")

	const size = 256 << 20 // more than all socket buffers together
	payload := strings.Repeat("x", 64<<10)
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(pub.nc, "PUB a 1\r\n")
		for n := 0; n < size && err == nil; n += len(payload) {
			_, err = io.WriteString(pub.nc, payload)
		}
		sent <- err
	}()
	select {
	case err := <-sent:
		t.Fatalf("everything was sent though nobody reads: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if _, err := io.CopyN(io.Discard, sub.r, size+int64(len("PUB a 1\r\n"))); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, say, want string }{
		{name: "queue group", say: "SUB a q 1\r\n", want: "-ERR 'The Forwarder Does Not Know \"SUB\"'\r\n"},
		{name: "unknown line", say: "HELLO\r\n", want: "-ERR 'The Forwarder Does Not Know \"HELLO\"'\r\n"},
		{name: "empty line", say: "\r\n", want: "-ERR 'The Forwarder Does Not Know \"\"'\r\n"},
		{name: "endless line", say: strings.Repeat("x", maxLine+1), want: "-ERR 'Maximum Control Line Exceeded'\r\n"},
		{name: "second publisher", say: "PUB a 2\r\nhi\r\n", want: "-ERR 'The Forwarder Needs One Publisher For Each Subscriber'\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr := start(t)
			sub, pub := dial(t, addr), dial(t, addr)
			sub.say("SUB a 1\r\nPING\r\n")
			sub.want("PONG\r\n")
			pub.say("PUB a 1\r\nx\r\n")
			sub.want("PUB a 1\r\n", "x\r\n")
			c := dial(t, addr)
			c.say(tt.say)
			c.want(tt.want)
			c.wantEnd()
		})
	}
}

func TestListenFails(t *testing.T) {
	t.Parallel()
	addr := start(t)
	if _, err := Listen(netip.MustParseAddrPort(addr)); err == nil {
		t.Error("a port can be taken twice")
	}
}

type stillMeter struct{}

func (stillMeter) CPU() (time.Duration, error) { return 0, nil }
func (stillMeter) RSS() (int64, error)         { return 0, nil }
func (stillMeter) Refresh() error              { return nil }

// The load generator understands the forwarder in the scenarios that it can
// serve, and says so in the others.
func TestUnderLoad(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sc    scenario.Scenario
		fails string
	}{
		{sc: scenario.Scenario{Name: "fan-out", Publishers: 1, Subscribers: 5, Payload: 16}},
		{sc: scenario.Scenario{Name: "pairs", Fan: scenario.Pairs, Publishers: 3, Subscribers: 3, Payload: 128}},
		{sc: scenario.Scenario{Name: "large", Publishers: 1, Subscribers: 3, Payload: 200_000, Window: 4 << 20}},
		{sc: scenario.Scenario{Name: "headers", Publishers: 1, Subscribers: 1, Payload: 128, Header: 72}},
		{sc: scenario.Scenario{Name: "idle", Kind: scenario.Idle, Connections: 10, Subscriptions: 20}},
		{sc: scenario.Scenario{Name: "connect", Kind: scenario.Connect, Connections: 4}},
		{sc: scenario.Scenario{Name: "queue", Fan: scenario.Queue, Publishers: 1, Subscribers: 2, Payload: 16}, fails: "the copying forwarder takes only"},
		{sc: scenario.Scenario{Name: "two to one", Publishers: 2, Subscribers: 1, Payload: 16}, fails: "the copying forwarder takes only"},
		{sc: scenario.Scenario{Name: "nobody", Fan: scenario.Nobody, Publishers: 1, Payload: 16}, fails: "the copying forwarder takes only"},
	} {
		t.Run(tt.sc.Name, func(t *testing.T) {
			t.Parallel()
			err := underLoad(t, start(t), tt.sc)
			if (err != nil) != (tt.fails != "") {
				t.Fatalf("got %v, want %q", err, tt.fails)
			}
			if err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("got %v, want %q", err, tt.fails)
			}
		})
	}
}

func underLoad(t *testing.T, addr string, sc scenario.Scenario) error {
	t.Helper()
	s, err := load.Open(t.Context(), load.Config{
		Addr: addr, Scenario: sc, Meter: stillMeter{},
		Warmup: 10 * time.Millisecond, Measure: 30 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	defer s.Close()
	res, err := s.Run(t.Context())
	if err == nil && sc.Kind == scenario.Publish && res.Units == 0 {
		t.Error("nothing was delivered")
	}
	return err
}
