package server

import "moonwire/server/conn"

// maxClosed is how many ended connections monitoring remembers.
const maxClosed = 10000

// closedRing remembers the connections that ended last. Guarded by Server.mu.
type closedRing struct {
	list []conn.Snapshot
	next int // where the oldest is, once the ring is full
}

func (r *closedRing) add(s conn.Snapshot) {
	if len(r.list) < maxClosed {
		r.list = append(r.list, s)
		return
	}
	r.list[r.next] = s
	r.next = (r.next + 1) % maxClosed
}

// find returns the connection with an id, or nil. It must not be changed.
func (r *closedRing) find(id uint64) *conn.Snapshot {
	for i := range r.list {
		if r.list[i].ID == id {
			return &r.list[i]
		}
	}
	return nil
}

// all returns them, oldest first.
func (r *closedRing) all() []conn.Snapshot {
	return append(append([]conn.Snapshot(nil), r.list[r.next:]...), r.list[:r.next]...)
}
