//go:build linux

package poll

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Interest is what a file descriptor is watched for. Hang-ups and errors are
// always reported.
type Interest uint32

// What can be watched for.
const (
	Nothing Interest = 0
	Read    Interest = unix.EPOLLIN
	Write   Interest = unix.EPOLLOUT
)

// maxEvents is how many descriptors one Wait reports at most.
const maxEvents = 1024

const (
	wakeToken  = -1
	timerToken = -2
)

// Event is what Wait found for one descriptor.
type Event struct {
	Token    int32 // as given to Add
	Readable bool  // data, the end of the stream or an error can be read
	Writable bool
	Failed   bool // error or hang-up
}

// Poller waits for many descriptors at once.
type Poller struct {
	ep, wake, timer int // descriptors; immutable
	raw             []unix.EpollEvent
	events          []Event // what Wait returned last
}

// New returns a Poller that watches nothing yet. Close it after use.
func New() (*Poller, error) {
	p := &Poller{ep: -1, wake: -1, timer: -1, raw: make([]unix.EpollEvent, maxEvents)}
	var err error
	if p.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("creating epoll: %w", err)
	}
	if p.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		p.Close()
		return nil, fmt.Errorf("creating eventfd: %w", err)
	}
	if p.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		p.Close()
		return nil, fmt.Errorf("creating timerfd: %w", err)
	}
	for fd, token := range map[int]int32{p.wake: wakeToken, p.timer: timerToken} {
		if err := p.Add(fd, token, Read); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p, nil
}

// Close releases the Poller's own descriptors, not those that were added.
func (p *Poller) Close() {
	for _, fd := range []int{p.ep, p.wake, p.timer} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// Add watches fd. Events carry token, which must not be negative.
func (p *Poller) Add(fd int, token int32, in Interest) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, token, in)
}

// Modify changes what fd is watched for.
func (p *Poller) Modify(fd int, token int32, in Interest) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, token, in)
}

// Remove stops watching fd. Closing fd does the same.
func (p *Poller) Remove(fd int) error {
	return p.control(unix.EPOLL_CTL_DEL, fd, 0, Nothing)
}

func (p *Poller) control(op, fd int, token int32, in Interest) error {
	ev := unix.EpollEvent{Events: uint32(in), Fd: token}
	if err := unix.EpollCtl(p.ep, op, fd, &ev); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// Arm makes Wait return after d, which is rounded up to a nanosecond. A later
// Arm replaces an earlier one.
func (p *Poller) Arm(d time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(d), 1))}
	if err := unix.TimerfdSettime(p.timer, 0, &spec, nil); err != nil {
		return fmt.Errorf("arming timer: %w", err)
	}
	return nil
}

// Wait returns what is ready. If block is set and nothing is, it waits for the
// next event, the timer or a Wake. The slice is valid until the next Wait.
func (p *Poller) Wait(block bool) ([]Event, error) {
	timeout := 0
	if block {
		timeout = -1
	}
	n, err := unix.EpollWait(p.ep, p.raw, timeout)
	if errors.Is(err, unix.EINTR) {
		n, err = 0, nil
	}
	if err != nil {
		return nil, fmt.Errorf("epoll_wait: %w", err)
	}
	p.events = p.events[:0]
	for _, ev := range p.raw[:n] {
		switch ev.Fd {
		case wakeToken:
			clearCounter(p.wake)
		case timerToken:
			clearCounter(p.timer)
		default:
			p.events = append(p.events, Event{
				Token:    ev.Fd,
				Readable: ev.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0,
				Writable: ev.Events&unix.EPOLLOUT != 0,
				Failed:   ev.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0,
			})
		}
	}
	return p.events, nil
}

// Wake makes a Wait that is under way, or the next one, return. It may be
// called from any goroutine until Close.
func (p *Poller) Wake() {
	one := [8]byte{1} // on a big-endian machine another number, but not zero
	_, _ = unix.Write(p.wake, one[:])
}

func clearCounter(fd int) {
	var b [8]byte
	_, _ = unix.Read(fd, b[:]) // its only failure is that nothing is there
}
