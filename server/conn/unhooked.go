package conn

import (
	"hash/maphash"

	"moonwire/hooks"
)

// unhooked remembers subjects that concern no hook of a table, so that one look
// answers for all points of a message: the last one, and up to 64 others. What
// fits into a slot is remembered.
type unhooked struct {
	table *hooks.Table
	seed  maphash.Seed
	last  *subjectSlot // of the last one; nil for none
	slots [64]subjectSlot
}

type subjectSlot struct {
	len  uint8 // 0: free
	subj [63]byte
}

func (s *subjectSlot) is(subj []byte) bool {
	return s.len > 0 && string(s.subj[:s.len]) == string(subj)
}

// of forgets everything if the table is another one.
func (u *unhooked) of(t *hooks.Table) {
	if u.table != t {
		*u = unhooked{table: t, seed: maphash.MakeSeed()}
	}
}

// concerns reports whether a hook is to be asked about a message on subj.
func (u *unhooked) concerns(s *hooks.Session, subj []byte) bool {
	if u.last != nil && u.last.is(subj) {
		return false
	}
	slot := &u.slots[maphash.Bytes(u.seed, subj)%uint64(len(u.slots))]
	if !slot.is(subj) {
		if u.table.Wanted(s, hooks.AtRewrite, subj) || u.table.Wanted(s, hooks.AtPublish, subj) || u.table.Wanted(s, hooks.AtInspect, subj) {
			return true
		}
		if len(subj) > len(slot.subj) {
			return false
		}
		slot.len = uint8(copy(slot.subj[:], subj))
	}
	u.last = slot
	return false
}
