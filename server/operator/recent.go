package operator

import (
	"container/list"
	"crypto/sha256"
)

// hash is the SHA-256 of a JWT, so that none is kept for a look-up.
type hash = [sha256.Size]byte

// recent keeps the users that were let in last. The owner guards it.
type recent struct {
	size  int
	order list.List // of *kept, the latest first
	index map[hash]*list.Element
}

type kept struct {
	hash hash
	user *user
}

func newRecent(size int) *recent {
	return &recent{size: size, index: make(map[hash]*list.Element)}
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

// put keeps u, in place of the user that was not seen for the longest time.
func (r *recent) put(h hash, u *user) {
	if e := r.index[h]; e != nil {
		e.Value.(*kept).user = u
		r.order.MoveToFront(e)
		return
	}
	if len(r.index) >= r.size {
		last := r.order.Back()
		delete(r.index, last.Value.(*kept).hash)
		r.order.Remove(last)
	}
	r.index[h] = r.order.PushFront(&kept{h, u})
}

// drop forgets the user of a JWT.
func (r *recent) drop(h hash) {
	if e := r.index[h]; e != nil {
		r.order.Remove(e)
		delete(r.index, h)
	}
}
