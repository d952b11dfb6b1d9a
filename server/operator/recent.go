package operator

import (
	"container/list"
	"crypto/sha256"
)

// hash is the SHA-256 of a JWT, so that none is kept for a look-up.
type hash = [sha256.Size]byte

// recent keeps the users that were let in last, as many as there is room for.
// The owner guards it.
type recent struct {
	room  int       // in bytes, by the costs that put is told
	order list.List // of *kept, the latest first
	index map[hash]*list.Element
}

type kept struct {
	hash hash
	user *user
	cost int
}

func newRecent(room int) *recent {
	return &recent{room: room, index: make(map[hash]*list.Element)}
}

// get returns the user of a JWT, nil if it is not kept.
func (r *recent) get(h hash) *user {
	e := r.index[h]
	if e == nil {
		return nil
	}
	r.order.MoveToFront(e)
	return e.Value.(*kept).user
}

// put keeps u, in place of the users that were not seen for the longest time. One
// that costs more than there is room for is not kept.
func (r *recent) put(h hash, u *user, cost int) {
	r.drop(h)
	r.index[h] = r.order.PushFront(&kept{h, u, cost})
	for r.room -= cost; r.room < 0; {
		r.drop(r.order.Back().Value.(*kept).hash)
	}
}

// drop forgets the user of a JWT.
func (r *recent) drop(h hash) {
	if e := r.index[h]; e != nil {
		r.room += r.order.Remove(e).(*kept).cost
		delete(r.index, h)
	}
}
