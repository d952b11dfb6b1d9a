package main

import (
	"context"
	"log"
	"sync/atomic"
	"time"

	"moonwire/plugins/sdk"
)

// record is a row of the database.
type record struct {
	at                        time.Time
	kind                      string // "publish", the type of an event, or "lost"
	client                    uint64
	user, account, name, host string
	subject, queue, reason    string
	size                      int // bytes of a message; of "lost", how many records
}

func newRecord(at time.Time, kind string, c *sdk.Client) record {
	r := record{at: at, kind: kind}
	if c != nil {
		r.client, r.user, r.account, r.name, r.host = c.ID, c.User, c.Account, c.Name, c.Host
	}
	return r
}

// store is where records go. One goroutine uses it.
type store interface {
	insert(records []record) error
	// prune removes some of what is older than a time, and reports whether there is more.
	prune(before time.Time) (more bool, err error)
}

type sinkOptions struct {
	queue, batch     int
	flush, retention time.Duration
}

// pruneEvery is how often old records are removed.
const pruneEvery = time.Hour

// sink writes records in batches.
type sink struct {
	store store
	o     sinkOptions
	queue chan record
	lost  atomic.Int64 // records that no record tells of yet
	wants chan chan struct{}
	end   chan struct{}
	ended chan struct{}
}

func newSink(s store, o sinkOptions) *sink {
	k := &sink{
		store: s, o: o, queue: make(chan record, o.queue),
		wants: make(chan chan struct{}), end: make(chan struct{}), ended: make(chan struct{}),
	}
	go k.run()
	return k
}

// add takes a record, or counts it as lost if there is no room. It never waits.
func (k *sink) add(r record) {
	select {
	case k.queue <- r:
	default:
		k.lost.Add(1)
	}
}

// drain returns when all that was added before has been written, or lost.
func (k *sink) drain(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case k.wants <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close writes what is there and ends the sink.
func (k *sink) close() {
	close(k.end)
	<-k.ended
}

// run is the goroutine that writes.
func (k *sink) run() {
	defer close(k.ended)
	flush, prune := time.NewTicker(k.o.flush), time.NewTicker(pruneEvery)
	defer flush.Stop()
	defer prune.Stop()
	k.prune()
	batch := make([]record, 0, k.o.batch+1) // one for what was lost
	for {
		select {
		case r := <-k.queue:
			if batch = append(batch, r); len(batch) >= k.o.batch {
				batch = k.write(batch)
			}
		case <-flush.C:
			batch = k.write(batch)
		case <-prune.C:
			k.prune()
		case done := <-k.wants:
			batch = k.empty(batch)
			close(done)
		case <-k.end:
			k.empty(batch)
			return
		}
	}
}

// empty writes the batch and what waits behind it.
func (k *sink) empty(batch []record) []record {
	for n := len(k.queue); n > 0; n-- { // more may come all the time
		if batch = append(batch, <-k.queue); len(batch) >= k.o.batch {
			batch = k.write(batch)
		}
	}
	return k.write(batch)
}

// write writes a batch, and a record of what was lost, and returns an empty batch. What
// the database does not take is lost: it must not fill the memory.
func (k *sink) write(batch []record) []record {
	lost := k.lost.Swap(0)
	if lost > 0 {
		batch = append(batch, record{at: time.Now(), kind: "lost", size: int(lost)})
	}
	if len(batch) == 0 {
		return batch
	}
	if err := k.store.insert(batch); err != nil {
		n := int64(len(batch)) // the one of what was lost stands for as many as it says
		if lost > 0 {
			n += lost - 1
		}
		k.lost.Add(n)
		log.Printf("%d records are lost: %v", n, err)
	}
	return batch[:0]
}

// prune removes what is too old, a part at a time.
func (k *sink) prune() {
	for len(k.queue) < cap(k.queue)/2 {
		more, err := k.store.prune(time.Now().Add(-k.o.retention))
		if err != nil {
			log.Printf("removing old records: %v", err)
		}
		if !more || err != nil {
			return
		}
	}
}
