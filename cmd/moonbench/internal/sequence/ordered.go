package sequence

import "fmt"

// maxMissing bounds how many skipped numbers an Ordered remembers, to tell a
// late one from a duplicate.
const maxMissing = 1 << 16

// Ordered checks that first, first+stride, first+2*stride … arrive in this
// order. It belongs to one goroutine.
type Ordered struct {
	next    uint64 // the number expected now
	stride  uint64 // immutable
	first   uint64 // immutable
	missing map[uint64]struct{}
	report  Report
}

// NewOrdered returns an Ordered that expects first, then every stride-th
// number after it. stride must be positive.
func NewOrdered(first, stride uint64) Ordered {
	return Ordered{next: first, first: first, stride: stride}
}

// Next is the number expected now.
func (o *Ordered) Next() uint64 { return o.next }

// Accept takes the number of a message that has arrived and reports whether it
// is the expected one.
func (o *Ordered) Accept(seq uint64) bool {
	if seq == o.next {
		o.next += o.stride
		return true
	}
	o.unexpected(seq)
	return false
}

func (o *Ordered) unexpected(seq uint64) {
	if o.report.First == "" {
		o.report.First = fmt.Sprintf("number %d where %d was due", seq, o.next)
	}
	switch {
	case seq < o.first || (seq-o.first)%o.stride != 0:
		o.report.Foreign++
	case seq > o.next:
		if o.missing == nil {
			o.missing = make(map[uint64]struct{})
		}
		for n := o.next; n < seq; n += o.stride {
			if len(o.missing) == maxMissing {
				o.report.Lost += (seq - n) / o.stride
				break
			}
			o.missing[n] = struct{}{}
		}
		o.next = seq + o.stride
	default:
		if _, late := o.missing[seq]; late {
			delete(o.missing, seq)
			o.report.Reordered++
			return
		}
		o.report.Duplicated++
	}
}

// Report returns the verdict on a stream of which the numbers below end were
// published. Call it when nothing more can arrive.
func (o *Ordered) Report(end uint64) Report {
	r := o.report
	r.Lost += uint64(len(o.missing))
	if o.next < end {
		tail := (end-o.next-1)/o.stride + 1
		if r.First == "" {
			r.First = fmt.Sprintf("nothing came from number %d on", o.next)
		}
		r.Lost += tail
	}
	return r
}
