package reuse

import "sync"

// Kept is how many objects a [List] holds for good: a few more than are in use
// at one time on a small machine. On a large one the pool serves the rest.
const Kept = 8

// List hands out objects of one type. The zero value is an empty list, safe for
// concurrent use.
type List[T any] struct {
	pool sync.Pool

	// mu is never waited for: who finds it taken turns to the pool.
	mu   sync.Mutex
	kept [Kept]*T
	n    int
}

// Get returns an object that was put back, or nil.
func (l *List[T]) Get() *T {
	if l.mu.TryLock() {
		if l.n > 0 {
			l.n--
			v := l.kept[l.n]
			l.kept[l.n] = nil
			l.mu.Unlock()
			return v
		}
		l.mu.Unlock()
	}
	v, _ := l.pool.Get().(*T)
	return v
}

// Put gives v to a later Get. The caller no longer uses it.
func (l *List[T]) Put(v *T) {
	if l.mu.TryLock() {
		if l.n < Kept {
			l.kept[l.n] = v
			l.n++
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
	}
	l.pool.Put(v)
}
