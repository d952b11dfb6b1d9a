//go:build linux

package load

import (
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"moonwire/cmd/moonbench/internal/poll"
)

// phase is what a session is doing. Phases only go forward.
type phase int32

const (
	warming   phase = iota // load runs, nothing is recorded
	measuring              // load runs, latencies are recorded
	draining               // nothing new is published
	probing                // receivers have sent a PING to flush out late duplicates
	quitting               // loops end
)

// Latencies are kept from 1 µs to a minute with three significant digits.
const (
	lowestLatency  = int64(time.Microsecond)
	highestLatency = int64(time.Minute)
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(lowestLatency, highestLatency, 3)
}

// never is a time that does not come.
const never = math.MaxInt64

// worker is a role that acts on its own: a publisher, a churner.
type worker interface {
	// step does what can be done now. It returns ready if there is more to do
	// at once, or else when it wants to be called again even if nothing comes
	// from the server: ns since the session's epoch, or never.
	step(now int64, ph phase) (ready bool, due int64, err error)
}

// shared is what the loops and the session have in common.
type shared struct {
	epoch   time.Time // immutable
	phase   atomic.Int32
	pongs   atomic.Int64  // answers to probes
	odd     atomic.Bool   // some receiver saw an anomaly
	trouble chan struct{} // signals odd; capacity 1
	acks    chan phase    // each loop says which phase it has entered; never full
}

// since is the time in ns since the session's epoch.
func (s *shared) since() int64 { return int64(time.Since(s.epoch)) }

// flag tells the session that a stream is not what it should be. The run goes
// on without new messages, so that the report is complete.
func (s *shared) flag() {
	if s.odd.Swap(true) {
		return
	}
	select {
	case s.trouble <- struct{}{}:
	default:
	}
}

// loop is one goroutine with its share of the connections. Its fields belong
// to that goroutine once it runs, except where noted.
type loop struct {
	shared  *shared // immutable
	poller  *poll.Poller
	conns   []*conn // by token
	workers []worker
	probed  []*conn // receivers, which get a PING in the end
	buf     []byte  // one read buffer for all connections
	sealed  []byte  // one for ciphertext; nil without TLS

	now      int64 // ns since the epoch, taken when Wait returned
	ph       phase
	units    int64        // counted by the roles
	total    atomic.Int64 // units, for the session
	latency  *hdrhistogram.Histogram
	late     *hdrhistogram.Histogram // of paced writes
	timerFor int64                   // what the timer is set to

	progress int64 // when units last changed
	stall    int64 // longest time between two changes in the measured window
}

func newLoop(sh *shared, bufSize int) (*loop, error) {
	p, err := poll.New()
	if err != nil {
		return nil, err
	}
	return &loop{
		shared: sh, poller: p, buf: make([]byte, bufSize),
		latency: newHistogram(), late: newHistogram(), timerFor: never,
	}, nil
}

// add gives the loop a connection, before the loop runs or from within.
func (l *loop) add(c *conn) error {
	c.loop = l
	c.token = int32(len(l.conns))
	l.conns = append(l.conns, c)
	return l.poller.Add(c.fd, c.token, poll.Read)
}

// close ends all connections of a loop that does not run.
func (l *loop) close() {
	for _, c := range l.conns {
		c.close()
	}
	l.poller.Close()
}

// run serves the connections until the phase is quitting.
func (l *loop) run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, c := range l.conns {
		if err := l.feedRest(c); err != nil {
			return err
		}
	}
	for {
		if ph := phase(l.shared.phase.Load()); ph != l.ph {
			l.ph = ph
			if err := l.enter(ph); err != nil {
				return err
			}
			if ph == quitting {
				return nil
			}
		}
		ready, err := l.work()
		if err != nil {
			return err
		}
		events, err := l.poller.Wait(!ready)
		if err != nil {
			return err
		}
		l.now = l.shared.since()
		for i := range events {
			if err := l.handle(&events[i]); err != nil {
				return err
			}
		}
		l.publishUnits()
	}
}

// publishUnits tells the session what was counted in this round.
func (l *loop) publishUnits() {
	if l.units == l.total.Load() {
		return
	}
	l.total.Store(l.units)
	if l.ph == measuring {
		l.stall = max(l.stall, l.now-l.progress)
	}
	l.progress = l.now
}

// feedRest handles what the handshake has read too much.
func (l *loop) feedRest(c *conn) error {
	rest, err := c.consume(c.tail)
	c.tail = append([]byte(nil), rest...)
	if err == nil && len(c.out) > 0 {
		err = c.flush()
	}
	return named(c, err)
}

// enter does what belongs to the beginning of a phase.
func (l *loop) enter(ph phase) error {
	switch ph {
	case measuring:
		l.progress = l.shared.since()
	case draining:
		if l.units > 0 {
			l.stall = max(l.stall, l.shared.since()-l.progress)
		}
	case probing:
		for _, c := range l.probed {
			c.out = append(c.out, pingLine...)
			if err := c.flush(); err != nil {
				return named(c, err)
			}
		}
	}
	l.shared.acks <- ph
	return nil
}

// work lets each worker act and sets the timer for the next one.
func (l *loop) work() (ready bool, err error) {
	due := int64(never)
	l.now = l.shared.since()
	for _, w := range l.workers {
		again, at, err := w.step(l.now, l.ph)
		if err != nil {
			return false, err
		}
		ready = ready || again
		due = min(due, at)
	}
	if ready || due == never || due == l.timerFor && due > l.now {
		return ready, nil
	}
	l.timerFor = due
	return false, l.poller.Arm(time.Duration(due - l.now))
}

func (l *loop) handle(ev *poll.Event) error {
	c := l.conns[ev.Token]
	if c.closed {
		return nil
	}
	if ev.Writable {
		if err := c.flush(); err != nil {
			return named(c, err)
		}
	}
	if ev.Readable {
		return named(c, c.readable())
	}
	return nil
}

// record notes a latency if the window is being measured.
func (l *loop) record(ns int64) { l.recordIn(l.latency, ns) }

// recordLate notes how late a paced write is that was due at a time.
func (l *loop) recordLate(due int64) { l.recordIn(l.late, l.shared.since()-due) }

func (l *loop) recordIn(h *hdrhistogram.Histogram, ns int64) {
	if l.ph != measuring {
		return
	}
	// The value is within the histogram's range, so that there is no error.
	_ = h.RecordValue(min(max(ns, lowestLatency), highestLatency))
}

// named says which connection an error is about.
func named(c *conn, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", c.name, err)
}
