//go:build linux

package load

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moonwire/cmd/moonbench/internal/poll"
)

// newTestPublisher returns a publisher that writes into a socket with room for
// all of it, and a count of the bytes that have come out.
func newTestPublisher(t *testing.T, st *stream, unbatched bool) (*publisher, func() int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLoop(&shared{}, 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.close()
		poll.Close(fds[1])
	})
	c := &conn{name: "publisher", fd: fds[0], handler: silent{}}
	if err := l.add(c); err != nil {
		t.Fatal(err)
	}
	st.owner = l
	p := &publisher{
		conn: c, stream: st, unbatched: unbatched,
		block: newBlock(blockSpec{base: "a", payload: 16, count: int(st.chunk)}),
	}
	buf := make([]byte, 64<<10)
	return p, func() int {
		n, err := poll.ReadFrom(fds[1], buf)
		if err != nil {
			n = 0
		}
		return n / p.block.size
	}
}

// Late is what passes from when a message was due to its write, in the
// measured window of a paced run.
func TestPublisherLateness(t *testing.T) {
	t.Parallel()
	const late = 20 * time.Millisecond
	for _, tt := range []struct {
		name      string
		pace      int
		unbatched bool
		ph        phase
		writes    int64 // that are recorded
	}{
		{name: "paced", pace: 1000, ph: measuring, writes: 1},
		{name: "each on its own", pace: 1000, unbatched: true, ph: measuring, writes: 4},
		{name: "warming up", pace: 1000, ph: warming},
		{name: "at full speed", ph: measuring},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := &stream{chunk: 4, need: 1, done: makeCounters(1)}
			if tt.pace > 0 {
				st.pace(tt.pace, 0, 1, tt.unbatched)
			}
			p, _ := newTestPublisher(t, st, tt.unbatched)
			l := p.conn.loop
			l.ph = tt.ph
			l.shared.epoch = time.Now().Add(-late)
			if _, _, err := p.step(int64(late), tt.ph); err != nil || p.next != 4 {
				t.Fatalf("published %d, %v", p.next, err)
			}
			if got := l.late.TotalCount(); got != tt.writes {
				t.Fatalf("%d writes are recorded, want %d", got, tt.writes)
			}
			if tt.writes == 0 {
				return
			}
			// The last one recorded was due a millisecond after the one before.
			least := int64(late - time.Duration(tt.writes-1)*time.Millisecond)
			if got := l.late.Min(); got < least*99/100 || l.late.Max() < int64(late)*99/100 {
				t.Errorf("late by %v to %v, want at least %v", time.Duration(got), time.Duration(l.late.Max()), time.Duration(least))
			}
		})
	}
}

// step is one call and what must come of it.
type step struct {
	now   int64
	ready bool
	due   int64
	out   int // messages
}

func TestPublisherStep(t *testing.T) {
	t.Parallel()
	const ms = int64(1e6)
	for _, tt := range []struct {
		name      string
		pace      int
		unbatched bool
		steps     []step
		blocked   bool
	}{
		{
			name:    "at full speed until the window is full",
			steps:   []step{{0, true, never, 4}, {0, true, never, 4}, {0, false, never, 0}},
			blocked: true,
		},
		{
			name:  "to a schedule",
			pace:  1000,
			steps: []step{{0, false, ms, 1}, {ms / 2, false, ms, 0}, {ms, false, 2 * ms, 1}, {3*ms + 1, false, 4 * ms, 2}},
		},
		{
			// The window and not the clock ends this one: it must find out, or
			// no receiver would wake it.
			name:    "late, with a full window",
			pace:    1000,
			steps:   []step{{100 * ms, true, never, 4}, {100 * ms, true, never, 4}, {100 * ms, false, never, 0}},
			blocked: true,
		},
		{
			name: "late, each on its own", pace: 1000, unbatched: true,
			steps:   []step{{100 * ms, true, never, 8}, {100 * ms, false, never, 0}},
			blocked: true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := &stream{chunk: 4, need: 1, done: makeCounters(2)}
			if tt.pace > 0 {
				st.pace(tt.pace, 0, 1, tt.unbatched)
			}
			p, out := newTestPublisher(t, st, tt.unbatched)
			for i, want := range tt.steps {
				ready, due, err := p.step(want.now, measuring)
				if err != nil {
					t.Fatal(err)
				}
				if got := (step{want.now, ready, due, out()}); got != want {
					t.Errorf("step %d: got %+v, want %+v", i, got, want)
				}
			}
			if st.blocked.Load() != tt.blocked {
				t.Errorf("blocked = %v, want %v", !tt.blocked, tt.blocked)
			}
			if ready, due, err := p.step(1000*ms, draining); ready || due != never || err != nil || out() != 0 {
				t.Errorf("publishes while draining: %v, %v, %v", ready, due, err)
			}
		})
	}
}
