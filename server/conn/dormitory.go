package conn

import (
	"errors"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// restless is how long a connection is silent before it goes to sleep.
	restless = 2 * time.Second
	// rounds of the dormitory are this far apart.
	everyRound = time.Second
	// rush is how many connections go to sleep until the memory that they gave
	// up is returned to the system: that takes a garbage collection, and so
	// happens at most once in restBetween.
	rush        = 500
	restBetween = time.Minute
)

// Dormitory is where silent connections sleep: without a goroutine, whose stack
// would be most of the memory of a connection that does nothing. One goroutine
// watches the sockets of all that sleep, and one wakes that has input.
// Delivery does not wake a connection, as it writes from the publisher's
// goroutine.
//
// A nil Dormitory is one in which nobody sleeps. All methods are safe for
// concurrent use.
type Dormitory struct {
	sockets sleepPoll // immutable
	after   time.Duration
	round   time.Duration
	done    chan struct{} // closed when the watching goroutine has ended

	mu struct {
		sync.Mutex
		awake  []*Client // each knows its place
		asleep []*Client // by descriptor
		timer  *time.Timer
		closed bool
		fell   int       // asleep since released
		last   time.Time // when memory was released
	}
}

// sleepPoll watches sockets for input, an end or an error.
type sleepPoll interface {
	// arm watches fd for one event. again says that it was armed before.
	arm(fd int, again bool) error
	// wait calls report for each descriptor with an event, until close.
	wait(report func(fd int))
	close()
}

// NewDormitory opens a dormitory; Close closes it. It returns nil where the
// system has no means to watch sockets: then every connection keeps its
// goroutine.
func NewDormitory() (*Dormitory, error) { return newDormitory(restless, everyRound) }

func newDormitory(after, round time.Duration) (*Dormitory, error) {
	sockets, err := newSleepPoll()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d := &Dormitory{sockets: sockets, after: after, round: round, done: make(chan struct{})}
	d.mu.timer = time.AfterFunc(round, d.makeRound)
	d.mu.timer.Stop()
	go func() {
		defer close(d.done)
		sockets.wait(d.rouse)
	}()
	return d, nil
}

// Close ends the dormitory, in which nobody may sleep any more.
func (d *Dormitory) Close() {
	if d == nil {
		return
	}
	d.mu.Lock()
	d.mu.closed = true
	d.mu.timer.Stop()
	d.mu.Unlock()
	d.sockets.close()
	<-d.done
}

// Asleep returns how many connections sleep.
func (d *Dormitory) Asleep() int {
	if d == nil {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, c := range d.mu.asleep {
		if c != nil && c.sleeping() {
			n++
		}
	}
	return n
}

// rise takes c among those that are awake.
func (d *Dormitory) rise(c *Client) {
	if d == nil || c.src.descriptor() < 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.bed >= 0 || d.mu.closed {
		return
	}
	c.bed = len(d.mu.awake)
	d.mu.awake = append(d.mu.awake, c)
	if c.bed == 0 {
		d.mu.timer.Reset(d.round)
	}
}

// leaveLocked takes c from among those that are awake.
func (d *Dormitory) leaveLocked(c *Client) {
	if c.bed < 0 {
		return
	}
	last := len(d.mu.awake) - 1
	moved := d.mu.awake[last]
	d.mu.awake[c.bed], moved.bed = moved, c.bed
	d.mu.awake[last] = nil
	d.mu.awake = d.mu.awake[:last]
	c.bed = -1
	if cap(d.mu.awake) > 1024 && last < cap(d.mu.awake)/4 {
		d.mu.awake = append(make([]*Client, 0, cap(d.mu.awake)/2), d.mu.awake...)
	}
}

// makeRound sends to bed who has been silent for long.
func (d *Dormitory) makeRound() {
	now := time.Now()
	before := now.Add(-d.after).UnixNano()
	var tired []*Client
	d.mu.Lock()
	for i := len(d.mu.awake) - 1; i >= 0; i-- {
		if c := d.mu.awake[i]; c.lastActive.Load() < before {
			d.leaveLocked(c)
			tired = append(tired, c)
		}
	}
	// Not before the rush is over: who goes to bed now has not left it yet.
	release := d.mu.fell >= rush && len(tired) <= d.mu.fell/16 && now.Sub(d.mu.last) >= restBetween
	if release {
		d.mu.fell, d.mu.last = 0, now
	}
	d.mu.fell += len(tired)
	if (len(d.mu.awake) > 0 || d.mu.fell >= rush) && !d.mu.closed {
		d.mu.timer.Reset(d.round)
	}
	d.mu.Unlock()
	for _, c := range tired {
		c.tire()
	}
	if release {
		debug.FreeOSMemory()
	}
}

// watch has c woken by the next event of its socket. From then on it may be
// awake at any time. again says that it slept before.
func (d *Dormitory) watch(c *Client, again bool) error {
	fd := c.src.descriptor()
	d.mu.Lock()
	for len(d.mu.asleep) <= fd {
		d.mu.asleep = append(d.mu.asleep, nil)
	}
	d.mu.asleep[fd] = c
	d.mu.Unlock()
	return d.sockets.arm(fd, again)
}

// rouse wakes whoever sleeps with a descriptor.
func (d *Dormitory) rouse(fd int) {
	d.mu.Lock()
	var c *Client
	if fd < len(d.mu.asleep) {
		c = d.mu.asleep[fd]
	}
	d.mu.Unlock()
	if c != nil {
		c.wake()
	}
}

// forget lets go of c, whose socket is about to be closed.
func (d *Dormitory) forget(c *Client) {
	fd := c.src.descriptor()
	if d == nil || fd < 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leaveLocked(c)
	if fd < len(d.mu.asleep) && d.mu.asleep[fd] == c {
		d.mu.asleep[fd] = nil
	}
}

// tire asks the read loop of c to go to bed.
func (c *Client) tire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.closed {
		_ = c.nc.SetReadDeadline(past)
	}
}

// sleep puts the connection to bed, if it has one, and reports whether the
// caller no longer has it: then another goroutine may run it already. It is
// called by the read loop when its read deadline is over, and takes that back.
func (c *Client) sleep() bool {
	d := c.env.Dormitory
	if d == nil || c.src.descriptor() < 0 {
		return false
	}
	c.release()
	c.in.park()
	c.mu.Lock()
	if c.mu.closed {
		c.mu.Unlock()
		return false
	}
	_ = c.nc.SetReadDeadline(time.Time{})
	c.forgetHooksLocked()
	c.mu.asleep = true
	again := c.slept
	c.slept = true
	c.mu.Unlock()
	if d.watch(c, again) == nil {
		return true
	}
	c.mu.Lock()
	woken := !c.mu.asleep // by Close
	c.mu.asleep = false
	c.mu.Unlock()
	if !woken {
		c.slept = again
		d.rise(c)
	}
	return woken
}

// wake gives a connection that sleeps a goroutine.
func (c *Client) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wakeLocked()
}

func (c *Client) wakeLocked() {
	if c.mu.asleep {
		c.mu.asleep = false
		go c.attend(c.loop)
	}
}

// sleeping reports whether the connection has no goroutine.
func (c *Client) sleeping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.asleep
}
