package hooks

import (
	"context"
	"sync"
)

// queue holds what is done off the connections' way, in order. It has a
// goroutine only while there is something to do.
type queue[T any] struct {
	most, mostBytes int // immutable

	mu struct {
		sync.Mutex
		items   []queued[T]
		bytes   int
		running bool
		closed  bool
		idle    chan struct{} // closed when a worker ends after close; nil before
	}
}

type queued[T any] struct {
	item  T
	bytes int
}

// init sets how many items may wait, and how many bytes; 0 bytes is no bound.
func (q *queue[T]) init(most, mostBytes int) { q.most, q.mostBytes = most, mostBytes }

// room reports whether an item of a size would be taken now, so that nobody
// copies what is then dropped.
func (q *queue[T]) room(bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.roomLocked(bytes)
}

func (q *queue[T]) roomLocked(bytes int) bool {
	return !q.mu.closed && len(q.mu.items) < q.most && (q.mostBytes == 0 || q.mu.bytes+bytes <= q.mostBytes)
}

// put leaves an item to be worked on, by a goroutine of the queue's own, and
// reports whether there was room. Work gets all that waits.
func (q *queue[T]) put(item T, bytes int, work func([]T)) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.roomLocked(bytes) {
		return false
	}
	q.mu.items = append(q.mu.items, queued[T]{item, bytes})
	q.mu.bytes += bytes
	if !q.mu.running {
		q.mu.running = true
		go q.run(work)
	}
	return true
}

func (q *queue[T]) run(work func([]T)) {
	var batch []T
	for {
		q.mu.Lock()
		if len(q.mu.items) == 0 {
			q.mu.running, q.mu.items = false, nil
			if q.mu.idle != nil {
				close(q.mu.idle)
			}
			q.mu.Unlock()
			return
		}
		clear(batch)
		batch = batch[:0]
		for _, i := range q.mu.items {
			batch = append(batch, i.item)
		}
		clear(q.mu.items)
		q.mu.items, q.mu.bytes = q.mu.items[:0], 0
		q.mu.Unlock()
		work(batch)
	}
}

// close takes nothing more, and waits until what there is was worked on. When
// ctx ends first, what still waits is forgotten.
func (q *queue[T]) close(ctx context.Context) error {
	q.mu.Lock()
	q.mu.closed = true
	if !q.mu.running {
		q.mu.Unlock()
		return nil
	}
	if q.mu.idle == nil {
		q.mu.idle = make(chan struct{})
	}
	idle := q.mu.idle
	q.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		q.mu.Lock()
		clear(q.mu.items)
		q.mu.items, q.mu.bytes = nil, 0
		q.mu.Unlock()
		return ctx.Err()
	}
}
