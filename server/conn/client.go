package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"moonwire/hooks"
	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/interest"
	"moonwire/server/wire"
)

// Client is a connection that speaks the client protocol. Make it with [New]
// and run it with [Client.Serve].
type Client struct {
	interest.Target // what subscriptions of this connection deliver to

	// Immutable.
	ID     uint64
	Start  time.Time
	env    *Env
	by     *Entrance
	ip     string
	port   int
	unix   bool // it came by a Unix socket
	log    *zap.Logger
	limits *Limits // as they were when the connection was made
	nonce  string  // empty if the connection was given none

	// Immutable once the handshake is over; until then they change under mu.
	nc        net.Conn
	src       source
	out       writer // non-blocking writes; nil where there are none
	presented Presented

	// Read loop only.
	*worker    // nil while idle
	in         input
	connect    *wire.Connect // nil before CONNECT; never changed, but replaced
	ignoring   wire.Op       // see wire.Parser
	saying     *wire.Connect // read and yet to be run; see await
	headers    bool          // HPUB is allowed
	slow       slowFlags
	mustAuth   bool // nothing but CONNECT is understood
	headWarned bool // the PUB at hand was already found invalid
	busy       bool // something but PONG came since the last wake-up
	slept      bool // at least once
	reads      int  // since the last flush
	inMsgs     int  // since the last flush
	inBytes    int
	may        *rights         // those at hand
	mapped     []byte          // scratch for a subject
	life       context.Context // see alive; nil until hooks are asked
	violation  struct {
		logged time.Time
		silent int // refusals since
	}

	// Set by the read loop, read by anyone.
	account    atomic.Pointer[account.Account]
	rights     atomic.Pointer[rights]       // changed under mu; see Regrant
	hooked     atomic.Pointer[hooks.Client] // see Hooked; changed under mu
	lastActive atomic.Int64                 // unix ns of the last input
	lastData   atomic.Int64                 // unix ns of the last input but PONG
	async      atomic.Bool                  // takes INFO at any time: protocol 1, and had its first PONG

	bed int // place among those awake, or -1; guarded by Dormitory.mu

	// Statistics that the read loop adds up.
	msgs, bytes atomic.Int64

	mu struct {
		sync.Mutex
		subs   map[string]*interest.Sub // by sid; only the read loop adds; nil until it does
		queue  queue
		closed bool
		asleep bool // no goroutine has the connection: whoever takes this back starts one
		// securing: the handshake of TLS is going on, and has the deadlines.
		securing bool
		reason   Reason
		stop     time.Time
		said     *wire.Connect // as connect
		user     string
		ping     pinger
		endLife  context.CancelFunc // nil without life
	}
}

// slowFlags says what a publish needs beyond the plain case. Zero is plain.
type slowFlags uint8

const (
	slowVerbose slowFlags = 1 << iota
	slowPedantic
	slowNoResponders
	slowTrace
	slowRights // not everything may be published
	slowMapped // the account gives subjects another name
	slowHooks  // hooks of the account are asked about messages
)

// slowLightly are the flags that leave a publish on the short way.
const slowLightly = slowRights | slowMapped

// slowOthers are those that do not come from CONNECT; see equip.
const slowOthers = slowTrace | slowRights | slowMapped | slowHooks

// slowAnswers are those for which a message that is published needs more than
// delivery.
const slowAnswers = slowVerbose | slowPedantic | slowNoResponders | slowTrace

// New returns a client on nc, which came in by an entrance and presented p. The
// caller runs Serve, or else closes nc.
func New(env *Env, by *Entrance, nc net.Conn, p Presented, id uint64) *Client {
	c := &Client{
		ID: id, Start: time.Now(), env: env, by: by, nc: nc, presented: p,
		limits: by.limits(env.Limits.Load()),
		slow:   slowVerbose | slowPedantic, // as long as CONNECT does not say otherwise
		bed:    -1,
	}
	if c.ip, c.port = peer(nc); p.IP != "" {
		c.ip = p.IP
	}
	_, c.unix = nc.(*net.UnixConn)
	c.log = env.Log
	c.src, c.out = newSource(c, nc)
	c.Ordinal = env.Ordinals.Take()
	c.Sink = c
	c.NoHeaders = true // until CONNECT says otherwise
	c.rights.Store(newRights(c.limits, nil))
	c.lastActive.Store(c.Start.UnixNano())
	c.lastData.Store(c.Start.UnixNano())
	if env.Tracing.Load() {
		c.slow |= slowTrace
	}
	return c
}

// peer returns the address of the other end, which only TCP has.
func peer(nc net.Conn) (ip string, port int) {
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return a.IP.String(), a.Port
	}
	return "", 0
}

// where says in words where a connection without an address comes from.
func (c *Client) where() string {
	if c.unix {
		return "unix"
	}
	return "pipe"
}

// String names the connection as nats-server's log lines do.
func (c *Client) String() string {
	if c.port == 0 {
		return fmt.Sprintf("%s - cid:%d", c.where(), c.ID)
	}
	return fmt.Sprintf("%s - cid:%d", net.JoinHostPort(c.ip, fmt.Sprint(c.port)), c.ID)
}

// Serve greets the peer and runs its commands. A connection that is not
// admitted is told why and closed. Serve returns when the connection has ended,
// or goes to sleep; [Host.Closed] tells which.
func (c *Client) Serve(refused *wire.Error) {
	deepen(0)
	c.attend(func() (asleep bool) { return c.greet(refused) && c.loop() })
}

// deepen has the goroutine's stack grow. Decoding a CONNECT needs more than a new
// goroutine has: to grow where there is nothing to move yet costs less than deep in
// the decoder.
//
//go:noinline
func deepen(i int) byte {
	var room [4 << 10]byte
	return room[i]
}

// attend is what a goroutine does for a connection: whatever happens meanwhile,
// the connection ends with it, unless serve reports that it sleeps and belongs
// to another goroutine.
func (c *Client) attend(serve func() (asleep bool)) {
	asleep := false
	defer func() {
		if p := recover(); p != nil {
			c.worker, c.in = nil, input{} // in an unknown state
			c.log.Error(fmt.Sprintf("%s - panic: %v\n%s", c, p, debug.Stack()))
			c.Close(InternalError)
		}
		if !asleep {
			c.finish()
		}
	}()
	asleep = serve()
}

// greet says who the server is, and reports whether the connection is admitted.
func (c *Client) greet(refused *wire.Error) bool {
	if c.env.Tracing.Load() || c.log.Core().Enabled(zap.DebugLevel) {
		c.log.Debug(c.String() + " - Client connection created")
	}
	door := c.by.tls.Load()
	if door != nil && refused == nil && !c.secure((*door).BeforeInfo) {
		return false
	}
	greeting := c.by.Greeting.Load()
	if door != nil && c.presented.TLS != nil {
		c.mu.Lock()
		c.presented.tlsFirst = true
		c.mu.Unlock()
		if t := c.by.GreetingTLS.Load(); t != nil {
			greeting = t
		}
	}
	if c.by.Nonce.Load() {
		c.nonce = string(auth.NewNonce())
	}
	c.Submit(&interest.Staged{Data: greeting.Append(nil, c.own())})
	if refused != nil {
		c.Fail(refused)
		return false
	}
	if door != nil && c.presented.TLS == nil && !c.secure((*door).AfterInfo) {
		return false
	}
	a := c.env.Host.Anonymous(c)
	c.mustAuth = a == nil || a.Late
	if !c.mustAuth && !c.admit(a) {
		return false
	}
	c.startTimers()
	return true
}

// admit makes the connection what it was admitted as, and reports whether its
// account has room for it.
func (c *Client) admit(a *Admission) bool {
	if !c.bind(a.Account) {
		c.env.Failures.Error(fmt.Sprintf("%s - %s: account %q", c, wire.ErrAccountConnections.Text, a.Account.Name))
		c.Fail(wire.ErrAccountConnections)
		return false
	}
	c.mu.Lock()
	c.becomeLocked(newRights(c.limits, a.Identity))
	c.mu.Unlock()
	c.env.Host.Admitted(c, a)
	c.equip()
	return true
}

// own returns what an INFO says of the connection.
func (c *Client) own() *wire.Own {
	o := &wire.Own{ID: c.ID, IP: c.ip, Nonce: c.nonce, MaxPayload: c.rights.Load().maxPayload}
	if a := c.account.Load(); a != nil {
		o.Account, o.System = a.Name, a.IsSystem
	}
	return o
}

// Nonce returns what the connection was asked to sign; "" if nothing was.
func (c *Client) Nonce() string { return c.nonce }

// Type returns the way of the connection; see [Entrance].
func (c *Client) Type() string { return c.by.Type }

// Presented returns what came with the connection.
func (c *Client) Presented() *Presented { return &c.presented }

// IP returns the address of the peer's socket, whatever a header says that anybody
// can write; "" for a connection that has none.
func (c *Client) IP() string {
	ip, _ := peer(c.nc)
	return ip
}

// loop is the read loop. It returns when the connection has ended, or reports
// that it has gone to sleep.
func (c *Client) loop() (asleep bool) {
	c.env.Dormitory.rise(c)
	for !c.Gone.Load() {
		err := c.src.fill()
		switch {
		case err == nil:
			c.process()
		case errors.Is(err, os.ErrDeadlineExceeded) && !c.Gone.Load():
			if c.sleep() {
				return true
			}
		default:
			c.release() // its own answers too, which a closed connection does not take
			c.Close(readReason(err))
			return false
		}
	}
	return false
}

// Close ends the connection for a reason that the peer is not told. The first
// reason stays. It does not wait.
func (c *Client) Close(r Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked(r)
}

func (c *Client) closeLocked(r Reason) {
	if c.mu.closed {
		return
	}
	c.mu.closed, c.mu.reason, c.mu.stop = true, r, time.Now()
	c.Gone.Store(true)
	if c.mu.endLife != nil {
		c.mu.endLife() // ends what hooks are asked
	}
	c.mu.ping.stopLocked()
	q := &c.mu.queue
	if r.abrupt() {
		q.drop()
		q.release()
		_ = c.nc.SetWriteDeadline(past)
	} else if q.writing {
		_ = c.nc.SetWriteDeadline(time.Now().Add(lastWrite))
	}
	if c.mu.securing {
		_ = c.nc.Close() // ends the handshake
	}
	_ = c.nc.SetReadDeadline(past) // ends the read loop, which closes the socket
	c.wakeLocked()
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

const (
	// lastWrite is how long a connection that is being closed may take for
	// what is queued for it.
	lastWrite = time.Second
	// linger is how long, and lingerBytes how much, a peer that was told of
	// its fault may go on sending: closing a socket with unread input would
	// destroy the -ERR on its way.
	linger      = 250 * time.Millisecond
	lingerBytes = 4 << 20
)

// Fail tells the peer of a fault, from any goroutine, and closes the
// connection.
func (c *Client) Fail(e *wire.Error) {
	c.Submit(&interest.Staged{Data: wire.AppendError(nil, e)})
	c.Close(reasonOf(e))
}

// finish takes the connection apart. It runs in the read loop's goroutine.
func (c *Client) finish() {
	c.release()
	c.in.drop()
	c.src.drop()
	c.Close(ClientClosed)
	final := c.Snapshot()
	final.Subs = c.subscriptions(maxFinalSubs)
	c.tellEnd(final.Reason)
	if a := c.account.Load(); a != nil {
		c.dropSubs(a)
		a.Leave()
	}
	c.awaitWriter()
	if ws, ok := c.nc.(closer); ok {
		ws.SetCloseStatus(final.Reason.status(), string(final.Reason))
	}
	c.say(final.Reason)
	c.env.Dormitory.forget(c)
	_ = c.nc.Close()
	c.env.Ordinals.Give(c.Ordinal)
	c.env.Host.Closed(c, final)
}

// say logs the end, and lets a peer that was told of a fault read it.
func (c *Client) say(r Reason) {
	switch r {
	case ProtocolViolation, MaxControlLine, MaxPayload, AuthFailure, AuthTimeout,
		BadProtocol, NoRespondersNeeds, StaleConnection, MaxConnections,
		MaxAccountConnections, AuthExpired, Revoked:
		c.lingerOn()
	}
	switch r {
	case SlowConsumerPending:
		c.log.Info(fmt.Sprintf("%s - Slow Consumer Detected: MaxPending of %d Exceeded", c, c.limits.MaxPending))
	case SlowConsumerDeadline:
		c.log.Info(fmt.Sprintf("%s - Slow Consumer Detected: WriteDeadline of %s exceeded", c, c.limits.WriteDeadline))
	}
	if c.log.Core().Enabled(zap.DebugLevel) {
		c.log.Debug(fmt.Sprintf("%s - Client connection closed: %s", c, r))
	}
}

// closer is a connection with a farewell of its own: a WebSocket.
type closer interface {
	// SetCloseStatus sets what the peer is told when the connection is closed, a
	// status of RFC 6455 §7.4.1 and a text.
	SetCloseStatus(status int, text string)
}

// lingerOn closes the writing half, so that the peer reads what was said.
func (c *Client) lingerOn() {
	socket := below(c.nc)
	if socket != c.nc {
		if t, ok := c.nc.(halfCloser); !ok || t.CloseWrite() != nil {
			return
		}
	}
	half, ok := socket.(halfCloser)
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = socket.SetReadDeadline(time.Now().Add(linger))
	swallow(socket)
}

// halfCloser is a connection whose writing half can be closed.
type halfCloser interface{ CloseWrite() error }

// swallow reads and drops what the peer sends, up to the read deadline.
func swallow(nc net.Conn) {
	buf := getBuffer()
	defer putBuffer(buf)
	for left := lingerBytes; left > 0; {
		n, err := nc.Read(*buf)
		if err != nil {
			return
		}
		left -= n
	}
}

// Reason returns why the connection ended, or "" while it has not.
func (c *Client) Reason() Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.reason
}

// bind puts the connection into an account, and reports whether there is room.
func (c *Client) bind(a *account.Account) bool {
	old := c.account.Load()
	if old == a {
		return true
	}
	if !a.Enter() {
		return false
	}
	c.account.Store(a)
	if old != nil {
		old.Leave()
	}
	if c.worker != nil {
		c.ctx.Rebind(a.Index)
	}
	return true
}

// index returns the interest index of the account, or nil.
func (c *Client) index() *interest.Index {
	if a := c.account.Load(); a != nil {
		return a.Index
	}
	return nil
}

// heed sets what CONNECT decides for the publishes of the connection.
func (c *Client) heed(said *wire.Connect) {
	c.connect = said
	c.slow &= slowOthers
	if said.Verbose {
		c.slow |= slowVerbose
	}
	if said.Pedantic {
		c.slow |= slowPedantic
	}
	if said.NoResponders {
		c.slow |= slowNoResponders
	}
}

// Inform sends the server's INFO to a client that takes it at any time, when
// something in it has changed.
func (c *Client) Inform() {
	if c.async.Load() {
		c.Submit(&interest.Staged{Data: c.by.Notice.Load().Append(nil, c.own())})
	}
}
