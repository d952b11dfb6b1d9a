//go:build linux

package load

import (
	"sync/atomic"
	"time"
)

// burstPeriod is how often a paced publisher writes what is due.
const burstPeriod = 100 * time.Microsecond

// stream is the flow of one publisher: numbered messages in chunks, of which
// at most ring may be under way.
type stream struct {
	id    uint32
	chunk uint64         // messages in a chunk; immutable
	need  int32          // how often a chunk must be counted until it has arrived; immutable
	done  []atomic.Int32 // chunk c counts in done[c%len]
	owner *loop          // the publisher's loop; immutable

	published atomic.Uint64 // numbers below it are published, or being written
	blocked   atomic.Bool   // the publisher waits for room
	low       uint64        // first chunk that has not arrived; owner only

	// Paced streams: a burst of messages is due each period, the first at
	// start, in ns since the session's epoch. period is 0 if the stream is not
	// paced. Immutable.
	start, period int64
	burst         uint64
}

// count adds n to the count of a chunk: one for each receiver that has passed
// it, or for each message in a queue group. from is the calling loop.
func (s *stream) count(from *loop, chunk uint64, n int32) {
	if s.done[chunk%uint64(len(s.done))].Add(n) == s.need && s.blocked.Swap(false) && from != s.owner {
		s.owner.poller.Wake() // within one loop the publisher's turn comes anyway
	}
}

// room returns up to which number the publisher may go. Owner only.
func (s *stream) room() uint64 {
	ring := uint64(len(s.done))
	for {
		slot := &s.done[s.low%ring]
		if slot.Load() != s.need {
			return (s.low + ring) * s.chunk
		}
		slot.Store(0)
		s.low++
	}
}

// dueAt is when message n is to be sent, in ns since the session's epoch.
func (s *stream) dueAt(n uint64) int64 { return s.start + int64(n/s.burst)*s.period }

// dueBy is how many messages are to be sent by now.
func (s *stream) dueBy(now int64) uint64 {
	if now < s.start {
		return 0
	}
	return (uint64((now-s.start)/s.period) + 1) * s.burst
}

// pace gives stream i of n its share of a rate in messages a second. Unless
// each message is to be a write of its own, those of one burstPeriod go
// together, as from a client that flushes now and then.
func (s *stream) pace(rate, i, n int, unbatched bool) {
	s.burst = 1
	if !unbatched {
		s.burst = max(1, uint64(rate)*uint64(burstPeriod)/uint64(n)/1e9)
	}
	s.period = max(1, int64(n)*int64(s.burst)*1e9/int64(rate))
	s.start = s.period * int64(i) / int64(n)
}

func makeCounters(n int) []atomic.Int32 { return make([]atomic.Int32, n) }
