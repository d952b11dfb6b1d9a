package sequence

import (
	"fmt"
	"sync/atomic"
)

// Unique checks that each number of a series 0, 1, 2 … arrives exactly once,
// at whichever member of a group. It is safe for concurrent use.
//
// It remembers the last window numbers. The caller must see to it that a
// number is published only when the one window before it has been accepted.
type Unique struct {
	slots    []atomic.Uint64 // slot n%window: last number accepted there, plus 1
	accepted atomic.Uint64
	twice    atomic.Uint64
	first    atomic.Pointer[string] // the first anomaly
}

// NewUnique returns a Unique for numbers of which at most window are under way
// at any time.
func NewUnique(window int) *Unique {
	return &Unique{slots: make([]atomic.Uint64, window)}
}

// Report returns the verdict on a stream of which the numbers below end were
// published. Disorder is each member's to report. Call it when nothing more
// can arrive.
func (u *Unique) Report(end uint64) Report {
	r := Report{Duplicated: u.twice.Load()}
	if p := u.first.Load(); p != nil {
		r.First = *p
	}
	if n := u.accepted.Load(); n < end {
		r.Lost = end - n
		if r.First == "" {
			r.First = fmt.Sprintf("%d of %d came", n, end)
		}
	}
	return r
}

// Member is one receiver's view of a Unique: what it gets may have gaps but
// must rise. It belongs to one goroutine.
type Member struct {
	group  *Unique // immutable
	next   uint64  // the lowest number that may come now
	report Report
}

// Member returns a new receiver of the group.
func (u *Unique) Member() Member { return Member{group: u} }

// Accept takes the number of a message that has arrived and reports whether it
// came for the first time, and in order.
func (m *Member) Accept(seq uint64) bool {
	u := m.group
	slot := &u.slots[seq%uint64(len(u.slots))]
	if slot.Swap(seq+1) > seq {
		u.twice.Add(1)
		u.note(fmt.Sprintf("number %d came twice", seq))
		return false
	}
	u.accepted.Add(1)
	if seq < m.next {
		m.report.Reordered++
		if m.report.First == "" {
			m.report.First = fmt.Sprintf("number %d after %d", seq, m.next-1)
		}
		return false
	}
	m.next = seq + 1
	return true
}

func (u *Unique) note(s string) { u.first.CompareAndSwap(nil, &s) }

// Report returns what was wrong with the order at this receiver.
func (m *Member) Report() Report { return m.report }
