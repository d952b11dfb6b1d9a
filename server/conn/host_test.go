package conn_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/conn"
	"moonwire/server/delivery"
	"moonwire/server/interest"
	"moonwire/server/permission"
	"moonwire/server/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is a server of which the connections see no more than they ask for.
type host struct {
	env      conn.Env
	way      conn.Entrance
	rights   *permission.Set // of everybody
	account  *account.Account
	password string // asked for in CONNECT; "": nothing is
	mayWait  bool
	ask      func(*conn.Client) // called for each CONNECT; may be nil

	mu     sync.Mutex
	lastID uint64
	ended  map[uint64]conn.Snapshot // guarded by mu
	done   map[uint64]chan struct{} // guarded by mu; closed when the connection has ended
}

// newHost returns a host with limits that do not bite; change alters them.
func newHost(change func(*conn.Limits)) *host {
	h := &host{account: account.New(account.Global), ended: make(map[uint64]conn.Snapshot), done: make(map[uint64]chan struct{})}
	l := &conn.Limits{
		MaxPayload: 1 << 20, MaxControlLine: 4096, MaxPending: 64 << 20,
		PingInterval: 2 * time.Minute, PingMax: 2, WriteDeadline: 10 * time.Second,
		AuthTimeout: 2 * time.Second, Headers: true,
	}
	if change != nil {
		change(l)
	}
	h.env = conn.Env{
		Host: h, Log: zap.NewNop(), Failures: zap.NewNop(), Contexts: new(delivery.Pool), Ordinals: new(interest.Ordinals),
		Traffic: new(account.Traffic),
	}
	h.env.Limits.Store(l)
	info := wire.NewTemplate(wire.Info{ServerID: "host", Proto: 1, Headers: true})
	h.way.Type = auth.Standard
	h.way.Greeting.Store(info)
	h.way.Answer.Store(info)
	h.way.Notice.Store(info)
	return h
}

// Authenticate implements conn.Host.
func (h *host) Authenticate(of *conn.Client, c *wire.Connect) *conn.Admission {
	if h.ask != nil {
		h.ask(of)
	}
	if c.Password != h.password {
		return nil
	}
	return &conn.Admission{Account: h.account, Identity: &auth.Identity{User: c.User, Permissions: h.rights, Limits: auth.Unlimited}}
}

// MayWait implements conn.Host.
func (h *host) MayWait() bool { return h.mayWait }

// Anonymous implements conn.Host.
func (h *host) Anonymous(*conn.Client) *conn.Admission {
	if h.password != "" {
		return nil
	}
	return &conn.Admission{Account: h.account, Identity: &auth.Identity{Permissions: h.rights, Limits: auth.Unlimited}}
}

// Admitted implements conn.Host.
func (h *host) Admitted(*conn.Client, *conn.Admission) {}

// Closed implements conn.Host.
func (h *host) Closed(c *conn.Client, final conn.Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended[c.ID] = final
	close(h.done[c.ID])
}

// peer is the other end of a connection.
type peer struct {
	t    testing.TB
	h    *host
	nc   net.Conn
	r    *bufio.Reader
	c    *conn.Client
	done chan struct{} // closed when the connection has ended
}

// reason waits for the end of the connection and returns why it ended.
func (p *peer) reason() conn.Reason {
	<-p.done
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	return p.h.ended[p.c.ID].Reason
}

// dial returns a client of h over a pipe, served in its own goroutine, and the
// other end of it, which has taken the greeting. The test closes the peer.
func (h *host) dial(t testing.TB) *peer {
	t.Helper()
	near, far := net.Pipe()
	return h.serve(t, near, far)
}

// dialTCP is dial over TCP.
func (h *host) dialTCP(t testing.TB) *peer {
	t.Helper()
	near, far := pair(t, "tcp", "127.0.0.1:0")
	return h.serve(t, near, far)
}

// pair returns the two ends of a connection over a network: who has dialled, and who
// was called at addr. The test closes them.
func pair(t testing.TB, network, addr string) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func (h *host) serve(t testing.TB, near, far net.Conn) *peer {
	t.Helper()
	p := &peer{t: t, h: h, nc: near, r: bufio.NewReader(near)}
	p.c, p.done = h.take(far)
	go p.c.Serve(nil)
	if line := p.line(); !strings.HasPrefix(line, "INFO ") {
		t.Fatalf("greeted with %q", line)
	}
	return p
}

// take returns a client on far, and what is closed when it has ended.
func (h *host) take(far net.Conn) (*conn.Client, chan struct{}) {
	done := make(chan struct{})
	h.mu.Lock()
	h.lastID++
	id := h.lastID
	h.done[id] = done
	h.mu.Unlock()
	return conn.New(&h.env, &h.way, far, conn.Presented{}, id), done
}

// close ends the connection from this side and waits for the server's end.
func (p *peer) close() {
	_ = p.nc.Close()
	<-p.done
}

func (p *peer) send(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.nc, s); err != nil {
		p.t.Fatalf("sending %.40q: %v", s, err)
	}
}

// line returns the next line without CRLF.
func (p *peer) line() string {
	p.t.Helper()
	line, err := p.r.ReadString('\n')
	if err != nil {
		p.t.Fatalf("reading: %v after %q", err, line)
	}
	return strings.TrimSuffix(line, "\r\n")
}

// expect reads lines that must be equal to want.
func (p *peer) expect(want ...string) {
	p.t.Helper()
	for _, w := range want {
		if got := p.line(); got != w {
			p.t.Fatalf("got %q, want %q", got, w)
		}
	}
}

// expectEnd reads what is left up to the end.
func (p *peer) expectEnd(want string) {
	p.t.Helper()
	rest, err := io.ReadAll(p.r)
	if string(rest) != want || err != nil && !errors.Is(err, io.ErrClosedPipe) {
		p.t.Fatalf("the end is %q, %v; want %q", rest, err, want)
	}
}

// pub is a PUB as the parser gives it out.
func pub(subject, payload string) *wire.Pub {
	p := wire.Parser{MaxControlLine: 4096, MaxPayload: 1 << 20}
	op, _, err := p.Next([]byte(fmt.Sprintf("PUB %s %d\r\n%s\r\n", subject, len(payload), payload)))
	if op != wire.OpPub || err != nil {
		panic("no PUB")
	}
	return &p.Pub
}
