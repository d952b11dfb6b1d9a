//go:build linux

package load

import (
	"fmt"
	"strconv"

	"moonwire/cmd/moonbench/internal/scenario"
)

// churnHeld is how many of its subscriptions a churner keeps before it ends
// the oldest.
const churnHeld = 64

// churner subscribes and unsubscribes to a schedule, beside the load.
type churner struct {
	silent
	conn     *conn
	wild     bool
	interval int64 // ns between two SUBs
	n        uint64
}

// step implements worker.
func (k *churner) step(now int64, ph phase) (bool, int64, error) {
	if ph >= draining {
		return false, never, nil
	}
	c := k.conn
	if !c.idle() {
		return false, never, nil
	}
	for ; int64(k.n)*k.interval <= now; k.n++ {
		c.out = append(c.out, "SUB "...)
		c.out = appendChurned(c.out, k.n, k.wild)
		c.out = append(c.out, ' ')
		c.out = strconv.AppendUint(c.out, k.n+1, 10)
		c.out = append(c.out, crlf...)
		if k.n >= churnHeld {
			c.out = append(c.out, "UNSUB "...)
			c.out = strconv.AppendUint(c.out, k.n+1-churnHeld, 10)
			c.out = append(c.out, crlf...)
		}
	}
	return false, int64(k.n) * k.interval, named(c, c.flush())
}

// appendChurned appends the n-th subject that comes and goes. The wildcards
// could match the subjects in use by their length and first token, but do not.
func appendChurned(b []byte, n uint64, wild bool) []byte {
	if wild {
		b = append(b, "bench.*.x"...)
	} else {
		b = append(b, "bench.churn.x"...)
	}
	return strconv.AppendUint(b, n%10_000, 10)
}

func newChurner(s *scenario.Scenario) *churner {
	return &churner{wild: s.ChurnKind == scenario.ChurnWildcard, interval: 1e9 / int64(s.Churn)}
}

// background is the SUB lines of subscriptions that nobody publishes to: every
// step-th one from first on, below n.
func background(first, step, n, firstSid int) []byte {
	var b []byte
	for i := first; i < n; i += step {
		b = fmt.Appendf(b, "SUB bench.idle.%0*d %d\r\n", subjectDigits, i, firstSid)
		firstSid++
	}
	return b
}
